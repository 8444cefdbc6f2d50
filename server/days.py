"""Days and months of the pages' calendar."""

from datetime import UTC, datetime, timedelta, timezone
from typing import Final

LOCAL: Final = timezone(timedelta(hours=8), "UTC+8")
"""All of China keeps one time, without a summer time, since 1991."""


def midnight(now: datetime) -> datetime:
    """When the day began."""
    return now.astimezone(LOCAL).replace(hour=0, minute=0, second=0, microsecond=0).astimezone(UTC)


def last_month(now: datetime) -> tuple[datetime, datetime]:
    """The month before this one: its first moment, and the next month's."""
    end = midnight(now).astimezone(LOCAL).replace(day=1)
    return (end - timedelta(days=1)).replace(day=1).astimezone(UTC), end.astimezone(UTC)
