"""How far now is from what is usual for a resident. Pure: values in and out. Numbers of time are minutes."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from enum import StrEnum
from typing import Final

from server.rhythm.policy import RhythmPolicy
from server.rhythm.usual import Learned, Usual, longest_quiet

_STEP: Final = timedelta(minutes=30)
_AHEAD: Final = timedelta(hours=48)


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
    of sensor there are (motion, door, water, bed); the litres of the newest hours, where a meter told."""

    last: datetime | None
    fresh_from: datetime
    up_at: datetime | None = None
    kinds: frozenset[str] = frozenset()
    litres: float | None = None

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
    without: frozenset[str] = frozenset()  # kinds of sensor that are silent and were left out


def judge(
    learned: Learned, fixed: Fixed, policy: RhythmPolicy, state: State, *, now: datetime
) -> Deviation | None:
    """What is not as usual now; None where nothing is, or where the resident is not watched so."""
    if fixed.off:
        return None
    local = now.astimezone(policy.tz)
    usual = learned.on(local.date())
    minute = local.hour * 60 + local.minute
    if minute >= policy.night_end and not _is_up(state, local.date(), policy):
        night_end = datetime.combine(local.date(), _clock(policy.night_end), policy.tz)
        if state.fresh_from <= night_end and (usual is not None or fixed.up_by is not None):
            return _not_up(learned, usual, fixed, policy, state, minute=minute)
    if usual is None and fixed.quiet is None:
        return _no_use(policy, state, now=now)
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
    if state.litres is not None and state.litres >= policy.fixed_water_litres:
        del hours["water"]
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
