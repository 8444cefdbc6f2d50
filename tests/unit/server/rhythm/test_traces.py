"""Gaps: when nothing was heard of a sensor that should have spoken."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from server.rhythm.traces import Span, merged, missing_mask, silences
from server.rhythm.usual import SLOTS
from server.rhythm.watches import Sensor

T0 = datetime(2026, 3, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)
RADAR = Sensor(
    position_id="p", gateway_id="gw", family="fall", signs=(), silent_after_ms=1_800_000, since=T0 - 9 * HOUR
)


def test_a_sensor_is_silent_after_its_own_time_and_not_before() -> None:
    heard = [T0 + timedelta(minutes=n) for n in (0, 30, 60, 240, 270)]
    assert silences(RADAR, heard, start=T0, end=T0 + timedelta(minutes=300)) == [
        Span(T0 + HOUR, T0 + 4 * HOUR)
    ]


def test_a_silence_that_lasts_goes_up_to_now() -> None:
    assert silences(RADAR, [T0], start=T0, end=T0 + 2 * HOUR) == [Span(T0, T0 + 2 * HOUR)]


def test_nothing_heard_at_all_is_a_gap() -> None:
    assert silences(RADAR, [], start=T0, end=T0 + 2 * HOUR) == [Span(T0, T0 + 2 * HOUR)]


def test_gaps_become_slots_of_the_local_day() -> None:
    zone = ZoneInfo("Asia/Shanghai")
    span = Span(datetime(2026, 3, 1, 15, 58, tzinfo=UTC), datetime(2026, 3, 1, 16, 7, tzinfo=UTC))
    assert missing_mask([span], date(2026, 3, 1), zone) == 1 << SLOTS - 1
    assert missing_mask([span], date(2026, 3, 2), zone) == 0b11
    assert missing_mask([span], date(2026, 3, 3), zone) == 0


def test_gaps_of_several_sensors_are_one() -> None:
    spans = [Span(T0, T0 + 2 * HOUR), Span(T0 + HOUR, T0 + 3 * HOUR), Span(T0 + 5 * HOUR, T0 + 6 * HOUR)]
    assert merged(spans) == [Span(T0, T0 + 3 * HOUR), Span(T0 + 5 * HOUR, T0 + 6 * HOUR)]
