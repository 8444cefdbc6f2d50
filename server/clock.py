"""The server's clock: the one place of this part that reads it. Everything that decides takes `now`."""

from datetime import UTC, datetime


def now() -> datetime:
    """The present moment, aware, in UTC."""
    return datetime.now(UTC)  # noqa: TID251 - this is the clock


def from_ms(milliseconds: int) -> datetime:
    """The moment of a wire time. Raises OverflowError, ValueError or OSError far outside our era."""
    return datetime.fromtimestamp(milliseconds / 1000, UTC)


def to_ms(moment: datetime) -> int:
    """A moment as a wire time: UTC milliseconds since 1970."""
    return round(moment.timestamp() * 1000)
