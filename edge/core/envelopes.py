"""Takes a message out of what carried it: plain MQTT, Zigbee2MQTT, Home Assistant's
discovery, ChirpStack v4, The Things Stack v3.

Rules: bytes in, an `Envelope` out. What cannot be read at all raises `EnvelopeError`. A time that cannot be
read does not: it is left out and named in `time_problem`, since a press without a time is still a press.
A network server's message without application bytes (a radio answer only) is `None`: nothing to decode.
"""

import base64
import binascii
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any, Final

import msgspec

MAXIMUM_BODY_BYTES: Final = 65_536
"""Larger messages are refused unread. The largest seen from a sensor is a few kilobytes; a face terminal's
picture (some 100 kB) is personal data that we do not want."""

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


class EnvelopeFault(StrEnum):
    """What is wrong with a message, as far as it matters for what to do."""

    OVERSIZED = "oversized"
    TEXT = "invalid_utf8"
    JSON = "invalid_json"
    SHAPE = "unexpected_shape"


class EnvelopeError(ValueError):
    """The message cannot be taken apart. `where` is a path in it ("uplink_message.frm_payload")."""

    def __init__(self, fault: EnvelopeFault, where: str, what: str) -> None:
        super().__init__(f"{where}: {what}")
        self.fault = fault
        self.where = where
        self.what = what


@dataclass(frozen=True, slots=True, kw_only=True)
class Envelope:
    """A message without its wrapping.

    `body` goes to the profile's decoder with `port` (LoRaWAN FPort). `time_ms` is the source's own time.
    `key` is the network server's name of this uplink, the same however often it is delivered.
    `rssi_dbm` and `snr_db` are of the best receiving radio gateway. `battery_percent` is what the device has
    told the network server.
    """

    body: bytes
    port: int | None = None
    time_ms: int | None = None
    time_problem: str | None = None
    key: str | None = None
    rssi_dbm: float | None = None
    snr_db: float | None = None
    battery_percent: float | None = None


def open_plain(payload: bytes) -> Envelope:
    """The payload as it came."""
    _check_size(payload)
    return Envelope(body=payload)


def open_zigbee2mqtt(payload: bytes) -> Envelope:
    """Zigbee2MQTT's state message: a JSON object; `last_seen`, where switched on, is the device's time."""
    state = json_object(payload)
    time_ms, problem = _time(state, "last_seen")
    return Envelope(body=payload, time_ms=time_ms, time_problem=problem)


def open_home_assistant(payload: bytes) -> Envelope:
    """A state message as Home Assistant's templates see it: `value` is its text, `value_json` its document.

    The body is made anew, {"value": …, "value_json": …}; what is no JSON has no `value_json`.
    """
    _check_size(payload)
    try:
        text = payload.decode().strip()
    except UnicodeDecodeError as error:
        raise EnvelopeError(EnvelopeFault.TEXT, f"byte {error.start}", "not UTF-8") from None
    wrapped: dict[str, Any] = {"value": text}
    try:
        wrapped["value_json"] = msgspec.json.decode(payload)
        body = msgspec.json.encode(wrapped)
    except (msgspec.DecodeError, RecursionError):
        body = msgspec.json.encode({"value": text})
    return Envelope(body=body)


def open_lorawan(payload: bytes) -> Envelope | None:
    """An uplink of ChirpStack v4 or The Things Stack v3, told apart by its shape."""
    uplink = json_object(payload)
    if "uplink_message" in uplink:
        return _open_things_stack(uplink)
    if "deviceInfo" in uplink or "deduplicationId" in uplink or "fCnt" in uplink:
        return _open_chirpstack(uplink)
    raise EnvelopeError(
        EnvelopeFault.SHAPE,
        "uplink",
        "neither ChirpStack v4 (deviceInfo) nor The Things Stack v3 (uplink_message)",
    )


OPENERS: Final = {
    "mqtt": open_plain,
    "zigbee2mqtt": open_zigbee2mqtt,
    "home_assistant": open_home_assistant,
    "lorawan": open_lorawan,
}
"""By `Profile.transport`."""


def read_time(value: object) -> int:
    """Milliseconds since 1970 of a time as sources write it: ISO 8601 with a zone, or a number of ms.

    Raises ValueError. Fractions finer than a millisecond are cut.
    """
    if isinstance(value, bool):
        raise ValueError("a truth value is no time")  # noqa: TRY004 - one error for "not a time", whatever it is
    if isinstance(value, int | float):
        return int(value)
    if isinstance(value, str):
        moment = datetime.fromisoformat(value)
        if moment.tzinfo is None:
            raise ValueError("a time without a zone")
        return (moment - _EPOCH) // timedelta(milliseconds=1)
    raise ValueError(f"a {type(value).__name__} is no time")


def json_object(payload: bytes) -> dict[str, Any]:
    """The JSON object that a message is. Raises EnvelopeError."""
    _check_size(payload)
    try:
        payload.decode()
    except UnicodeDecodeError as error:
        raise EnvelopeError(
            EnvelopeFault.TEXT, f"byte {error.start}", "not UTF-8 (is this a binary payload?)"
        ) from None
    try:
        value = msgspec.json.decode(payload)
    except (msgspec.DecodeError, RecursionError) as error:
        raise EnvelopeError(EnvelopeFault.JSON, "message", str(error)) from None
    if not isinstance(value, dict):
        raise EnvelopeError(EnvelopeFault.SHAPE, "message", f"a JSON {type(value).__name__}, not an object")
    return value


def _open_chirpstack(uplink: Mapping[str, Any]) -> Envelope | None:
    if not uplink.get("data"):
        return None
    received = uplink.get("rxInfo")
    time_ms, problem = _time(uplink, "time") if "time" in uplink else _gateway_time(received)
    rssi, snr = _best_signal(received)
    key = uplink.get("deduplicationId")
    if not isinstance(key, str) or not key:
        # Frame counters start anew with each join: only with address and time do they name one uplink.
        key = f"{uplink.get('devAddr')}:{uplink.get('fCnt')}:{uplink.get('time')}"
    return Envelope(
        body=_base64(uplink["data"], "data"),
        port=_port(uplink, "fPort", ""),
        time_ms=time_ms,
        time_problem=problem,
        key=key,
        rssi_dbm=rssi,
        snr_db=snr,
    )


def _open_things_stack(uplink: Mapping[str, Any]) -> Envelope | None:
    message = uplink["uplink_message"]
    if not isinstance(message, dict):
        raise EnvelopeError(EnvelopeFault.SHAPE, "uplink_message", "not an object")
    if not message.get("frm_payload"):
        return None
    when = message if "received_at" in message else uplink
    time_ms, problem = _time(when, "received_at")
    rssi, snr = _best_signal(message.get("rx_metadata"))
    return Envelope(
        body=_base64(message["frm_payload"], "uplink_message.frm_payload"),
        port=_port(message, "f_port", "uplink_message."),
        time_ms=time_ms,
        time_problem=problem,
        key=f"{message.get('session_key_id')}:{message.get('f_cnt')}:{when.get('received_at')}",
        rssi_dbm=rssi,
        snr_db=snr,
        battery_percent=_battery(message.get("last_battery_percentage")),
    )


def _check_size(payload: bytes) -> None:
    if len(payload) > MAXIMUM_BODY_BYTES:
        raise EnvelopeError(
            EnvelopeFault.OVERSIZED,
            "message",
            f"{len(payload)} bytes, more than the {MAXIMUM_BODY_BYTES} allowed",
        )


def _time(fields: Mapping[str, Any], name: str) -> tuple[int | None, str | None]:
    value = fields.get(name)
    if value is None:
        return None, None
    try:
        return read_time(value), None
    except (ValueError, OverflowError) as error:
        return None, f"{name}: {error}"


def _battery(told: object) -> float | None:
    value = told.get("value") if isinstance(told, dict) else None
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 100:
        return None
    return float(value)


def _gateway_time(receivers: object) -> tuple[int | None, str | None]:
    """The first time that a receiving radio gateway (`gwTime`) or the network server (`nsTime`) gives."""
    for name in ("gwTime", "nsTime"):
        for receiver in receivers if isinstance(receivers, list) else ():
            if isinstance(receiver, dict) and receiver.get(name) is not None:
                return _time(receiver, name)
    return None, None


def _base64(value: object, where: str) -> bytes:
    if not isinstance(value, str):
        raise EnvelopeError(EnvelopeFault.SHAPE, where, f"a {type(value).__name__}, not base64 text")
    try:
        return base64.b64decode(value, validate=True)
    except (binascii.Error, ValueError) as error:
        raise EnvelopeError(EnvelopeFault.SHAPE, where, f"not base64: {error}") from None


def _port(fields: Mapping[str, Any], name: str, path: str) -> int | None:
    port = fields.get(name)
    if port is None:
        return None
    if isinstance(port, bool) or not isinstance(port, int) or not 0 <= port <= 255:
        raise EnvelopeError(EnvelopeFault.SHAPE, f"{path}{name}", "not a number from 0 to 255")
    return port


def _best_signal(receivers: object) -> tuple[float | None, float | None]:
    best: tuple[float, float | None] | None = None
    for receiver in receivers if isinstance(receivers, list) else ():
        if not isinstance(receiver, dict) or not isinstance(receiver.get("rssi"), int | float):
            continue
        snr = receiver.get("snr")
        if best is None or receiver["rssi"] > best[0]:
            best = float(receiver["rssi"]), float(snr) if isinstance(snr, int | float) else None
    return best or (None, None)
