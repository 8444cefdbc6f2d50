"""Where the broker is, what it sends, and how talking to it fails."""

import ssl
from dataclasses import dataclass
from pathlib import Path
from typing import Literal


@dataclass(frozen=True, slots=True, kw_only=True)
class Broker:
    """Where the broker is and how to log in. `ca_file` switches TLS on; "" takes the system's authorities.

    `version` "3.1.1" is for brokers without MQTT 5. They are found out by trial as well, but one that does
    not answer at all to the newer log-in (amqtt) costs three seconds each start."""

    host: str = "127.0.0.1"
    port: int = 1883
    username: str | None = None
    password_file: Path | None = None
    ca_file: str | None = None
    certificate_file: Path | None = None
    key_file: Path | None = None
    version: Literal["5", "3.1.1"] = "5"


@dataclass(frozen=True, slots=True)
class Message:
    """A message as it came. `size` is that of the payload, which is empty if it was too large to be kept.
    `topic` is None if it is not UTF-8."""

    topic: str | None
    payload: bytes
    size: int
    qos: int
    mid: int
    dup: bool
    retained: bool


class BrokerError(ConnectionError):
    """The broker could not be reached, refused us, or went away. To be tried again later."""


class VersionRefusedError(BrokerError):
    """The broker refused MQTT 5, or had no answer to it. To be tried again at once with 3.1.1."""


class PublishError(Exception):
    """A message was refused, or nobody was there to take it. Trying again at once changes nothing."""


def tls_context(broker: Broker) -> ssl.SSLContext:
    """What TLS needs; reads files. Raises OSError."""
    context = ssl.create_default_context(cafile=broker.ca_file or None)
    if broker.certificate_file is not None:
        context.load_cert_chain(broker.certificate_file, broker.key_file)
    return context
