"""What is usual for one resident, learned from days of activity. Pure: values in, values out.

A day is divided into slots of five minutes; what is known of it is two sets of slots, kept as bits: those
with activity, and those in which data was missing. Numbers of time are minutes.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from statistics import median
from typing import Final

from server.rhythm.policy import RhythmPolicy

SLOT: Final = 5
SLOTS: Final = 24 * 60 // SLOT
ALL_DAY: Final = (1 << SLOTS) - 1
_CONFIRMED: Final = (10, 90)
"""Somebody is up when the first activity is followed by more, this many minutes later: not so on the way to
the toilet and back."""
_MUCH_TOO_EARLY: Final = 60
_EARLY: Final = 0.2
_BEFORE: Final = 45
"""Up about the usual time is up to this much before the earliest fifth: nearer the median than the latest,
for ways at night make days look early."""
_HIGH: Final = 0.95
_FEW: Final = 5
"""Days that an hour of the day needs to speak for itself."""


@dataclass(frozen=True, slots=True)
class Day:
    """What is known of one day: bit n of `active` and `missing` is the slot from 5 n minutes on."""

    date: date
    active: int
    missing: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Usual:
    """What is usual on a kind of day: minutes after midnight, and by hour the longest quiet, in minutes."""

    days: int
    up: int
    up_spread: int
    up_early: int
    up_late: int
    night: int
    quiet: list[int | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Learned:
    """What was learned: from how many valid days of how many looked at; by kind of day ("all", or "work" and
    "rest" where there is enough of both)."""

    days: int = 0
    left_out: int = 0
    first: date | None = None
    last: date | None = None
    usual: dict[str, Usual] = field(default_factory=dict)

    def on(self, day: date) -> Usual | None:
        """What is usual on this day; None where too little is known."""
        return self.usual.get("rest" if day.weekday() >= 5 else "work", self.usual.get("all"))


def slots_of(mask: int) -> list[int]:
    """The slots that are set, in order."""
    found = []
    while mask:
        found.append((mask & -mask).bit_length() - 1)
        mask &= mask - 1
    return found


def learn(days: Sequence[Day], policy: RhythmPolicy) -> Learned:
    """What is usual, from the valid days among these. A day with too much missing, or without any activity
    (away, or worse: neither is usual), is left out."""
    known = {day.date: day for day in days}
    valid = [day for day in sorted(days, key=lambda each: each.date) if _is_valid(day, policy)]
    left_out = len(days) - len(valid)
    if len(valid) < policy.minimum_days:
        return Learned(days=len(valid), left_out=left_out)
    work = [day for day in valid if day.date.weekday() < 5]
    rest = [day for day in valid if day.date.weekday() >= 5]
    groups = {"all": valid}
    if min(len(work), len(rest)) >= policy.minimum_days:
        groups |= {"work": work, "rest": rest}
    return Learned(
        days=len(valid),
        left_out=left_out,
        first=valid[0].date,
        last=valid[-1].date,
        usual={name: _usual(group, known, policy) for name, group in groups.items()},
    )


def up_minute(day: Day, policy: RhythmPolicy) -> int | None:
    """When the resident was up that day: the first activity after the night that is followed by more; where
    none is, the first."""
    return _up(_after_night(day.active, policy), confirmed_only=False)


def up_today(active: int, usual: Usual | None, policy: RhythmPolicy, *, minute: int) -> int | None:
    """The same while the day goes on, at `minute`: an activity that may still be followed by more counts, and
    so does one about the usual time. What is much too early for this resident is the night's still."""
    slots = _after_night(active, policy)
    if usual is None:
        return slots[0] * SLOT if slots else None
    slots = [slot for slot in slots if slot * SLOT >= usual.up_early - _MUCH_TOO_EARLY]
    confirmed = _up(slots, confirmed_only=True)
    if confirmed is not None:
        return confirmed
    about = (s * SLOT for s in slots if s * SLOT >= usual.up_early or minute - s * SLOT < _CONFIRMED[1])
    return next(about, None)


def longest_quiet(usual: Usual, hour: int) -> int | None:
    """The longest usual quiet at this hour, or of the hour before: habits do not keep to the hour."""
    at = [usual.quiet[h] for h in (hour - 1, hour) if h >= 0]
    said = [minutes for minutes in at if minutes is not None]
    if said:
        return max(said)
    return next((minutes for minutes in usual.quiet[hour:] if minutes is not None), None)


def quantile(values: Iterable[float], share: float) -> float:
    """The value below which `share` of the values lie, between two of them where it falls there."""
    ordered = sorted(values)
    place = share * (len(ordered) - 1)
    below = int(place)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (ordered[above] - ordered[below]) * (place - below)


def _is_valid(day: Day, policy: RhythmPolicy) -> bool:
    return day.active != 0 and day.missing.bit_count() * SLOT <= policy.missing_minutes


def _usual(group: Sequence[Day], known: Mapping[date, Day], policy: RhythmPolicy) -> Usual:
    ups = [up for day in group if (up := up_minute(day, policy)) is not None]
    ups = ups or [policy.night_end]
    middle = median(ups)
    spread = 1.4826 * median(abs(up - middle) for up in ups)
    by_hour: list[list[int]] = [[] for _ in range(24)]
    for day in group:
        for hour, quiet in _quiet_of(day, known.get(day.date - timedelta(days=1)), policy).items():
            by_hour[hour].append(quiet)
    return Usual(
        days=len(group),
        up=round(middle),
        up_spread=round(spread),
        up_early=round(quantile(ups, _EARLY)) - _BEFORE,
        up_late=round(max(quantile(ups, _HIGH), min(middle + 2 * spread, max(ups)))),
        night=round(median(slots_of(day.active)[-1] * SLOT for day in group)),
        quiet=[round(quantile(each, _HIGH)) if len(each) >= _FEW else None for each in by_hour],
    )


def _quiet_of(day: Day, before: Day | None, policy: RhythmPolicy) -> dict[int, int]:
    """By hour: the longest time since the last activity. After the night it counts from when they were up."""
    last: int | None = None
    if before is not None and before.active and not before.missing >> before.active.bit_length():
        last = before.active.bit_length() - 1 - SLOTS
    up = up_minute(day, policy)
    found: dict[int, int] = {}
    for slot in range(SLOTS):
        if day.missing >> slot & 1:
            last = None
            continue
        by_night = slot * SLOT < policy.night_end
        if last is not None and (by_night or (up is not None and up < slot * SLOT)):
            from_slot = last if by_night or up is None else max(last, up // SLOT)
            hour = slot * SLOT // 60
            found[hour] = max(found.get(hour, 0), (slot - from_slot) * SLOT)
        if day.active >> slot & 1:
            last = slot
    return found


def _after_night(active: int, policy: RhythmPolicy) -> list[int]:
    return [slot for slot in slots_of(active) if slot * SLOT >= policy.night_end]


def _up(slots: Sequence[int], *, confirmed_only: bool) -> int | None:
    least, most = _CONFIRMED
    for place, slot in enumerate(slots):
        later = ((other - slot) * SLOT for other in slots[place + 1 :])
        if any(least <= minutes <= most for minutes in later):
            return slot * SLOT
    return slots[0] * SLOT if slots and not confirmed_only else None
