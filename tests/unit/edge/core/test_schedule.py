"""Which device's turn it is: shares of the line, pauses, changes of the devices."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.core.plan import LIMITS, Want
from edge.core.polling import PolledDevice, Request
from edge.core.schedule import LineSchedule
from tests.unit.edge.core.test_polling import Answer, Play, want, well


def devices(
    count: int, *, ms: int = 100, spacing_ms: int = 0, settle_ms: int = 0, patience_ms: int = 500
) -> LineSchedule:
    schedule = LineSchedule()
    for number in range(1, count + 1):
        schedule.add(
            PolledDevice(
                [want(0, 40, ms=ms)],
                name=f"d{number}",
                now_ms=0,
                jitter=0.0,
                spacing_ms=spacing_ms,
                settle_ms=settle_ms,
                patience_ms=patience_ms,
            )
        )
    return schedule


def count(play: Play, *names: str) -> int:
    return sum(name in names for _, name, _, _ in play.asked)


def test_ten_dead_of_fifty_leave_a_busy_line_nine_tenths() -> None:
    dead = {f"d{number}" for number in range(1, 11)}

    def answer(name: str, request: Request) -> Answer:
        return None if name in dead else well(name, request)

    alive = count(
        Play(devices(50), good_ms=20).run(60_000, well), *dead
    )  # a unit's share is the same for all
    play = Play(devices(50), good_ms=20).run(60_000, answer)
    assert len(play.asked) - count(play, *dead) >= 0.9 * 4 * alive  # from the very first minute
    before = count(play, *dead)
    play.run(600_000, answer)
    assert 500 * (count(play, *dead) - before) <= 0.101 * 540_000
    assert count(play, *dead) - before >= 10 * 7  # about once a minute each, in nine minutes


def test_ten_dead_of_fifty_cost_a_line_with_time_no_turn() -> None:
    dead = {f"d{number}" for number in range(1, 11)}

    def answer(name: str, request: Request) -> Answer:
        return None if name in dead else well(name, request)

    play = Play(devices(50, ms=1_000), good_ms=5).run(120_000, answer)
    assert len(play.asked) - count(play, *dead) >= 0.9 * 40 * 120


@pytest.mark.parametrize(
    ("first_ms", "seconds", "kept"),
    [
        (125, 10, 0.85),  # a serial line: who never spoke is waited for a quarter of the time
        (125, 30, 0.95),
        (500, 30, 0.80),  # over TCP the first look at ten dead ones takes five seconds
    ],
)
def test_ten_dead_of_fifty_leave_the_others_their_rate_from_a_cold_start(
    first_ms: int, seconds: int, kept: float
) -> None:
    """The dead ones are asked first, and the line is busy for six tenths of each second."""
    dead = {f"d{number}" for number in range(1, 11)}

    def answer(name: str, request: Request) -> Answer:
        return None if name in dead else well(name, request)

    schedule = devices(50, ms=1_000, settle_ms=500)
    play = Play(schedule, good_ms=12, first_ms=first_ms).run(1_000 * seconds, answer)
    assert len(play.asked) - count(play, *dead) >= kept * 40 * seconds


def test_doubtful_devices_are_waited_for_while_nothing_else_becomes_due() -> None:
    """An alarm poll every second, answered at once, beside a dead unit: none is ever late."""
    schedule = LineSchedule()
    alarm = [want(0, ms=1_000, fast=True)]
    schedule.add(PolledDevice(alarm, name="alarm", now_ms=0, jitter=0.0, patience_ms=500))
    schedule.add(PolledDevice([want(0, ms=1_000)], name="dead", now_ms=0, jitter=0.0, patience_ms=500))
    play = Play(schedule).run(60_000, lambda name, request: None if name == "dead" else well(name, request))
    assert [at for at, name, _, _ in play.asked if name == "alarm"] == list(range(0, 60_000, 1_000))
    assert count(play, "dead") >= 6


def test_where_there_is_no_gap_doubtful_devices_take_a_tenth_of_the_time() -> None:
    schedule = LineSchedule()
    schedule.add(PolledDevice([want(0, ms=200)], name="quick", now_ms=0, jitter=0.0, patience_ms=500))
    schedule.add(PolledDevice([want(0, ms=1_000)], name="dead", now_ms=0, jitter=0.0, patience_ms=500))
    play = Play(schedule).run(600_000, lambda name, request: None if name == "dead" else well(name, request))
    assert 10 <= count(play, "dead") <= 0.1 * 600_000 / 500 + 2
    assert count(play, "quick") >= 0.9 * 3_000


def test_only_a_device_that_never_spoke_is_hurried() -> None:
    device = PolledDevice([want(0)], name="d", now_ms=0, jitter=0.0)
    schedule = LineSchedule()
    schedule.add(device)
    hurried = []

    def answer(_: str, request: Request) -> Answer:
        hurried.append(request.unheard)
        return None if len(hurried) in (1, 4) else [7]

    Play(schedule).run(8_000, answer)
    assert hurried[:6] == [True, False, False, False, False, False]


def test_a_line_of_dead_units_alone_is_looked_through_about_once_a_minute() -> None:
    play = Play(devices(40, ms=1_000)).run(600_000, lambda _, __: None)
    late = [name for at, name, _, _ in play.asked if at > 500_000]
    assert len(set(late)) == 40


def test_a_device_is_left_alone_for_its_spacing_while_others_are_asked() -> None:
    schedule = devices(1, ms=100, spacing_ms=500)
    schedule.add(PolledDevice([want(0, ms=100)], name="quick", now_ms=0, jitter=0.0))
    play = Play(schedule).run(10_000, well)
    assert 19 <= count(play, "d1") <= 20
    assert count(play, "quick") >= 95


def test_after_a_silence_a_device_settles_before_it_is_asked_again() -> None:
    play = Play(devices(1, ms=100, settle_ms=500), timeout_ms=500).run(2_900, lambda _, __: None)
    times = [at for at, _, _, _ in play.asked]
    assert times == [0, 1_000, 2_000]


def test_a_device_that_left_is_not_asked_and_its_answer_harms_nothing() -> None:
    schedule = devices(2, ms=100)
    request = schedule.choose(0)
    assert isinstance(request, Request)
    schedule.remove(request.device.name)
    schedule.answered(request, tuple(range(40)), 10)
    play = Play(schedule).run(2_000, well)
    assert count(play, request.device.name) == 0
    assert len(play.asked) == 20


def test_a_device_that_is_replaced_is_asked_by_its_new_reads() -> None:
    schedule = devices(1, ms=100)
    request = schedule.choose(0)
    assert isinstance(request, Request)
    schedule.add(PolledDevice([want(7, ms=100)], name="d1", now_ms=0, jitter=0.0))
    schedule.silent(request, 10, 0.5)
    play = Play(schedule).run(1_000, well)
    assert {address for _, _, address, _ in play.asked} == {7}


_WANTS = st.builds(
    lambda fc, ms, fast, address, count: Want(
        1, fc, ms, fast, min(address, 65_535), min(count, LIMITS[fc].cap, 65_536 - min(address, 65_535))
    ),
    st.sampled_from([1, 2, 3, 4]),
    st.sampled_from([100, 1_000, 60_000]),
    st.booleans(),
    st.integers(0, 65_535) | st.integers(0, 100),
    st.integers(1, 2_000),
)


@given(st.lists(st.lists(_WANTS, max_size=6), max_size=4), st.randoms(use_true_random=False))
def test_whatever_devices_answer_every_want_is_read_or_named_or_due(
    lines: list[list[Want]], chance: random.Random
) -> None:
    schedule = LineSchedule()
    for number, wants in enumerate(lines):
        schedule.add(
            PolledDevice(
                wants, name=f"d{number}", now_ms=0, jitter=chance.random(), spacing_ms=chance.choice([0, 50])
            )
        )

    def answer(_: str, request: Request) -> Answer:
        said = chance.choice(["values", "values", "silence", "exception"])
        if said == "values":
            return [7] * request.quantity
        return None if said == "silence" else chance.randrange(1, 256)

    play = Play(schedule).run(4_000, answer)
    assert {name for _, name, _, _ in play.asked} == {f"d{n}" for n, wants in enumerate(lines) if wants}
    for _, name, values in play.finished:
        declared = lines[int(name[1:])]
        assert any(one.address in values for one in declared)
        assert set(values.values()) == {7}  # nothing is made up
