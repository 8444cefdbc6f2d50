"""The figures of docs/care.md: false alarms over 1,000 person-days of plausible lives, and how long silence
lasts before it is told."""

import random
from datetime import datetime, timedelta
from statistics import median

from server.rhythm.core import Deviation
from server.rhythm.usual import SLOT, Day, Learned, learn
from tests.unit.server.rhythm.lives import POLICY, days, moment, somebody, watched

PEOPLE, LEARN, TRY = 50, 28, 20
FALLS = {"02:00": 120, "09:30": 570, "15:00": 900}


def test_false_alarms_and_delay_are_as_the_documentation_says() -> None:
    """A twentieth person-day with a warning at most, an hundredth with more; a fall by day is told of within
    about four hours, one at night in the morning."""
    soft: set[tuple[int, datetime]] = set()
    hard: set[tuple[int, datetime]] = set()
    delays: dict[str, list[float]] = {name: [] for name in FALLS}
    for seed in range(PEOPLE):
        life = days(somebody(random.Random(seed * 7 + 1)), LEARN + TRY + 1, seed=seed)
        learned = learn(life[:LEARN], POLICY)
        begin = moment(life[LEARN].date, 0)
        for now, found in watched(life[LEARN - 1 : LEARN + TRY], learned, every=3):
            if now >= begin and isinstance(found, Deviation):
                soft.add((seed, found.since))
                if found.hard:
                    hard.add((seed, found.since))
        if seed < 15:
            for name, minute in FALLS.items():
                delays[name].append(_delay(life[LEARN - 1 : LEARN + 1], minute, learned))
    figures = {
        "person-days": PEOPLE * TRY,
        "warnings": len(soft),
        "major": len(hard),
        **{f"delay {name} h": round(median(each), 1) for name, each in delays.items()},
    }
    print(figures)  # noqa: T201 - the documentation's figures, shown by pytest -s
    assert len(soft) <= 60, figures
    assert len(hard) <= 25, figures
    assert median(delays["09:30"]) <= 4.5, figures
    assert median(delays["15:00"]) <= 5, figures
    assert median(delays["02:00"]) <= 8, figures


def _delay(life: list[Day], minute: int, learned: Learned) -> float:
    """Hours from a fall into silence until it is called major."""
    before, day = life
    cut = Day(day.date, day.active & ((1 << minute // SLOT) - 1))
    after = [Day(day.date + timedelta(days=n), 0) for n in (1, 2)]
    fall = moment(day.date, minute)
    for now, found in watched([before, cut, *after], learned, every=3):
        if now >= fall and isinstance(found, Deviation) and found.hard:
            return (now - fall).total_seconds() / 3600
    raise AssertionError("a fall was never told of")
