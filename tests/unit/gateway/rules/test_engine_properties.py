"""The rule engine under any order, doubling, cut and restart (Hypothesis)."""

from collections.abc import Sequence
from itertools import count
from random import Random

from hypothesis import given
from hypothesis import strategies as st

from edge.readings import Reading, Value
from gateway.rules.engine import Engine
from gateway.rules.model import Event, Rule, Silence, State, Threshold
from gateway.rules.outcomes import Outcome
from tests.unit.gateway.rules.scenes import at, rule, said

RULES: tuple[Rule, ...] = (
    rule(State(point="status", values=("fall",)), "fall"),
    rule(State(point="status", values=("lying",), for_ms=4_000), "lying"),
    rule(Threshold(point="level", side="above", limit=5, clear=3), "water"),
    rule(Threshold(point="level", side="above", limit=7, for_ms=3_000), "flood"),
    rule(Event(point="sos", debounce_ms=1_500), "sos"),
    rule(Silence(after_ms=6_000), "silence"),
)
ORDER_FREE = {"fall", "sos"}

POINTS = st.fixed_dictionaries(
    {},
    optional={
        "status": st.sampled_from(["fall", "lying", "empty"]),
        "level": st.integers(0, 9),
        "sos": st.sampled_from(["press", "long"]),
    },
)
STEPS = st.lists(st.tuples(st.integers(1, 40), POINTS), max_size=24)


def story(steps: Sequence[tuple[int, dict[str, Value]]]) -> list[Reading]:
    """Readings in the order of their times, each with a time of its own."""
    readings: list[Reading] = []
    tenths = 0
    for gap, points in steps:
        tenths += gap
        readings.append(said(tenths / 10, points))
    return readings


def new_engine(numbers: "count[int]", started_ms: int) -> Engine:
    return Engine(new_breach=lambda: f"b{next(numbers)}", started_ms=started_ms)


def play(
    readings: Sequence[Reading], *, cuts: frozenset[int] = frozenset(), stored: str = "export"
) -> list[Outcome]:
    """All outcomes of hearing the readings in the given order; the engine is restarted before each cut.

    `stored` is what survives a restart: everything ("export") or only what had to be stored ("changes").
    """
    numbers = count(1)
    judge = new_engine(numbers, at(0))
    told = judge.replace_rules(RULES, at(0))
    disk = {(saved.position, saved.id): saved for saved in judge.take_changes()}
    for index, reading in enumerate(readings):
        now_ms = reading.received_ms
        if index in cuts:
            kept = judge.export() if stored == "export" else list(disk.values())
            judge = new_engine(numbers, now_ms)
            judge.restore(kept, [])
            told += judge.replace_rules(RULES, now_ms)
        told += judge.tick(now_ms)
        told += judge.observe(reading, now_ms)
        disk |= {(saved.position, saved.id): saved for saved in judge.take_changes()}
    return told


def without_silence(told: Sequence[Outcome]) -> list[Outcome]:
    """A restart rightly gives every device a new chance to be heard."""
    return [one for one in told if one.rule.id != "silence"]


def occurrences(told: Sequence[Outcome], name: str) -> list[int]:
    return [one.device_ms for one in told if one.event == "occurred" and one.rule.id == name]


@given(STEPS, st.frozensets(st.integers(0, 24)), st.sampled_from(["export", "changes"]))
def test_a_restart_anywhere_changes_no_outcome(
    steps: list[tuple[int, dict[str, Value]]], cuts: frozenset[int], stored: str
) -> None:
    readings = story(steps)
    whole = without_silence(play(readings))
    assert without_silence(play(readings, cuts=cuts, stored=stored)) == whole


@given(STEPS, st.data())
def test_doubled_readings_change_no_outcome(
    steps: list[tuple[int, dict[str, Value]]], data: st.DataObject
) -> None:
    readings = story(steps)
    doubled: list[Reading] = []
    for reading in readings:
        doubled.append(reading)
        if data.draw(st.booleans()):
            doubled.append(data.draw(st.sampled_from(doubled)))
    events = ("fall", "sos", "water")
    once, twice = play(readings), play(doubled)
    for name in events:
        assert occurrences(twice, name) == occurrences(once, name)


@given(STEPS, st.randoms(use_true_random=False))
def test_in_any_order_every_emergency_is_told_and_no_fall_twice(
    steps: list[tuple[int, dict[str, Value]]],
    chance: Random,
) -> None:
    readings = story(steps)
    mixed = list(readings)
    chance.shuffle(mixed)
    ordered, told = play(readings), play(mixed)
    assert len(occurrences(told, "sos")) >= len(occurrences(ordered, "sos"))
    for reading in readings:
        if reading.points.get("sos"):
            assert any(0 <= reading.time_ms - t <= 1_500 for t in occurrences(told, "sos"))
    assert len(occurrences(told, "fall")) <= len(occurrences(ordered, "fall"))
    assert bool(occurrences(told, "fall")) == bool(occurrences(ordered, "fall"))


@given(STEPS)
def test_breaches_begin_once_and_end_at_most_once(steps: list[tuple[int, dict[str, Value]]]) -> None:
    open_now: dict[str, str] = {}
    for one in play(story(steps)):
        if one.event == "occurred":
            assert one.breach not in open_now
            if one.rule.id != "sos":
                assert one.rule.id not in open_now.values()
                open_now[one.breach] = one.rule.id
        else:
            assert open_now.pop(one.breach) == one.rule.id
