"""Hikvision's events (ISAPI, `AccessControllerEvent`) without the people in them.

Rules: documents in, events out. What a profile may read is listed here, everything else is gone before the
event goes anywhere: names, employee and card numbers, and the addresses of pictures are never kept.
Written from public samples of the push and of the terminals' event search.
"""

from collections.abc import Iterable, Mapping
from typing import Any, Final

from edge.core.envelopes import EnvelopeError, EnvelopeFault

EVENT: Final = "AccessControllerEvent"
_OUTER: Final = ("eventType", "eventState", "dateTime", "macAddress", "deviceID", "ipAddress")
"""Of the notification: what happened, when, and which terminal says so."""
_INNER: Final = (
    "majorEventType",
    "subEventType",
    "serialNo",
    "currentEvent",
    "thermometryUnit",
    "currTemperature",
    "isAbnomalTemperature",
    "mask",
    "helmet",
    "doorNo",
)
LONGEST_TEXT: Final = 64
_CELSIUS: Final = "celsius"


def events(documents: Iterable[Any]) -> list[dict[str, Any]]:
    """The events of one message. A notification that is no access event is kept as a sign of life. Raises
    EnvelopeError if there is none."""
    found: list[dict[str, Any]] = []
    for document in documents:
        for one in document if isinstance(document, list) else (document,):
            notification = one.get("EventNotificationAlert", one) if isinstance(one, dict) else None
            if isinstance(notification, dict):
                event = _without_people(notification)
                if event:
                    found.append(event)
    if not found:
        raise EnvelopeError(EnvelopeFault.SHAPE, "event", "no notification of a terminal")
    return found


def name_of(event: Mapping[str, Any]) -> str | None:
    """What is the same however often the terminal sends the event: its serial number and time. The number
    alone starts anew when a terminal is reset."""
    inner = event.get(EVENT)
    serial = inner.get("serialNo") if isinstance(inner, Mapping) else None
    return None if serial is None else f"{serial}@{event.get('dateTime')}"


def _without_people(notification: Mapping[str, Any]) -> dict[str, Any]:
    event = _chosen(notification, _OUTER)
    given = notification.get(EVENT)
    if isinstance(given, Mapping):
        inner = _chosen(given, _INNER)
        if "currTemperature" in inner:
            inner.setdefault("thermometryUnit", _CELSIUS)  # the terminals' own default
        event[EVENT] = inner
    return event


def _chosen(fields: Mapping[str, Any], names: Iterable[str]) -> dict[str, Any]:
    """These fields, as far as they are single values."""
    chosen: dict[str, Any] = {}
    for name in names:
        value = fields.get(name)
        if isinstance(value, str):
            value = value[:LONGEST_TEXT]
        if isinstance(value, bool | int | float | str) and value != "":
            chosen[name] = value
    return chosen
