"""What a platform or terminal pushes, as messages of single devices: who sent it, when, and its payload.

Rules: documents in, items and contents out. A `Shape` says for each kind of sender where these stand; a
device's own address may say it otherwise, since on some platforms the customer decides.

An item is named, so that a repeated delivery is known, only where it carries its sender's time or an id: its
digest then is the name. Two equal messages without either may be two presses of a button.
"""

import base64
import binascii
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any, Final, Literal

import msgspec

from edge.core import hikvision
from edge.core.envelopes import EnvelopeError, EnvelopeFault, read_time
from firmware_profiles.decode.json_document import split_path

Item = dict[str, Any]
Encoding = Literal["json", "text", "base64", "hex"]
Kind = Literal["hikvision", "webhook", "ctwing", "onenet", "iotda"]

LONGEST_IDENTITY: Final = 128
MOST_ITEMS: Final = 1_000
"""In one message; the largest batches of the platforms are a few hundred."""
_SECONDS_BELOW: Final = 100_000_000_000
"""A smaller number is seconds: as milliseconds it would lie before March 1973."""


@dataclass(frozen=True, slots=True)
class Payload:
    """Where the payload stands in an item ("" is all of it), and how its bytes are written there."""

    path: str
    encoding: Encoding = "json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """Where things stand in a sender's messages.

    `identity`, `payloads` and `times` are tried in order. A `feed` speaks for many devices: what one of them
    says wrongly is reported and answered 200, so that the platform does not hold back the others.
    `name` gives what is the same in a repeated delivery, where the kind has something better than a digest.
    """

    items: Callable[[Sequence[Any]], list[Item]]
    identity: tuple[str, ...]
    payloads: tuple[Payload, ...] = (Payload(""),)
    times: tuple[str, ...] = ()
    ids: tuple[str, ...] = ()
    feed: bool = False
    name: Callable[[Item], str | None] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Content:
    """One device's message: its payload, the sender's time and name of it."""

    body: bytes
    time_ms: int | None = None
    time_problem: str | None = None
    name: str | None = None


def find(document: Any, path: str) -> Any:
    """What stands at `a.b[0]`; None if nothing does. "" is the document itself."""
    for step in split_path(path):
        inside = (isinstance(document, dict) and step in document) or (
            isinstance(document, list) and isinstance(step, int) and step < len(document)
        )
        if not inside:
            return None
        document = document[step]
    return document


def identity_text(value: Any) -> str | None:
    """An identity as it is compared: text without case; None for what can be none."""
    if isinstance(value, bool) or not isinstance(value, str | int):
        return None
    text = str(value).strip().lower()
    return text if 0 < len(text) <= LONGEST_IDENTITY else None


def items_of(shape: Shape, documents: Sequence[Any]) -> list[Item]:
    """The messages of single devices in a push. Raises EnvelopeError for what cannot be one."""
    found = shape.items(documents)
    if len(found) > MOST_ITEMS:
        raise EnvelopeError(EnvelopeFault.SHAPE, "message", f"more than the {MOST_ITEMS} messages allowed")
    return found


def content_of(shape: Shape, item: Item) -> Content | None:
    """What a message says; None if it has no payload (a notice of the platform). Raises EnvelopeError."""
    payload, value = next(
        (
            (payload, value)
            for payload in shape.payloads
            if (value := find(item, payload.path)) not in (None, "")
        ),
        (None, None),
    )
    if payload is None:
        return None
    body = _body(value, payload)
    given = next((value for path in shape.times if (value := find(item, path)) is not None), None)
    time_ms, problem = _time(given)
    if shape.name is not None:
        return Content(body=body, name=shape.name(item))
    named = given is not None or any(find(item, path) is not None for path in shape.ids)
    digest = blake2b(msgspec.json.encode(item), digest_size=12).hexdigest() if named else None
    return Content(body=body, time_ms=time_ms, time_problem=problem, name=digest)


def _body(value: Any, payload: Payload) -> bytes:
    if payload.encoding == "json":
        # A document may itself be written as text inside the message.
        return value.encode() if isinstance(value, str) else msgspec.json.encode(value)
    if not isinstance(value, str):
        raise EnvelopeError(EnvelopeFault.SHAPE, payload.path, f"a {type(value).__name__}, not a text")
    try:
        if payload.encoding == "base64":
            return base64.b64decode(value, validate=True)
        if payload.encoding == "hex":
            return bytes.fromhex(value)
        return value.encode()
    except (binascii.Error, ValueError) as error:
        detail = f"not {payload.encoding}: {str(error)[:80]}"
        raise EnvelopeError(EnvelopeFault.SHAPE, payload.path, detail) from None


def _time(value: Any) -> tuple[int | None, str | None]:
    if value is None:
        return None, None
    try:
        if isinstance(value, str) and value.isdecimal() and len(value) <= 16:
            value = int(value)
        if isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < _SECONDS_BELOW:
            value *= 1_000
        return read_time(value), None
    except (ValueError, OverflowError) as error:
        return None, f"the sender's time: {str(error)[:100]}"


def _whole(documents: Sequence[Any]) -> list[Item]:
    """Each object, and each object of a list."""
    found: list[Item] = []
    for document in documents:
        found += [one for one in (document if isinstance(document, list) else [document]) if _is_item(one)]
    if not found:
        raise EnvelopeError(EnvelopeFault.SHAPE, "document", "neither an object nor a list of objects")
    return found


def _onenet(documents: Sequence[Any]) -> list[Item]:
    """The messages in `msg`, which is an object, a list of them, or either as text."""
    found: list[Item] = []
    for document in _whole(documents):
        message = document.get("msg")
        if isinstance(message, str):
            try:
                message = msgspec.json.decode(message)
            except (msgspec.DecodeError, RecursionError, UnicodeError) as error:
                raise EnvelopeError(EnvelopeFault.JSON, "msg", str(error)[:100]) from None
        found += _whole([message])
    return found


def _iotda(documents: Sequence[Any]) -> list[Item]:
    """Each service of a device that reported, or its message, with the header that names the device."""
    found: list[Item] = []
    for document in _whole(documents):
        header = {"header": find(document, "notify_data.header")}
        event: Item = {name: document[name] for name in ("event_time", "event_time_ms") if name in document}
        body = find(document, "notify_data.body")
        services = body.get("services") if isinstance(body, dict) else None
        parts = services if isinstance(services, list) else [body]
        found += [{**event, **part, **header} for part in parts if _is_item(part)]
    return found


def _is_item(value: Any) -> bool:
    return isinstance(value, dict)


SHAPES: Final[dict[Kind, Shape]] = {
    "hikvision": Shape(
        items=hikvision.events,
        identity=("macAddress", "deviceID", "ipAddress"),
        name=hikvision.name_of,
    ),
    "webhook": Shape(
        items=_whole,
        identity=("device", "device_id", "deviceId", "imei", "IMEI", "sn"),
        times=("time", "timestamp", "ts"),
        ids=("id", "message_id", "messageId"),
    ),
    "ctwing": Shape(
        items=_whole,
        identity=("IMEI", "deviceId"),
        payloads=(Payload("payload.APPdata", "base64"), Payload("payload"), Payload("eventContent")),
        times=("timestamp",),
        feed=True,
    ),
    "onenet": Shape(
        items=_onenet,
        identity=("imei", "deviceName", "dev_name", "dev_id"),
        payloads=(Payload("data"), Payload("value")),
        times=("at", "data.time"),
        ids=("data.id",),
        feed=True,
    ),
    "iotda": Shape(
        items=_iotda,
        identity=("header.node_id", "header.device_id"),
        payloads=(Payload("properties"), Payload("content")),
        times=("event_time", "event_time_ms"),
        feed=True,
    ),
}
"""From public samples of each platform's pushes. `ctwing` is China Telecom's AEP, `onenet` China Mobile's,
`iotda` Huawei's."""
