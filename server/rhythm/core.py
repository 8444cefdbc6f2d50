"""A rhythm: learned from days of activity, and how far now is from it. Pure: values in, values out.

A day is divided into slots of five minutes; what is known of it is two sets of slots, kept as bits: those
with activity, and those in which data was missing. Numbers of time are minutes.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from enum import StrEnum
from statistics import median
from typing import Final

from server.rhythm.policy import RhythmPolicy

SLOT: Final = 5
SLOTS: Final = 24 * 60 // SLOT
ALL_DAY: Final = (1 << SLOTS) - 1
_CONFIRMED: Final = (10, 90)
"""Somebody is up when the first activity is followed by more, this many minutes later: not so on the way to
the toilet and back."""
_HIGH: Final = 0.95
_FEW: Final = 5
"""Days that an hour of the day needs to speak for itself."""
_STEP: Final = timedelta(minutes=30)
_AHEAD: Final = timedelta(hours=48)


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Fixed:
    """What a manager has laid down for one resident, instead of what is learned."""

    off: bool = False
    up_by: int | None = None
    quiet: int | None = None
    reason: str = ""


class Kind(StrEnum):
    """What a deviation is."""

    NOT_UP = "not_up"
    QUIET = "quiet"
    NO_USE = "no_use"


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """Where things stand: the newest activity, if there was any since `fresh_from`, the moment from which
    quiet can be concluded (data without a gap, at home, watched); when the resident was up today; which kinds
    of sensor there are (motion, door, water, bed)."""

    last: datetime | None
    fresh_from: datetime
    up_at: datetime | None = None
    kinds: frozenset[str] = frozenset()

    @property
    def since(self) -> datetime:
        """Since when it is quiet."""
        return self.fresh_from if self.last is None else max(self.last, self.fresh_from)


@dataclass(frozen=True, slots=True, kw_only=True)
class Deviation:
    """Today is not as usual: quiet since when, what is usual (minutes after midnight for `not_up`, minutes of
    quiet else), and whether it lasts long already."""

    kind: Kind
    since: datetime
    usual: int
    limit: int
    hard: bool
    learned_days: int = 0


def slots_of(mask: int) -> list[int]:
    """The slots that are set, in order."""
    return [n for n in range(mask.bit_length()) if mask >> n & 1]


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
    so does one about the usual time."""
    slots = _after_night(active, policy)
    confirmed = _up(slots, confirmed_only=True)
    if confirmed is not None:
        return confirmed
    early = 0 if usual is None else usual.up_early
    return next((s * SLOT for s in slots if s * SLOT >= early or minute - s * SLOT < _CONFIRMED[1]), None)


def judge(
    learned: Learned, fixed: Fixed, policy: RhythmPolicy, state: State, *, now: datetime
) -> Deviation | None:
    """What is not as usual now; None where nothing is, or where the resident is not watched so."""
    if fixed.off:
        return None
    local = now.astimezone(policy.tz)
    usual = learned.on(local.date())
    if usual is None and fixed.up_by is None and fixed.quiet is None:
        return _no_use(policy, state, now=now)
    minute = local.hour * 60 + local.minute
    if minute >= policy.night_end and not _is_up(state, local.date(), policy):
        if state.fresh_from > datetime.combine(local.date(), _clock(policy.night_end), policy.tz):
            return _quiet(learned, usual, fixed, policy, state, now=now, hour=local.hour)
        return _not_up(learned, usual, fixed, policy, state, minute=minute)
    return _quiet(learned, usual, fixed, policy, state, now=now, hour=local.hour)


def next_look(
    learned: Learned, fixed: Fixed, policy: RhythmPolicy, state: State, *, now: datetime
) -> datetime:
    """The first moment from now on at which `judge` will find something, should nothing happen; at most two
    days ahead."""
    return _first(
        lambda at: judge(learned, fixed, policy, state, now=at) is not None, now=now, end=now + _AHEAD
    )


def earliest_look(
    learned: Learned,
    fixed: Fixed,
    policy: RhythmPolicy,
    *,
    last: datetime,
    kinds: frozenset[str],
    now: datetime,
) -> datetime:
    """The same where only the newest activity is known: never later than the truth."""
    usual = learned.on(now.astimezone(policy.tz).date())
    looks = [State(last=last, fresh_from=last, up_at=last, kinds=kinds)]
    local = last.astimezone(policy.tz)
    latest = policy.night_end if usual is None else usual.up_late
    if local.hour * 60 + local.minute < (fixed.up_by or latest):
        night = datetime.combine(local.date(), time(0), policy.tz)
        looks.append(State(last=last, fresh_from=night, up_at=None, kinds=kinds))
    return min(next_look(learned, fixed, policy, state, now=now) for state in looks)


def longest_quiet(usual: Usual, hour: int) -> int | None:
    """The longest usual quiet at this hour, or of the hour before: habits do not keep to the hour."""
    at = [usual.quiet[h] for h in (hour - 1, hour) if h >= 0]
    said = [minutes for minutes in at if minutes is not None]
    if said:
        return max(said)
    return next((minutes for minutes in usual.quiet[hour:] if minutes is not None), None)


def water_low(litres: float, policy: RhythmPolicy) -> bool:
    """Whether a day's water is too little."""
    return litres < policy.low_water_litres


def water_high(litres: float, policy: RhythmPolicy) -> bool:
    """Whether a day's water is too much."""
    return litres > policy.high_water_litres


def is_leak(half_hours: Sequence[float | None], policy: RhythmPolicy) -> bool:
    """Whether water ran in each of the newest half hours (litres each, oldest first; None: not known)."""
    newest = half_hours[-policy.leak_half_hours :]
    return len(newest) == policy.leak_half_hours and all(each is not None and each > 0 for each in newest)


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
        up_early=round(quantile(ups, 1 - _HIGH)) - 30,
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


def _is_up(state: State, day: date, policy: RhythmPolicy) -> bool:
    return state.up_at is not None and state.up_at.astimezone(policy.tz).date() == day


def _not_up(
    learned: Learned, usual: Usual | None, fixed: Fixed, policy: RhythmPolicy, state: State, *, minute: int
) -> Deviation | None:
    if fixed.up_by is not None:
        shown = limit = fixed.up_by
    elif usual is not None:
        shown, limit = usual.up_late, usual.up_late + policy.up_margin
    else:
        return None
    if minute < limit:
        return None
    return Deviation(
        kind=Kind.NOT_UP,
        since=state.since,
        usual=shown,
        limit=limit,
        hard=minute >= limit + policy.hard_after,
        learned_days=learned.days,
    )


def _quiet(
    learned: Learned,
    usual: Usual | None,
    fixed: Fixed,
    policy: RhythmPolicy,
    state: State,
    *,
    now: datetime,
    hour: int,
) -> Deviation | None:
    if fixed.quiet is not None:
        shown: int | None = fixed.quiet
        limit = fixed.quiet
    else:
        shown = None if usual is None else longest_quiet(usual, hour)
        if shown is None:
            return None
        limit = max(shown * policy.quiet_percent // 100 + policy.quiet_margin, policy.quiet_least)
    assert shown is not None
    quiet = (now - state.since) // timedelta(minutes=1)
    if quiet < limit:
        return None
    return Deviation(
        kind=Kind.QUIET,
        since=state.since,
        usual=shown,
        limit=limit,
        hard=quiet >= limit + policy.hard_after,
        learned_days=learned.days,
    )


def _no_use(policy: RhythmPolicy, state: State, *, now: datetime) -> Deviation | None:
    """Nothing is learned: the shortest of the fixed times of the sensors that there are."""
    hours = {
        "water": policy.fixed_water_hours,
        "door": policy.fixed_door_hours,
        "motion": policy.fixed_motion_hours,
        "bed": policy.fixed_motion_hours,
    }
    limit = min((hours[kind] for kind in state.kinds if kind in hours), default=0) * 60
    quiet = (now - state.since) // timedelta(minutes=1)
    if not limit or quiet < limit:
        return None
    return Deviation(kind=Kind.NO_USE, since=state.since, usual=limit, limit=limit, hard=True)


def _first(holds: Callable[[datetime], bool], *, now: datetime, end: datetime) -> datetime:
    before, at = now, now
    while not holds(at):
        if at >= end:
            return end
        before, at = at, at + _STEP
    while at - before > timedelta(minutes=1):
        middle = before + (at - before) / 2
        if holds(middle):
            at = middle
        else:
            before = middle
    return at


def _clock(minute: int) -> time:
    return time(minute // 60, minute % 60)
