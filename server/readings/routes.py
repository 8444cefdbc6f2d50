"""`/api/v1/readings`."""

from datetime import datetime, timedelta
from typing import Annotated

from fastapi import APIRouter, Query

from server.clock import now
from server.dependencies import GetContext, GetViewer
from server.readings import service
from server.timeseries.store import Bucket, LatestValue, TextValue
from server.users.roles import Right

router = APIRouter(prefix="/readings", tags=["readings"])


@router.get("/latest")
async def latest(context: GetContext, viewer: GetViewer) -> dict[str, list[LatestValue]]:
    """By position: the newest value of each point, by device time."""
    viewer.require(Right.VIEW_DEVICES)
    return await service.latest(context.store, context.catalogue, now=now())


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
