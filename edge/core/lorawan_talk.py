"""What a LoRaWAN network server says besides uplinks, and how it is asked to send a downlink.

Rules: topics and bytes in, values out. A device is registered by the topic of its uplinks; its other topics
follow from that one:

- ChirpStack v4: `application/APP/device/EUI/event/{up,join,status,ack,txack,log}`, `…/command/down`. A
  downlink's `id` comes back as `queueItemId`, so outcomes need no memory of ours. Its JSON leaves out what is
  false or zero.
- The Things Stack v3: `v3/APP@TENANT/devices/DEV/{up,join}`, `…/down/{push,queued,sent,ack,nack,failed}`.
  What comes back is the list of `correlation_ids`.
"""

import base64
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

import msgspec

from edge.commanding import Outcome, Stage
from edge.core.envelopes import json_object
from edge.driver import cut
from firmware_profiles import Downlink

Network = Literal["chirpstack", "things_stack"]
_CHIRPSTACK: Final = re.compile(
    r"(?P<base>(?:.+/)?application/[^/]+/device/(?P<device>[0-9a-fA-F]{16})/)event/up"
)
_THINGS_STACK: Final = re.compile(r"(?P<base>v3/[^/]+/devices/(?P<device>[^/]+)/)up")
_CORRELATION: Final = "sunwell:command:"
_UUID: Final = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


@dataclass(frozen=True, slots=True)
class Talk:
    """A device at its network server. `base` is what all its topics begin with, slash included."""

    network: Network
    base: str
    device: str


@dataclass(frozen=True, slots=True)
class Joined:
    """The device has joined the network anew: it was switched on, or lost it."""


@dataclass(frozen=True, slots=True)
class BatteryTold:
    """The battery as the device told the network, 0 to 100 %. None where it does not know, or has none."""

    percent: float | None


News = Outcome | Joined | BatteryTold


def talk_of(topic: str) -> Talk | None:
    """The device whose uplinks come on this topic; None if it is neither server's form."""
    forms: tuple[tuple[Network, re.Pattern[str]], ...] = (
        ("chirpstack", _CHIRPSTACK),
        ("things_stack", _THINGS_STACK),
    )
    for network, form in forms:
        match = form.fullmatch(topic)
        if match is not None:
            return Talk(network, match["base"], match["device"])
    return None


def news_topics(talk: Talk) -> dict[str, str]:
    """The topics on which there is news of the device, each with the name of what it says."""
    suffixes = {
        "chirpstack": [f"event/{name}" for name in ("join", "status", "ack", "txack", "log")],
        "things_stack": ["join", *(f"down/{name}" for name in ("queued", "sent", "ack", "nack", "failed"))],
    }
    return {talk.base + suffix: suffix for suffix in suffixes[talk.network]}


def shared(topic: str) -> str:
    """The subscription that has this news of all devices of an application."""
    return re.sub(r"(/devices?/)[^/]+/", r"\1+/", topic, count=1)


def downlink(talk: Talk, key: str, order: Downlink) -> tuple[str, bytes]:
    """Topic and payload that have the network send the order. Raises ValueError if `key` is no UUID, which
    ChirpStack takes for none at all: the outcome would never be known."""
    if not _UUID.fullmatch(key):
        raise ValueError(f"a command's id must be a UUID in lower case, got {cut(key, 40)!r}")
    data = base64.b64encode(order.body).decode()
    if talk.network == "chirpstack":
        document: dict[str, Any] = {
            "id": key,
            "devEui": talk.device.lower(),
            "confirmed": order.confirmed,
            "fPort": order.port,
            "data": data,
        }
        return f"{talk.base}command/down", msgspec.json.encode(document)
    one = {
        "f_port": order.port,
        "frm_payload": data,
        "priority": "NORMAL",
        "confirmed": order.confirmed,
        "correlation_ids": [f"{_CORRELATION}{key}"],
    }
    return f"{talk.base}down/push", msgspec.json.encode({"downlinks": [one]})


def read_news(what: str, payload: bytes) -> News | None:
    """What a message on a topic of `news_topics` says (`what` is its name there); None if it is nothing of
    ours. Raises EnvelopeError."""
    document = json_object(payload)
    reader = _READERS.get(what)
    return None if reader is None else reader(document)


def _joined(_document: Mapping[str, Any]) -> News:
    return Joined()


def _status(document: Mapping[str, Any]) -> News:
    level = document.get("batteryLevel", 0.0)
    unknown = document.get("batteryLevelUnavailable") or document.get("externalPowerSource")
    if unknown or isinstance(level, bool) or not isinstance(level, int | float) or not 0 <= level <= 100:
        return BatteryTold(None)
    return BatteryTold(float(level))


def _chirpstack_ack(document: Mapping[str, Any]) -> News | None:
    key = _key(document.get("queueItemId"))
    if key is None:
        return None
    if document.get("acknowledged") is True:
        return Outcome(key=key, detail="the device has confirmed it")
    return Outcome(
        key=key, ok=False, detail="the device did not confirm it: bring it into range, then repeat"
    )


def _chirpstack_sent(document: Mapping[str, Any]) -> News | None:
    key = _key(document.get("queueItemId"))
    return None if key is None else Outcome(key=key, stage=Stage.TRANSMITTED, detail="radioed to the device")


def _chirpstack_log(document: Mapping[str, Any]) -> News | None:
    context = document.get("context")
    key = _key(context.get("queue_item_id")) if isinstance(context, dict) else None
    if key is None or document.get("level") != "ERROR":
        return None
    why = f"{document.get('code', '')}: {document.get('description', '')}"
    return Outcome(key=key, ok=False, detail=cut(f"the network server refused it: {why}"))


def _things_stack(stage: Stage, detail: str, *, ok: bool = True) -> Any:
    def read(document: Mapping[str, Any]) -> News | None:
        key = _correlated(document)
        return None if key is None else Outcome(key=key, ok=ok, stage=stage, detail=detail)

    return read


def _things_stack_failed(document: Mapping[str, Any]) -> News | None:
    failed = document.get("downlink_failed")
    inner = failed.get("downlink") if isinstance(failed, dict) else None
    key = _correlated(document) or (_correlated(inner) if isinstance(inner, dict) else None)
    if key is None:
        return None
    error = failed.get("error") if isinstance(failed, dict) else None
    why = error.get("message_format") or error.get("name") if isinstance(error, dict) else "no reason given"
    return Outcome(key=key, ok=False, detail=cut(f"the network server refused it: {why}"))


def _correlated(document: Mapping[str, Any]) -> str | None:
    """The command that a message of The Things Stack is about."""
    lists = [document.get("correlation_ids")]
    lists += [part.get("correlation_ids") for part in document.values() if isinstance(part, dict)]
    for given in lists:
        for one in given if isinstance(given, list) else ():
            if isinstance(one, str) and one.startswith(_CORRELATION):
                return _key(one.removeprefix(_CORRELATION))
    return None


def _key(value: object) -> str | None:
    return value.lower() if isinstance(value, str) and _UUID.fullmatch(value.lower()) else None


_READERS: Final[dict[str, Any]] = {
    "event/join": _joined,
    "event/status": _status,
    "event/ack": _chirpstack_ack,
    "event/txack": _chirpstack_sent,
    "event/log": _chirpstack_log,
    "join": _joined,
    "down/queued": _things_stack(Stage.QUEUED, "in the network's queue"),
    "down/sent": _things_stack(Stage.TRANSMITTED, "radioed to the device"),
    "down/ack": _things_stack(Stage.DONE, "the device has confirmed it"),
    "down/nack": _things_stack(
        Stage.DONE, "the device did not confirm it: bring it into range, then repeat", ok=False
    ),
    "down/failed": _things_stack_failed,
}
