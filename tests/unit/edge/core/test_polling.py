"""What to ask next on a line. Times are simulated; answers are made up."""

from collections import Counter
from collections.abc import Callable
from itertools import pairwise

import pytest

from edge.core.plan import Want
from edge.core.polling import RETRY_MERGING_MS, RETRY_UNSUPPORTED_MS, PolledDevice, Request
from edge.core.schedule import LineSchedule

Answer = list[int] | int | None


def want(address: int, count: int = 1, *, ms: int = 1000, fast: bool = False, unit: int = 1) -> Want:
    return Want(unit, 3, ms, fast, address, count)


def line(*devices: list[Want]) -> LineSchedule:
    schedule = LineSchedule()
    for number, wants in enumerate(devices, start=1):
        schedule.add(PolledDevice(wants, name=f"d{number}", now_ms=0, jitter=0.0))
    return schedule


class Play:
    """Serves a schedule for a while. `answer` gives values, an exception's code, or None for silence."""

    def __init__(
        self, schedule: LineSchedule, *, good_ms: int = 10, timeout_ms: int = 500, first_ms: int = 500
    ) -> None:
        self.schedule = schedule
        self.now_ms = 0
        self.good_ms = good_ms
        self.timeout_ms = timeout_ms
        self.first_ms = first_ms
        self.asked: list[tuple[int, str, int, int]] = []
        """Time, device, address, count."""
        self.finished: list[tuple[int, str, dict[int, int]]] = []
        self.unsupported: list[Want] = []

    def run(self, until_ms: int, answer: Callable[[str, Request], Answer]) -> "Play":
        while self.now_ms < until_ms:
            choice = self.schedule.choose(self.now_ms)
            if not isinstance(choice, Request):
                self.now_ms = until_ms if choice is None else max(choice, self.now_ms + 1)
                continue
            name = choice.device.name
            self.asked.append((self.now_ms, name, choice.address, choice.quantity))
            said = answer(name, choice)
            patience_ms = self.first_ms if choice.unheard else self.timeout_ms
            self.now_ms += patience_ms if said is None else self.good_ms
            if isinstance(said, list):
                over = self.schedule.answered(choice, tuple(said), self.now_ms)
            elif isinstance(said, int):
                over = self.schedule.refused(choice, said, self.now_ms, 0.5)
            else:
                over = self.schedule.silent(choice, self.now_ms, 0.5)
            if over is not None:
                self.unsupported += over.unsupported
                if over.values:
                    values = {address: value for (_, address), value in over.values.items()}
                    self.finished.append((self.now_ms, name, values))
        return self


def well(_: str, request: Request) -> list[int]:
    return list(range(request.address, request.address + request.quantity))


def test_a_poll_of_several_blocks_ends_in_one_reading() -> None:
    play = Play(line([want(0, 2), want(5), want(100)])).run(900, well)
    assert [(address, count) for _, _, address, count in play.asked] == [(0, 6), (100, 1)]
    assert [values for _, _, values in play.finished] == [{0: 0, 1: 1, 2: 2, 3: 3, 4: 4, 5: 5, 100: 100}]


def test_each_period_is_kept() -> None:
    play = Play(line([want(0, ms=1_000), want(50, ms=5_000)])).run(10_000, well)
    assert Counter(address for _, _, address, _ in play.asked) == {0: 10, 50: 2}


def test_a_poll_that_is_late_is_not_made_up_for() -> None:
    play = Play(line([want(0, ms=100)]), good_ms=1_000).run(10_000, well)
    assert len(play.asked) == 10  # not a hundred at once


def test_alarms_go_first_and_at_most_one_slow_block_stands_between_them() -> None:
    slow = [want(address, 60, ms=2_000) for address in range(0, 1_000, 100)]
    play = Play(line([want(5_000, ms=100, fast=True)], slow), good_ms=60).run(20_000, well)
    names = [name for _, name, _, _ in play.asked]
    assert "d2d2d2" not in "".join(names)
    gaps = [later - sooner for sooner, later in _pairs([at for at, name, _, _ in play.asked if name == "d1"])]
    assert max(gaps) <= 240


def test_alarms_that_fill_the_line_do_not_starve_the_rest() -> None:
    fast = [want(0, ms=100, fast=True)]
    play = Play(line(fast, fast, [want(0, ms=1_000)]), good_ms=60).run(20_000, well)
    counts = Counter(name for _, name, _, _ in play.asked)
    assert counts["d3"] >= 8
    assert counts["d1"] + counts["d2"] >= 250


def test_a_dead_device_costs_its_neighbours_little() -> None:
    def answer(name: str, request: Request) -> Answer:
        return None if name == "d2" else well(name, request)

    play = Play(line([want(0)], [want(0)], [want(0)])).run(120_000, answer)
    counts = Counter(name for _, name, _, _ in play.asked)
    assert counts["d2"] <= 12  # four cycles until it is given up, then probes
    assert min(counts["d1"], counts["d3"]) >= 115


def test_a_probe_is_one_register_and_an_answer_brings_the_polls_back_at_once() -> None:
    alive = False

    def answer(_: str, request: Request) -> Answer:
        return well(_, request) if alive else None

    play = Play(line([want(0, 30), want(200, 2, fast=True)])).run(20_000, answer)
    probes = [(address, count) for _, _, address, count in play.asked[-2:]]
    assert probes == [(200, 1), (200, 1)]
    alive = True
    play.run(60_000, answer)
    assert play.finished
    first = play.finished[0][0]
    back = next(at for at, _, _, count in play.asked if at >= 20_000 and count == 1)
    assert first - back <= 30


@pytest.mark.parametrize("code", [10, 11])
def test_no_target_behind_a_gateway_counts_as_silence(code: int) -> None:
    play = Play(line([want(0)])).run(60_000, lambda _, __: code)
    assert len(play.asked) <= 12
    assert play.finished == []


@pytest.mark.parametrize("code", [4, 5, 6])
def test_a_busy_device_is_alive_but_gives_nothing(code: int) -> None:
    play = Play(line([want(0)])).run(10_000, lambda _, __: code)
    assert len(play.asked) == 10
    assert play.finished == []


def test_silence_in_the_middle_keeps_what_was_read() -> None:
    def answer(name: str, request: Request) -> Answer:
        return None if request.address >= 100 else well(name, request)

    play = Play(line([want(0), want(100)])).run(600, answer)
    assert [values for _, _, values in play.finished] == [{0: 0}]


@pytest.mark.parametrize("code", [2, 3])
def test_a_hole_is_found_once_and_remembered_for_a_day(code: int) -> None:
    def answer(name: str, request: Request) -> Answer:
        hole = request.address < 4 < request.address + request.quantity
        return code if hole else well(name, request)

    play = Play(line([want(address, ms=60_000) for address in (0, 2, 6, 8)])).run(200_000, answer)
    assert [(address, count) for _, _, address, count in play.asked] == [(0, 9), (0, 3), (6, 3)] + [
        (0, 3),
        (6, 3),
    ] * 3
    before = len(play.asked)
    play.run(RETRY_MERGING_MS + 120_000, answer)
    assert (0, 9) in [(address, count) for _, _, address, count in play.asked[before:]]


def test_what_a_device_lacks_is_named_left_out_and_asked_again_later() -> None:
    def answer(name: str, request: Request) -> Answer:
        return 2 if request.address <= 7 < request.address + request.quantity else well(name, request)

    play = Play(line([want(0), want(7), want(9)])).run(60_000, answer)
    assert play.unsupported == [want(7)]
    assert all(values.keys() == {0, 9} for _, _, values in play.finished[1:])
    play.run(RETRY_UNSUPPORTED_MS + 60_000, answer)
    assert play.unsupported == [want(7), want(7)]


def test_a_device_that_lacks_everything_is_asked_again_later() -> None:
    play = Play(line([want(0)])).run(1_000, lambda _, __: 1)
    assert len(play.asked) == 1
    play.run(RETRY_UNSUPPORTED_MS + 1_000, well)
    assert play.finished


def test_an_empty_line_waits_for_ever() -> None:
    assert LineSchedule().choose(0) is None
    assert line([]).choose(0) is None


def test_starts_are_spread() -> None:
    device = PolledDevice([want(0, ms=60_000)], now_ms=5_000, jitter=0.5)
    assert [at for at, _ in device.due()] == [5_500]


def _pairs(times: list[int]) -> list[tuple[int, int]]:
    return list(pairwise(times))
