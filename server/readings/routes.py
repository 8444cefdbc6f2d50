"""`/api/v1/readings`."""

from datetime import datetime, timedelta
from typing import Annotated

from fastapi import APIRouter, Query
from sqlalchemy import select
from starlette.concurrency import run_in_threadpool

from server.clock import now
from server.context import Context
from server.db.models import Position
from server.dependencies import GetContext, GetViewer
from server.readings import service
from server.timeseries.store import Bucket, LatestValue, TextValue
from server.users.roles import Right

router = APIRouter(prefix="/readings", tags=["readings"])


@router.get("/latest")
async def latest(context: GetContext, viewer: GetViewer) -> dict[str, list[LatestValue]]:
    """By position: the newest value of each point, by device time."""
    viewer.require(Right.VIEW_DEVICES)
    found = await service.latest(context.store, context.catalogue, now=now())
    if viewer.area_ids is None:
        return found
    here = await run_in_threadpool(_positions, context)
    return {position: values for position, values in found.items() if position in here}


def _positions(context: Context) -> frozenset[str]:
    with context.database.read() as session:
        return frozenset(session.scalars(select(Position.id)))


@router.get("")
async def series(
    context: GetContext,
    viewer: GetViewer,
    family: str,
    position: str,
    point: str,
    start: datetime | None = None,
    end: datetime | None = None,
    buckets: Annotated[int, Query(ge=1, le=service.MAXIMUM_BUCKETS)] = 300,
) -> list[Bucket]:
    """A point's course; the last hour where no times are given."""
    viewer.require(Right.VIEW_DEVICES)
    until = end or now()
    return await service.series(
        context.store,
        family=family,
        position=position,
        point=point,
        start=start or until - timedelta(hours=1),
        end=until,
        buckets=buckets,
    )


@router.get("/states")
async def states(
    context: GetContext,
    viewer: GetViewer,
    family: str,
    position: str,
    point: str,
    start: datetime | None = None,
    end: datetime | None = None,
    limit: Annotated[int, Query(ge=1, le=service.MAXIMUM_STATES)] = 1_000,
) -> list[TextValue]:
    """A state's or an event's values, led by the state in force at the start; the last hour where no times
    are given. A truth value is 1 or 0."""
    viewer.require(Right.VIEW_DEVICES)
    until = end or now()
    return await service.states(
        context.store,
        family=family,
        position=position,
        point=point,
        start=start or until - timedelta(hours=1),
        end=until,
        limit=limit,
    )
