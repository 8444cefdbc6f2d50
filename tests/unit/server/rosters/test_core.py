"""The roster's arithmetic."""

from datetime import date, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from server.rosters.core import LOCAL, WEEK, Span, cut, days, gaps, week_of, weekly

MONDAY = datetime(2026, 3, 2, tzinfo=LOCAL)
WHOLE = Span(MONDAY, MONDAY + WEEK)


def hours(begins: float, ends: float) -> Span:
    """That many hours after Monday's midnight."""
    return Span(MONDAY + timedelta(hours=begins), MONDAY + timedelta(hours=ends))


def test_a_shift_repeats_at_the_same_hours() -> None:
    spans = weekly(hours(20, 32), 3)
    assert [span.starts_at.day for span in spans] == [2, 9, 16]
    assert {span.ends_at - span.starts_at for span in spans} == {timedelta(hours=12)}


def test_what_touches_does_not_overlap() -> None:
    assert hours(8, 20).overlaps(hours(19, 32))
    assert not hours(8, 20).overlaps(hours(20, 32))


def test_gaps_are_what_nobody_covers() -> None:
    covered = [hours(8, 20), hours(18, 24), hours(30, 40)]
    assert gaps(hours(0, 48), covered) == [hours(0, 8), hours(24, 30), hours(40, 48)]
    assert gaps(hours(0, 8), []) == [hours(0, 8)]
    assert gaps(hours(9, 10), covered) == []


@given(st.lists(st.tuples(st.integers(-10, 180), st.integers(1, 40)), max_size=12))
def test_every_hour_is_covered_or_in_a_gap_and_never_both(shifts: list[tuple[int, int]]) -> None:
    covered = [hours(begins, begins + long) for begins, long in shifts]
    found = gaps(WHOLE, cut(covered, WHOLE))
    for hour in range(168):
        moment = hours(hour, hour + 1)
        assert any(span.overlaps(moment) for span in covered) != any(gap.overlaps(moment) for gap in found)


def test_a_week_is_monday_to_sunday() -> None:
    assert week_of(date(2026, 3, 8)) == WHOLE
    assert [day.day for day, _ in days(WHOLE)] == [2, 3, 4, 5, 6, 7, 8]
