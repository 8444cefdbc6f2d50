"""What a time-series store does, and the values that it takes and gives.

One series is (family, position, field); its fields are the profile's points. A number or a truth value is
kept as a number (true is 1.0); a text is kept in the field's `.text` twin and a missing value's reason in
its `.status` twin, so that a field never changes its type. Times are device times, to the millisecond.
Writing the same (position, field, time) twice keeps the later write.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Protocol

TEXT: Final = ".text"
STATUS: Final = ".status"


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """One reading, ready to be kept: fields already split into numbers and texts."""

    family: str
    area: str
    position: str
    device: str
    gateway: str
    time_ms: int
    fields: dict[str, float | str]


@dataclass(frozen=True, slots=True)
class LatestValue:
    """The newest value of a field, by device time; or, where a status came after it, that status."""

    field: str
    time: datetime
    value: float | str
    is_status: bool = False


@dataclass(frozen=True, slots=True)
class Bucket:
    """A stretch of a series: from `time` on, for the bucket's width."""

    time: datetime
    mean: float
    minimum: float
    maximum: float
    count: int


@dataclass(frozen=True, slots=True)
class TextValue:
    """One value of a state or an event, as a text; a stored number is written shortly: 1, 0, 2.5."""

    time: datetime
    text: str


@dataclass(frozen=True, slots=True)
class StoredValue:
    """One value as it is kept: `field` with its `.text` or `.status`."""

    time: datetime
    field: str
    value: float | str


class TimeSeriesStore(Protocol):
    """Raises `server.errors.StoreUnavailableError` wherever the store does not answer."""

    async def write(self, points: Sequence[Point]) -> None:
        """Keeps the points durably; returns only then. Raises InvalidError where the store refuses them."""

    async def latest(
        self,
        families: Mapping[str, Collection[str]],
        *,
        since: datetime,
        positions: Collection[str] | None = None,
    ) -> dict[str, list[LatestValue]]:
        """By position (all, or these): the newest value, by device time, of each of the families' fields,
        from `since` on."""

    async def series(
        self, *, family: str, position: str, field: str, start: datetime, end: datetime, width_ms: int
    ) -> list[Bucket]:
        """Buckets of `width_ms`, aligned to 1970, that hold values from `start` up to before `end`."""

    async def texts(
        self, *, family: str, position: str, field: str, start: datetime, end: datetime, limit: int
    ) -> list[TextValue]:
        """The values from `start` up to before `end`, in time order, led by the last one before `start`: what
        was in force then. Of more than `limit` (1 or more) the newest, and then nothing from before `start`,
        for it would seem to have lasted. Takes the field's texts and its numbers (truth values)."""

    async def stored(
        self, *, family: str, position: str, start: datetime, end: datetime, limit: int
    ) -> list[StoredValue]:
        """All that is kept of a position in a family from `start` up to before `end`, in time order, by field
        within a moment: at most `limit` values (moments, in InfluxDB) at once, and of each moment all. Where
        there are more, ask again from a millisecond after the last one."""

    async def check(self) -> None:
        """Asks the store whether it works."""

    async def close(self) -> None:
        """Lets go of connections and files."""


def split(values: dict[str, float | int | bool | str], statuses: dict[str, str]) -> dict[str, float | str]:
    """A reading's values and statuses as fields of fixed type."""
    fields: dict[str, float | str] = {}
    for name, value in values.items():
        if isinstance(value, str):
            fields[name + TEXT] = value
        else:
            fields[name] = float(value)
    for name, status in statuses.items():
        fields[name + STATUS] = status
    return fields


def in_time_order(
    newest_first: Sequence[tuple[datetime, float | str]],
    before: tuple[datetime, float | str] | None,
    *,
    limit: int,
) -> list[TextValue]:
    """The answer of `texts`: `newest_first` are up to `limit` + 1 values of the span, of which the last one
    only shows that there are more."""
    shown = list(newest_first[:limit])
    if before is not None and len(newest_first) <= limit:
        shown.append(before)
    return [
        TextValue(time, value if isinstance(value, str) else f"{value:g}") for time, value in reversed(shown)
    ]


def whole_moments(values: list[StoredValue], *, cut: bool) -> list[StoredValue]:
    """The values without those of the last moment, where an answer was `cut` off and may lack some of it."""
    if not cut:
        return values
    whole = [value for value in values if value.time != values[-1].time]
    return whole or values


def base_name(field: str) -> str:
    """The point that a stored field belongs to."""
    return field.removesuffix(TEXT).removesuffix(STATUS)


def newest(values: Iterable[tuple[str, LatestValue]]) -> dict[str, list[LatestValue]]:
    """By position: of the stored fields of one point (number, text, status) the one with the latest time,
    under the point's own name, sorted by name."""
    found: dict[str, dict[str, LatestValue]] = {}
    for position, value in values:
        name = base_name(value.field)
        of_position = found.setdefault(position, {})
        if name not in of_position or of_position[name].time < value.time:
            of_position[name] = LatestValue(name, value.time, value.value, value.field.endswith(STATUS))
    return {position: [points[name] for name in sorted(points)] for position, points in found.items()}
