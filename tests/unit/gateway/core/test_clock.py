"""Which clocks are believed, and which steps are noticed."""

import pytest

from gateway.core.clock import EARLIEST_MS, STEP_MS, ClockWatch, trusted


@pytest.mark.parametrize(
    ("now_ms", "synchronised", "believed"),
    [
        (0, True, False),
        (EARLIEST_MS - 1, None, False),
        (EARLIEST_MS, None, True),
        (EARLIEST_MS, False, False),
        (EARLIEST_MS, True, True),
    ],
)
def test_trusted(now_ms: int, synchronised: bool | None, believed: bool) -> None:
    assert trusted(now_ms, synchronised) is believed


def test_a_step_is_noticed_once_and_in_both_directions() -> None:
    watch = ClockWatch(1_000_000, 0)
    assert watch.look(1_001_000, 1_000) == 0
    assert watch.look(4_602_000, 2_000) == 3_600_000
    assert watch.look(4_603_000, 3_000) == 0
    assert watch.look(1_004_000, 4_000) == -3_600_000
    assert watch.look(1_005_000 + STEP_MS - 1, 5_000) == 0
