"""Which points tell that somebody moves about at home, and what of them is activity. Pure.

A state is activity when it changes: a radar that goes on seeing somebody sees one who lies still too. What a
fall, a press or a test says is no daily life and is left out.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final

from firmware_profiles import Profile
from server.timeseries.store import TEXT, Bucket, TextValue


class How(StrEnum):
    """What of a point is activity: a change of its value, growth, any number above nothing, or one of some
    texts."""

    CHANGES = "changes"
    GROWS = "grows"
    POSITIVE = "positive"
    HAPPENS = "happens"


@dataclass(frozen=True, slots=True, kw_only=True)
class Sign:
    """A point that tells of activity. `kind` is motion, bed, door or water; `numeric` is how it is stored;
    `ignored` are values that somebody on the floor brings about too; `litres` is the unit's size."""

    point: str
    kind: str
    how: How
    numeric: bool
    happens: frozenset[str] = frozenset()
    ignored: frozenset[str] = frozenset()
    litres: float = 0.0


DRIP_LITRES: Final = 1.0
"""Less water than this within five minutes drips: nobody has to be there for it."""
_FALLING: Final = frozenset({"falling", "fall", "fall_alarm", "fall_warning", "maybe_fall", "low_posture"})
_TRIGGERED: Final = frozenset({"triggered"})
_STATES: Final[Mapping[str, str]] = {
    "occupancy": "motion",
    "presence": "motion",
    "activity": "motion",
    "posture": "motion",
    "room_state": "motion",
    "motion": "motion",
    "in_trip": "motion",
    "cover_open": "door",
    "open": "door",
}
_EVENTS: Final[Mapping[str, str]] = {"out_of_bed": "bed", "occupied": "motion", "vacant": "motion"}
_COUNTERS: Final[Mapping[str, str]] = {"motion_count": "motion", "open_count": "door"}
_AMOUNTS: Final[Mapping[str, str]] = {"motion": "motion"}
_VOLUMES: Final[Mapping[str, float]] = {"m3": 1000.0, "L": 1.0}


def signs_of(profile: Profile) -> tuple[Sign, ...]:
    """The points of this model that tell of activity in a home."""
    found = [_sign(profile, name) for name in profile.points]
    return tuple(sign for sign in found if sign is not None)


def silent_after_ms(profile: Profile) -> int | None:
    """After what silence this model counts as silent; None where nobody can tell."""
    if profile.heartbeat is None:
        return None
    return max(mode.silent_after for mode in profile.heartbeat.modes.values())


def active_now(sign: Sign, value: float | str, before: float | str | None) -> bool:
    """Whether this value, coming after `before` (None: not known), is activity."""
    if sign.how is How.HAPPENS:
        return value in sign.happens
    if isinstance(value, str):
        return before is not None and value != before and value not in sign.ignored
    if sign.how is How.POSITIVE:
        return value > 0
    if before is None or isinstance(before, str):
        return False
    return _is_growth(sign, value - before) if sign.how is How.GROWS else value != before


def active_in(sign: Sign, buckets: Iterable[Bucket]) -> list[datetime]:
    """The beginnings of the buckets with activity, for what is stored as numbers."""
    found: list[datetime] = []
    before: float | None = None
    for bucket in buckets:
        if sign.how is How.POSITIVE:
            active = bucket.maximum > 0
        elif sign.how is How.GROWS:
            start = bucket.minimum if before is None or bucket.minimum < before else before
            active = _is_growth(sign, bucket.maximum - start)
            before = bucket.maximum
        else:
            active = bucket.minimum != bucket.maximum or (before is not None and bucket.minimum != before)
            before = bucket.minimum if bucket.minimum == bucket.maximum else None
        if active:
            found.append(bucket.time)
    return found


def active_at(sign: Sign, texts: Iterable[TextValue]) -> list[datetime]:
    """The moments of activity, for what is stored as texts."""
    found: list[datetime] = []
    before: str | None = None
    for value in texts:
        if active_now(sign, value.text, before):
            found.append(value.time)
        before = value.text
    return found


def litres(sign: Sign, buckets: Iterable[Bucket]) -> list[tuple[datetime, float]]:
    """What a meter counted in each bucket: from the end of the one before to its own end. A meter that goes
    back to nothing begins again."""
    found: list[tuple[datetime, float]] = []
    before: float | None = None
    for bucket in buckets:
        start = bucket.minimum if before is None or bucket.minimum < before else before
        found.append((bucket.time, max(0.0, bucket.maximum - start) * sign.litres))
        before = bucket.maximum
    return found


def stored_name(sign: Sign) -> str:
    """The store's field of the point."""
    return sign.point if sign.numeric else sign.point + TEXT


def _is_growth(sign: Sign, by: float) -> bool:
    return by * sign.litres >= DRIP_LITRES if sign.litres else by > 0


def _sign(profile: Profile, name: str) -> Sign | None:
    point = profile.points[name]
    if point.kind == "measure":
        return _measure(name, str(point.unit or ""))
    if point.kind == "event":
        kind = _EVENTS.get(name)
        return (
            None
            if kind is None
            else Sign(point=name, kind=kind, how=How.HAPPENS, numeric=False, happens=_TRIGGERED)
        )
    kind = _STATES.get(name)
    return (
        None
        if kind is None
        else Sign(point=name, kind=kind, how=How.CHANGES, numeric=point.is_boolean, ignored=_FALLING)
    )


def _measure(name: str, unit: str) -> Sign | None:
    if unit in _VOLUMES:
        return Sign(point=name, kind="water", how=How.GROWS, numeric=True, litres=_VOLUMES[unit])
    if name in _COUNTERS:
        return Sign(point=name, kind=_COUNTERS[name], how=How.GROWS, numeric=True)
    kind = _AMOUNTS.get(name)
    return None if kind is None else Sign(point=name, kind=kind, how=How.POSITIVE, numeric=True)
