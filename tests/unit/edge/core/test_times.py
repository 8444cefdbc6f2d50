"""Which clock to believe."""

import pytest

from edge.core.times import AHEAD_MS, EARLIEST_MS, judge_time
from edge.readings import TimeSource

NOW_MS = 1_780_000_000_000


@pytest.mark.parametrize(
    ("device_ms", "time_ms", "source"),
    [
        (None, NOW_MS, TimeSource.GATEWAY),
        (NOW_MS - 5_000, NOW_MS - 5_000, TimeSource.DEVICE),
        (EARLIEST_MS, EARLIEST_MS, TimeSource.DEVICE),
        (EARLIEST_MS - 1, NOW_MS, TimeSource.GATEWAY),
        (0, NOW_MS, TimeSource.GATEWAY),
        (-1, NOW_MS, TimeSource.GATEWAY),
        (NOW_MS + AHEAD_MS, NOW_MS + AHEAD_MS, TimeSource.DEVICE),
        (NOW_MS + AHEAD_MS + 1, NOW_MS, TimeSource.GATEWAY),
    ],
)
def test_an_implausible_time_gives_way_to_the_receipt(
    device_ms: int | None, time_ms: int, source: TimeSource
) -> None:
    result = judge_time(device_ms, NOW_MS)
    assert result[:2] == (time_ms, source)
    assert (result[2] is None) is (device_ms is None or source is TimeSource.DEVICE)


def test_a_gateway_without_a_clock_cannot_call_a_device_ahead() -> None:
    assert judge_time(NOW_MS, 60_000) == (NOW_MS, TimeSource.DEVICE, None)
