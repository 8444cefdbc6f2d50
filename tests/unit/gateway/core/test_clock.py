"""Which clocks are believed, and which steps are noticed."""

import pytest

from gateway.core.clock import EARLIEST_MS, STEP_MS, GatewayClock, Untimed, right_frame, trusted
from gateway.rules.model import Severity, TaskKind
from gateway.wire import AlarmMessage, DataFrame, DataReading, decode, encode


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


def test_the_gateways_clock_goes_on_by_itself_and_takes_over_a_step_once() -> None:
    clock = GatewayClock.begin(1_000_000, 0)
    assert clock.now_ms(1_000) == 1_001_000
    assert clock.adopt(1_001_000, 1_000) == 0
    assert clock.now_ms(2_000) == 1_002_000  # the wall clock says 4,602,000 by now: not taken over yet
    assert clock.adopt(4_602_000, 2_000) == 3_600_000
    assert clock.now_ms(2_000) == 4_602_000
    assert clock.adopt(4_603_000, 3_000) == 0
    assert clock.adopt(1_004_000, 4_000) == -3_600_000
    assert clock.adopt(1_005_000 + STEP_MS - 1, 5_000) == 0
    assert clock.now_ms(5_000) == 1_005_000 + STEP_MS - 1


@pytest.mark.parametrize(
    ("device_ms", "trusted_then", "righted"),
    [
        (5_000, False, 65_000),
        (10_000, False, 70_000),
        (999_999, False, 999_999),
        (200, False, 200),
        (5_000, True, 5_000),
    ],
    ids=[
        "began before",
        "stamped at receipt",
        "the device's own, ahead",
        "its own, behind",
        "its own, believed",
    ],
)
def test_what_was_kept_on_a_wrong_clock_is_put_right_and_stays_flagged(
    device_ms: int, trusted_then: bool, righted: int
) -> None:
    kept = AlarmMessage(
        epoch="e1",
        seq=1,
        event="occurred",
        breach="b1",
        position="home",
        device="d1",
        rule="sos",
        severity=Severity.CRITICAL,
        task_kind=TaskKind.CARE,
        device_ms=device_ms,
        gateway_ms=10_000,
        clock_trusted=trusted_then,
    )
    found = Untimed(since_ms=1_000).right(kept, 60_000)
    assert (found.device_ms, found.gateway_ms, found.clock_trusted) == (righted, 70_000, trusted_then)


def test_a_frame_is_put_right_but_for_the_times_of_devices_with_a_clock() -> None:
    readings = [
        DataReading(p="home", d="d1", f="home", t=1_000, r=1_000, v={"x": 1}, c=False),
        DataReading(p="home", d="d2", f="home", t=900_000, r=2_000, v={"x": 1}),
    ]
    frame = decode("up/data", right_frame(encode(DataFrame(epoch="e1", seq=7, readings=readings)), 60_000))
    assert frame.seq == 7
    assert [(one.t, one.r, one.c) for one in frame.readings] == [
        (61_000, 61_000, False),
        (900_000, 62_000, True),
    ]
