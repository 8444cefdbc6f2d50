"""The roster's arithmetic: weekly repeats, overlaps, and the times in which nobody is on duty. Pure."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta, timezone
from typing import Final

LOCAL: Final = timezone(timedelta(hours=8), "UTC+8")
"""China's one time, which knows no summer: rosters are written and read in it."""
WEEK: Final = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class Span:
    """From when to when; the end is not in it."""

    starts_at: datetime
    ends_at: datetime

    def overlaps(self, other: "Span") -> bool:
        """Whether there is a moment in both."""
        return self.starts_at < other.ends_at and other.starts_at < self.ends_at


def weekly(first: Span, weeks: int) -> list[Span]:
    """The shift and its repeats, `weeks` in all, at the same hours."""
    return [Span(first.starts_at + week * WEEK, first.ends_at + week * WEEK) for week in range(weeks)]


def gaps(whole: Span, covered: Iterable[Span]) -> list[Span]:
    """The parts of `whole` that none of `covered` covers, in order."""
    found: list[Span] = []
    at = whole.starts_at
    for span in sorted(covered, key=lambda one: one.starts_at):
        if span.starts_at > at:
            found.append(Span(at, min(span.starts_at, whole.ends_at)))
        at = max(at, span.ends_at)
        if at >= whole.ends_at:
            return found
    found.append(Span(at, whole.ends_at))
    return found


def days(whole: Span) -> Iterator[tuple[date, Span]]:
    """The calendar days in `whole`, each with its hours."""
    day = whole.starts_at.astimezone(LOCAL).date()
    while (begins := midnight(day)) < whole.ends_at:
        yield day, Span(begins, midnight(day + timedelta(days=1)))
        day += timedelta(days=1)


def week_of(day: date) -> Span:
    """The week, Monday to Monday, in which `day` is."""
    monday = day - timedelta(days=day.weekday())
    return Span(midnight(monday), midnight(monday + WEEK))


def midnight(day: date) -> datetime:
    """When `day` begins."""
    return datetime.combine(day, time(), LOCAL)


def cut(spans: Sequence[Span], to: Span) -> list[Span]:
    """What of `spans` lies within `to`."""
    return [
        Span(max(span.starts_at, to.starts_at), min(span.ends_at, to.ends_at))
        for span in spans
        if span.overlaps(to)
    ]
