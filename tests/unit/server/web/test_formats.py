"""Times, spans, gaps, numbers and units as people read them."""

from datetime import UTC, datetime, timedelta

import pytest

from server.web import formats

NOON = datetime(2026, 11, 21, 4, 0, 0, tzinfo=UTC)


def test_the_clock_is_the_streets() -> None:
    assert formats.clock(NOON) == "12:00:00"


@pytest.mark.parametrize(
    ("moment", "text"),
    [
        (NOON, "12:00:00"),
        (NOON - timedelta(hours=13), "11-20 23:00:00"),
        (NOON - timedelta(days=365), "2025-11-21 12:00:00"),
    ],
)
def test_another_day_is_named(moment: datetime, text: str) -> None:
    assert formats.when(moment, NOON) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (-3, "0 s"),
        (0, "0 s"),
        (59.9, "59 s"),
        (60, "1 min"),
        (3_599, "59 min"),
        (3_600, "1 h"),
        (90_000, "1 d"),
    ],
)
def test_a_span_is_its_largest_unit(seconds: float, text: str) -> None:
    assert formats.span("en", seconds) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.004, "+4 ms"), (0.42, "+420 ms"), (-1.5, "−1.50 s"), (185, "+3 min 05 s"), (7_260, "+2 h 01 min")],
)
def test_a_gap_has_its_sign(seconds: float, text: str) -> None:
    assert formats.gap(NOON, NOON + timedelta(seconds=seconds)) == text


@pytest.mark.parametrize(
    ("value", "text"), [(3.0, "3"), (36.549, "36.55"), (0.5, "0.5"), (0.00123, "0.00123")]
)
def test_numbers_have_no_needless_digits(value: float, text: str) -> None:
    assert formats.number(value) == text


def test_units_are_as_people_write_them() -> None:
    assert [formats.unit(code) for code in ("Cel", "%", "1", None, "mm")] == ["°C", "%", "", "", "mm"]
