"""Makes readings of what the decoder found: time, key, quality, and what a retained message may say.

The key, which lets the gateway drop a message that is delivered twice, is the first that the message has:

1. the network server's own name of the uplink;
2. the profile's key (a frame or record counter), with a digest of the message, since counters start anew;
3. the transport's name of the delivery (see `edge.drivers.mqtt.deliveries`);
4. none: a message of QoS 0 is never sent twice.

A device's time is no key: a clock that stands still would make one message of all presses.

A point outside its range gets a reading of its own, of quality bad: it must not drag down an alarm that
came in the same message. A good sample without points is a sign of life. A retained message was sent at some
time in the past: its states become a stale reading, its events are left out.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from edge.core.times import judge_time
from edge.readings import Quality, Reading, Value
from firmware_profiles import Point, Profile, Sample

RETAINED_EVENT: Final = "an event in a retained message is left out: it was sent at some time in the past"


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """Where samples come from and how they came. `signal` holds radio values by point name."""

    device: str
    position: str
    profile: Profile
    received_ms: int
    time_ms: int | None = None
    retained: bool = False
    own_key: str | None = None
    delivery_key: str | None = None
    digest: str = ""
    signal: Mapping[str, float] | None = None


@dataclass(frozen=True, slots=True)
class Composed:
    """Readings in the order of the samples, and what was wrong with times and retained events."""

    readings: tuple[Reading, ...]
    time_problems: tuple[str, ...]
    retained_events: int


def compose(origin: Origin, samples: tuple[Sample, ...]) -> Composed:
    """The readings of one message or poll."""
    readings: list[Reading] = []
    problems: list[str] = []
    retained_events = 0
    for index, sample in enumerate(samples):
        device_ms = origin.time_ms if sample.time_ms is None else sample.time_ms
        time_ms, source, problem = judge_time(device_ms, origin.received_ms)
        if problem is not None:
            problems.append(problem)
        key = _key(origin, sample)
        if key is not None and index:
            key = f"{key}#{index}"
        points, wrong, events = _points(origin, sample)
        retained_events += events
        base = Quality.STALE if origin.retained else Quality.GOOD
        for quality, part, status, mark in _parts(base, points, wrong, sample.status):
            readings.append(
                Reading(
                    position=origin.position,
                    device=origin.device,
                    family=origin.profile.family,
                    time_ms=time_ms,
                    received_ms=origin.received_ms,
                    points=part,
                    status=status,
                    quality=quality,
                    time_source=source,
                    key=None if key is None else key + mark,
                )
            )
    return Composed(tuple(readings), tuple(problems), retained_events)


def _parts(
    base: Quality, points: Mapping[str, Value], wrong: frozenset[str], status: Mapping[str, str]
) -> Iterator[tuple[Quality, Mapping[str, Value], Mapping[str, str], str]]:
    """What is good and what is bad, each with the mark of its key; nothing at all is a sign of life only if
    it is good."""
    if not wrong:
        if points or status or base is Quality.GOOD:
            yield base, points, status, ""
        return
    good = {name: value for name, value in points.items() if name not in wrong}
    if good or status:
        yield base, good, status, ""
    bad = {name: value for name, value in points.items() if name in wrong}
    if bad:
        yield Quality.BAD, bad, {}, "!"


def _points(origin: Origin, sample: Sample) -> tuple[Mapping[str, Value], frozenset[str], int]:
    """The sample's points, with the radio's where the profile has them; which of them are outside their
    ranges; and how many events were left out."""
    if not origin.signal and not origin.retained:
        return sample.points, sample.bad, 0
    known = origin.profile.points
    radio = {name: value for name, value in (origin.signal or {}).items() if name in known}
    wrong = {name for name, value in radio.items() if not _inside(known[name], value)}
    points = radio | dict(sample.points)
    bad = sample.bad | (wrong - sample.points.keys())
    if not origin.retained:
        return points, bad, 0
    kept = {name: value for name, value in points.items() if known[name].kind != "event"}
    return kept, bad, len(points) - len(kept)


def _inside(point: Point, value: float) -> bool:
    return point.range is None or point.range[0] <= value <= point.range[1]


def _key(origin: Origin, sample: Sample) -> str | None:
    if origin.own_key is not None:
        return f"n{origin.own_key}"
    if sample.key is not None:
        return f"p{sample.key}:{origin.digest}"
    return origin.delivery_key
