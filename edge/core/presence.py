"""Who can be reached, and what is news: Zigbee2MQTT and Home Assistant devices between their messages.

Rules: readings, states and `now_ms` go in, values come out. A press is never held back, and neither is a
value that was not known before: only what brings nothing new can be called stale.

Theory of operation. Zigbee2MQTT repeats its whole cache: with every message, and for all devices when it
starts. Such a repetition is no sign that the device lives. It is known by `last_seen` where that is switched
on (it did not move), else by its moment: within a minute after the bridge came up, or while the bridge or the
device cannot be reached. A device that was lost says its last known values once more, as stale.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final

import msgspec

from edge.core.home_assistant import Availability, AvailabilityTopic
from edge.core.templates import Template
from edge.readings import Quality, Reading, TimeSource, Value
from firmware_profiles import Profile

STARTING_MS: Final = 60_000
"""Within this time after its start, Zigbee2MQTT has sent its cache (a few seconds for 200 devices)."""
RADIO: Final = frozenset({"linkquality", "rssi", "snr"})
"""The bridge's own measurements: no news from the device."""


@dataclass(slots=True)
class _Known:
    reading: Reading
    values: dict[str, Value]


@dataclass(slots=True)
class Presence:
    """What was last heard. `availability` is Home Assistant's, by state topic."""

    availability: Mapping[str, Availability] = field(default_factory=dict)
    _bridges: dict[str, bool] = field(default_factory=dict)
    _started_ms: dict[str, int] = field(default_factory=dict)
    _devices: dict[str, bool] = field(default_factory=dict)
    _words: dict[str, tuple[int, str]] = field(default_factory=dict)
    _known: dict[str, _Known] = field(default_factory=dict)

    def bridge(self, base: str, *, online: bool, retained: bool, now_ms: int) -> None:
        """The bridge at `base` says that it is there, or its last will that it is not."""
        if online and not retained:
            self._started_ms[base] = now_ms
        self._bridges[base] = online

    def device(self, topic: str, *, online: bool) -> None:
        """The bridge says whether the device at `topic` can be reached."""
        self._devices[topic] = online

    def word(self, topic: str, text: str) -> None:
        """What stands on a topic of `availability`, its template applied."""
        order = 1 + max((order for order, _ in self._words.values()), default=0)
        self._words[topic] = (order, text)

    def reachable(self, topic: str) -> bool:
        """False only where somebody said that it is not."""
        if any(not online and topic.startswith(f"{base}/") for base, online in self._bridges.items()):
            return False
        return self._devices.get(topic, True) and self._announced(topic)

    def judged(self, reading: Reading, topic: str, profile: Profile) -> Reading:
        """The reading, stale if it only repeats what was known."""
        if reading.quality is not Quality.GOOD:
            return reading
        events = {name for name in reading.points if profile.points[name].kind == "event"}
        known = self._known.get(reading.device)
        values = {name: value for name, value in reading.points.items() if name not in events}
        pressed = any(reading.points[name] not in (False, "") for name in events)
        news = known is None or any(
            known.values.get(name) != value for name, value in values.items() if name not in RADIO
        )
        if known is not None and not news and not pressed and self._repeats(reading, known, topic):
            return replace(reading, quality=Quality.STALE)
        self._known[reading.device] = _Known(reading, {**(known.values if known else {}), **values})
        return reading

    def lost(self, device: str, now_ms: int) -> Reading | None:
        """The device's last known values, stale, at their own time; None if nothing is known of it."""
        known = self._known.get(device)
        if known is None or not known.values:
            return None
        return replace(
            known.reading,
            points=dict(known.values),
            status={},
            quality=Quality.STALE,
            received_ms=now_ms,
            key=None,
        )

    def keep_only(self, devices: set[str]) -> None:
        """Forget all others."""
        self._known = {name: known for name, known in self._known.items() if name in devices}

    def _repeats(self, reading: Reading, known: _Known, topic: str) -> bool:
        if reading.time_source is TimeSource.DEVICE:
            return reading.time_ms <= known.reading.time_ms
        if not self.reachable(topic):
            return True
        started = (at_ms for base, at_ms in self._started_ms.items() if topic.startswith(f"{base}/"))
        return any(0 <= reading.received_ms - at_ms <= STARTING_MS for at_ms in started)

    def _announced(self, topic: str) -> bool:
        wanted = self.availability.get(topic)
        if wanted is None:
            return True
        heard = [(self._words[one.topic], one) for one in wanted.topics if one.topic in self._words]
        said = [(order, _means(one, text)) for (order, text), one in heard]
        verdicts = [online for _, online in sorted(said, key=lambda pair: pair[0]) if online is not None]
        if not verdicts:
            return True
        if wanted.mode == "latest":
            return verdicts[-1]
        return any(verdicts) if wanted.mode == "any" else all(verdicts)


def availability_word(template: Template | None, payload: bytes) -> str:
    """The text that a template makes of an availability message; the message itself without one."""
    text = payload[:4_096].decode("utf-8", "replace").strip()
    if template is None or template.path == ("value",):
        return text[:80]
    value = _document(payload)
    for step in template.path[1:]:
        inside = (isinstance(value, dict) and step in value) or (
            isinstance(value, list) and isinstance(step, int) and step < len(value)
        )
        if not inside:
            return ""
        value = value[step]
    if template.comparison is not None:
        operator, compared = template.comparison
        return str((value == compared) == (operator == "==")) if operator in ("==", "!=") else ""
    return str(value)[:80]


def _means(one: AvailabilityTopic, text: str) -> bool | None:
    return {one.online: True, one.offline: False}.get(text)


def _document(payload: bytes) -> Any:
    try:
        return msgspec.json.decode(payload)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
