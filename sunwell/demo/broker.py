"""The embedded brokers: amqtt, for the demo only.

There are two, as in the field, where the gateway's devices have a broker of their own: one that any device
may speak to, and an inner one for gateways and server, each with a password. They are kept apart because
amqtt sends a new client every retained message that anybody subscribed to.
"""

import logging
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Final

from amqtt.broker import Broker
from amqtt.contexts import BrokerConfig, ListenerConfig
from amqtt.plugins.base import BaseAuthPlugin
from amqtt.session import Session

PLUGIN: Final = "sunwell.demo.broker.DemoLogin"


class DemoLogin(BaseAuthPlugin):
    """Checks passwords, where there are any; otherwise everybody is let in."""

    @dataclass
    class Config:
        """Passwords by user."""

        passwords: dict[str, str] = field(default_factory=dict)

    async def authenticate(self, *, session: Session) -> bool | None:
        """Whether the log-in is right."""
        passwords: dict[str, str] = self.config.passwords
        known = passwords.get(session.username or "")
        return not passwords or (known is not None and known == session.password)


@asynccontextmanager
async def running_broker(*, host: str, port: int, passwords: Mapping[str, str]) -> AsyncIterator[None]:
    """A broker on host:port for these users, or for everybody where there are none. Raises OSError where
    the port is taken."""
    logging.getLogger("amqtt").setLevel(logging.CRITICAL)
    config = BrokerConfig(
        listeners={"default": ListenerConfig(bind=f"{host}:{port}")},
        plugins={PLUGIN: {"passwords": dict(passwords)}},
    )
    broker = Broker(config)
    await broker.start()
    try:
        yield
    finally:
        await broker.shutdown()
