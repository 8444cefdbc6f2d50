"""The server's clock: the one place of this part that reads it. Everything that decides takes `now`."""

from datetime import UTC, datetime

from gateway.wire import EARLIEST_MS, LATEST_MS


def now() -> datetime:
    """The present moment, aware, in UTC."""
    return datetime.now(UTC)  # noqa: TID251 - this is the clock


def from_ms(milliseconds: int) -> datetime:
    """The moment of a wire time. Raises OverflowError, ValueError or OSError far outside our era."""
    return datetime.fromtimestamp(milliseconds / 1000, UTC)


def nearest(milliseconds: int) -> datetime:
    """The moment of a wire time that was stored unchecked: the nearest one that the wire takes."""
    return from_ms(max(EARLIEST_MS, min(milliseconds, LATEST_MS)))


def to_ms(moment: datetime) -> int:
    """A moment as a wire time: UTC milliseconds since 1970."""
    return round(moment.timestamp() * 1000)
