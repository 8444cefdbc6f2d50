"""The newest values of what is in wells: a tenth of a subdistrict's positions at most."""

from collections.abc import Collection
from datetime import datetime

from sqlalchemy import or_, select
from starlette.concurrency import run_in_threadpool

from server.context import Context
from server.db.models import Position, WellUpstream
from server.devices.views import Latest
from server.readings import service as readings


async def newest(context: Context, *, well_ids: Collection[str] | None = None, now: datetime) -> Latest:
    """The newest values of all positions in wells, or in these and the next ones up and down, whoever asks:
    nobody goes into bad air for not seeing a sensor. Raises StoreUnavailableError."""
    positions = await run_in_threadpool(_positions, context, well_ids)
    return await readings.latest(context.store, context.catalogue, now=now, positions=positions)


def _positions(context: Context, well_ids: Collection[str] | None) -> list[str]:
    query = select(Position.id).where(Position.well_id.is_not(None))
    if well_ids is not None:
        above = select(WellUpstream.upstream_id).where(WellUpstream.well_id.in_(well_ids))
        below = select(WellUpstream.well_id).where(WellUpstream.upstream_id.in_(well_ids))
        query = query.where(or_(*(Position.well_id.in_(each) for each in (well_ids, above, below))))
    with context.database.seen({}, {}).read() as session:
        return list(session.scalars(query))
