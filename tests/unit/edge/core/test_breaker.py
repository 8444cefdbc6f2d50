"""Giving up on a device, and finding it again."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.core.backoff import FIRST_PAUSE_S, LONGEST_PAUSE_S, pause_s
from edge.core.breaker import LONGEST_PROBE_MS, Breaker


@pytest.mark.parametrize(
    ("failures_at", "down"),
    [
        ([0], False),
        ([0, 1_000], False),  # two cycles, but not three seconds
        ([0, 2_999], False),
        ([0, 3_000], True),
        ([0, 60_000], True),
        ([0, 1_000, 2_000, 3_000], True),
    ],
)
def test_it_takes_two_cycles_and_three_seconds(failures_at: list[int], down: bool) -> None:
    breaker = Breaker()
    for now_ms in failures_at:
        breaker = breaker.failed(now_ms, 0.5)
    assert breaker.down is down


def test_one_answer_forgets_all_failures() -> None:
    assert Breaker().failed(0, 0.5).succeeded().failed(5_000, 0.5).down is False
    assert Breaker().failed(0, 0.5).failed(3_000, 0.5).succeeded() == Breaker()


def test_probes_come_later_and_later_up_to_a_minute() -> None:
    breaker = Breaker().failed(0, 0.5).failed(3_000, 0.5)
    waits = []
    for _ in range(10):
        assert breaker.probe_ms is not None
        now_ms = breaker.probe_ms
        breaker = breaker.failed(now_ms, 0.5)
        assert breaker.probe_ms is not None
        waits.append(breaker.probe_ms - now_ms)
    assert waits == [2_000, 4_000, 8_000, 16_000, 32_000, 60_000, 60_000, 60_000, 60_000, 60_000]


@given(st.integers(0, 100_000), st.floats(0, 1))
def test_jitter_spreads_a_wait_by_a_quarter_either_way(failures: int, jitter: float) -> None:
    down = Breaker(failures=2, probes=failures, probe_ms=0).failed(0, jitter)
    assert down.probe_ms is not None
    assert 750 <= down.probe_ms <= LONGEST_PROBE_MS * 1.25
    assert FIRST_PAUSE_S * 0.75 <= pause_s(failures, jitter) <= LONGEST_PAUSE_S * 1.25
