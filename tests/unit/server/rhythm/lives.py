"""Invented lives: what the sensors of one home would see, day for day. Seeded: a figure is a figure."""

import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

from server.rhythm.core import Fixed, State, judge
from server.rhythm.policy import RhythmPolicy
from server.rhythm.usual import SLOT, Day, Learned, learn, up_today

POLICY = RhythmPolicy()
FIRST = date(2026, 2, 2)
"""A Monday."""
MOTION = frozenset({"motion"})


@dataclass(frozen=True)
class Habits:
    """How somebody lives: minutes after midnight, and chances a day."""

    up: float = 7 * 60
    up_spread: float = 25
    bed: float = 22 * 60
    bed_spread: float = 35
    toilets: int = 1
    nap: float = 0.5
    outing: float = 0.45
    long_outing: float = 0.02
    lie_in: float = 0.04
    every: float = 9.0


def somebody(chance: random.Random) -> Habits:
    """A plausible person."""
    return Habits(
        up=chance.gauss(6.6 * 60, 45),
        up_spread=chance.uniform(10, 35),
        bed=chance.gauss(21.8 * 60, 45),
        bed_spread=chance.uniform(15, 45),
        toilets=chance.randint(0, 3),
        nap=chance.choice((0.0, 0.3, 0.8)),
        outing=chance.uniform(0.2, 0.8),
        every=chance.uniform(5, 14),
    )


def day_of(habits: Habits, chance: random.Random) -> list[int]:
    """The minutes of one day at which something moved; above 1440 it is the next day already."""
    up = chance.gauss(habits.up, habits.up_spread)
    if chance.random() < habits.lie_in:
        up += chance.uniform(40, 100)
    bed = max(chance.gauss(habits.bed, habits.bed_spread), up + 600)
    away: list[tuple[float, float]] = []
    if chance.random() < habits.nap:
        start = chance.gauss(12.8 * 60, 20)
        away.append((start, start + chance.uniform(40, 120)))
    if chance.random() < habits.outing:
        start = chance.choice((9.2, 15.5)) * 60 + chance.gauss(0, 30)
        away.append((start, start + chance.uniform(40, 150)))
    if chance.random() < habits.long_outing:
        start = chance.uniform(9, 13) * 60
        away.append((start, start + chance.uniform(240, 420)))
    seen = [up, up + chance.uniform(3, 9)]
    at = up
    while at < bed:
        at += chance.expovariate(1 / (habits.every * (2 if at > 19 * 60 else 1)))
        if not any(start < at < end for start, end in away):
            seen.append(at)
    for _ in range(habits.toilets):
        walk = chance.uniform(bed + 60, habits.up + 24 * 60 - 60)
        seen += [walk, walk + chance.uniform(2, 6)]
    return sorted(round(each) for each in seen)


def days(habits: Habits, count: int, *, seed: int, first: date = FIRST) -> list[Day]:
    """That many days of a life."""
    chance = random.Random(seed)
    masks = [0] * (count + 2)
    for n in range(count):
        for minute in day_of(habits, chance):
            over, rest = divmod(max(minute, 0), 24 * 60)
            masks[n + over] |= 1 << rest // SLOT
    return [Day(first + timedelta(days=n), masks[n]) for n in range(count)]


def moment(day: date, minute: int, policy: RhythmPolicy = POLICY) -> datetime:
    """That minute of that day, by the wall clock."""
    return datetime.combine(day, time(minute // 60, minute % 60), policy.tz).astimezone(UTC)


def watched(
    life: list[Day],
    learned: Learned,
    *,
    policy: RhythmPolicy = POLICY,
    fixed: Fixed | None = None,
    kinds: frozenset[str] = MOTION,
    every: int = 1,
) -> Iterator[tuple[datetime, object]]:
    """What `judge` says, each `every` slots, through these days: (moment, deviation)."""
    fixed = fixed or Fixed()
    last: datetime | None = None
    begin = moment(life[0].date, 0, policy)
    for day in life:
        seen, usual, midnight = 0, learned.on(day.date), moment(day.date, 0, policy)
        for slot in range(288):
            now = midnight + timedelta(minutes=slot * SLOT)
            if slot % every == 0:
                up = up_today(seen, usual, policy, minute=slot * SLOT)
                state = State(
                    last=last,
                    fresh_from=begin,
                    up_at=None if up is None else midnight + timedelta(minutes=up),
                    kinds=kinds,
                )
                yield now, judge(learned, fixed, policy, state, now=now)
            if day.active >> slot & 1:
                seen |= 1 << slot
                last = now + timedelta(minutes=SLOT)


def learned_of(habits: Habits, *, seed: int, count: int = 28) -> Learned:
    """What is learned from so many days of this life."""
    return learn(days(habits, count, seed=seed), POLICY)
