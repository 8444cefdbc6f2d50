"""Months and hours of the day in a time zone, and how SQL tells them. Pure but for the zones' own tables."""

import re
from bisect import bisect_right
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from itertools import pairwise
from typing import Any, Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from sqlalchemy import ColumnElement, case, literal

from server.db import moments
from server.db.moments import MICROSECONDS, micros
from server.errors import InvalidError

_TEXT: Final = re.compile(r"(\d{4})-(0[1-9]|1[0-2])")
_DAY: Final = timedelta(days=1)


@lru_cache(maxsize=16)
def zone_of(name: str) -> ZoneInfo:
    """The zone. Raises ValueError where there is none of that name."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise ValueError(f"there is no time zone {name[:60]!r}: write it like Asia/Shanghai") from error


@dataclass(frozen=True, slots=True, order=True)
class Month:
    """A month of a zone's calendar, from its first moment up to before the next month's."""

    year: int
    month: int
    zone: str

    @property
    def text(self) -> str:
        """As it is written in addresses: 2026-03."""
        return f"{self.year:04}-{self.month:02}"

    @property
    def start(self) -> datetime:
        """Its first moment."""
        return datetime(self.year, self.month, 1, tzinfo=zone_of(self.zone)).astimezone(UTC)

    @property
    def end(self) -> datetime:
        """The next month's first moment."""
        return self.plus(1).start

    def plus(self, months: int) -> "Month":
        """So many months later."""
        number = self.year * 12 + self.month - 1 + months
        return Month(number // 12, number % 12 + 1, self.zone)


def month_at(moment: datetime, zone: str) -> Month:
    """The month in which the moment lies."""
    local = moment.astimezone(zone_of(zone))
    return Month(local.year, local.month, zone)


def parse(text: str, zone: str) -> Month:
    """The month written as 2026-03. Raises InvalidError."""
    found = _TEXT.fullmatch(text)
    if found is None or not 2000 <= int(found[1]) <= 2999:
        raise InvalidError(f"{text[:20]!r} is no month: write it like 2026-03", where="month")
    return Month(int(found[1]), int(found[2]), zone)


def offsets(start: datetime, end: datetime, zone: str) -> list[tuple[datetime, int]]:
    """From when on which offset from UTC holds (seconds), the first from `start` on: more than one only
    where clocks are changed in between."""
    place = zone_of(zone)

    def offset(moment: datetime) -> int:
        shift = moment.astimezone(place).utcoffset()
        return 0 if shift is None else round(shift.total_seconds())

    found = [(start, offset(start))]
    moment = start
    while moment < end:
        later = min(moment + _DAY, end)
        if offset(later) != found[-1][1]:
            low, high = moment, later
            while high - low > timedelta(seconds=1):
                middle = low + (high - low) / 2
                low, high = (low, middle) if offset(middle) == offset(later) else (middle, high)
            changed = high.replace(microsecond=0)
            found.append((changed, offset(later)))
        moment = later
    return found


def hour_of(moment: Any, start: datetime, end: datetime, zone: str) -> ColumnElement[int]:
    """The hour of the local day (0 to 23) of a moment between `start` and `end`, in SQL."""
    at = micros(moment)
    steps = offsets(start, end, zone)
    shift: Any = literal(steps[0][1] * MICROSECONDS)
    if len(steps) > 1:
        whens = [
            (at < literal(moments.of(later)), literal(offset * MICROSECONDS))
            for (_, offset), (later, _) in pairwise(steps)
        ]
        shift = case(*whens, else_=literal(steps[-1][1] * MICROSECONDS))
    hour: ColumnElement[int] = ((at + shift) // literal(3600 * MICROSECONDS)) % 24
    return hour


def month_of(moment: Any, months: list[Month]) -> ColumnElement[int]:
    """The place in `months` (following on each other) of a moment within them, in SQL."""
    return case(
        *((moment < one.end, number) for number, one in enumerate(months[:-1])), else_=len(months) - 1
    )


def local_hour(moment: datetime, zone: str) -> int:
    """The hour of the local day."""
    return moment.astimezone(zone_of(zone)).hour


def place_in(moment: datetime, months: list[Month]) -> int:
    """The place in `months` of a moment within them."""
    return bisect_right([one.start for one in months], moment) - 1
