"""Questions that pages and the API ask of the time-series store."""

from collections.abc import Collection, Mapping
from datetime import datetime, timedelta
from typing import Final

from firmware_profiles import Catalogue
from server.errors import InvalidError
from server.timeseries.store import Bucket, LatestValue, TextValue, TimeSeriesStore

LATEST_WITHIN: Final = timedelta(days=30)
MAXIMUM_BUCKETS: Final = 2_000
MINIMUM_WIDTH_MS: Final = 1_000
MAXIMUM_STATES: Final = 5_000
"""Values of a state at once: more than an hour of one that is polled each second."""


def fields_by_family(catalogue: Catalogue) -> Mapping[str, frozenset[str]]:
    """All points that the profiles of each family have."""
    fields: dict[str, frozenset[str]] = {}
    for profile in catalogue.values():
        fields[profile.family] = fields.get(profile.family, frozenset()) | frozenset(profile.points)
    return fields


async def latest(
    store: TimeSeriesStore, catalogue: Catalogue, *, now: datetime, positions: Collection[str] | None = None
) -> dict[str, list[LatestValue]]:
    """By position (all, or these): the newest value of each point, by device time."""
    families = fields_by_family(catalogue)
    return await store.latest(families, since=now - LATEST_WITHIN, positions=positions)


async def series(
    store: TimeSeriesStore,
    *,
    family: str,
    position: str,
    point: str,
    start: datetime,
    end: datetime,
    buckets: int = 300,
) -> list[Bucket]:
    """A point's course in at most about `buckets` steps. Raises InvalidError for a senseless span."""
    if end <= start:
        raise InvalidError("end must come after start", where="end")
    if not 1 <= buckets <= MAXIMUM_BUCKETS:
        raise InvalidError(f"buckets must be 1 to {MAXIMUM_BUCKETS}", where="buckets")
    span_ms = (end - start).total_seconds() * 1000
    width = max(MINIMUM_WIDTH_MS, round(span_ms / buckets))
    return await store.series(
        family=family, position=position, field=point, start=start, end=end, width_ms=width
    )


async def states(
    store: TimeSeriesStore,
    *,
    family: str,
    position: str,
    point: str,
    start: datetime,
    end: datetime,
    limit: int = MAXIMUM_STATES,
) -> list[TextValue]:
    """A state's or an event's values in time order, led by the state in force at the start; of more than
    `limit` the newest. Raises InvalidError for a senseless span."""
    if end <= start:
        raise InvalidError("end must come after start", where="end")
    if not 1 <= limit <= MAXIMUM_STATES:
        raise InvalidError(f"limit must be 1 to {MAXIMUM_STATES}", where="limit")
    return await store.texts(family=family, position=position, field=point, start=start, end=end, limit=limit)
