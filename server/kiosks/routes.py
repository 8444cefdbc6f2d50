"""`/api/v1/kiosks`."""

import asyncio
from datetime import date
from typing import Annotated

from fastapi import APIRouter, Query
from fastapi.responses import PlainTextResponse

from gateway.rules.model import TaskKind
from server.clock import now
from server.context import Context
from server.dependencies import GetContext, GetViewer
from server.errors import ForbiddenError
from server.kiosks import counts
from server.kiosks.counts import Hour, Kiosk
from server.users.roles import Right
from server.users.viewer import Viewer

router = APIRouter(prefix="/kiosks", tags=["kiosks"])
Day = Annotated[date | None, Query(description="a day in China; today if left out")]


@router.get("")
def list_kiosks(context: GetContext, viewer: GetViewer) -> list[Kiosk]:
    """All temperature kiosks."""
    require(viewer)
    with context.database.read() as session:
        return counts.kiosks(session, context.catalogue)


@router.get("/{position_id}/hours")
async def count_hours(
    context: GetContext, viewer: GetViewer, position_id: str, day: Day = None
) -> list[Hour]:
    """People screened and fevers, hour by hour."""
    require(viewer)
    return (await of_day(context, position_id, day))[1]


@router.get("/{position_id}/hours.csv", response_class=PlainTextResponse)
async def count_hours_csv(
    context: GetContext, viewer: GetViewer, position_id: str, day: Day = None
) -> PlainTextResponse:
    """The same as a table."""
    require(viewer)
    kiosk, hours = await of_day(context, position_id, day)
    return PlainTextResponse(counts.as_csv(kiosk, hours), media_type="text/csv; charset=utf-8")


async def of_day(context: Context, position_id: str, day: date | None) -> tuple[Kiosk, list[Hour]]:
    """A kiosk and its hours. Raises NotFoundError, StoreUnavailableError."""
    start, end = counts.day_of(day or now().astimezone(counts.LOCAL).date())

    def look() -> tuple[Kiosk, list[Hour]]:
        with context.database.read() as session:
            kiosk = counts.kiosk(session, context.catalogue, position_id)
            found = counts.fevers(session, position_id, start=start, end=end)
            return kiosk, counts.by_hour(start, None, found)

    kiosk, hours = await asyncio.to_thread(look)
    people = await counts.screenings(context.store, kiosk, start=start, end=end)
    if people is None:
        return kiosk, hours
    screened = counts.by_hour(start, people, ())
    return kiosk, [
        Hour(start=one.start, screened=other.screened, fevers=one.fevers)
        for one, other in zip(hours, screened, strict=True)
    ]


def require(viewer: Viewer) -> None:
    """Raises ForbiddenError for whoever does not see public-health tasks."""
    viewer.require(Right.VIEW_TASKS)
    if TaskKind.PUBLIC_HEALTH not in viewer.task_kinds:
        raise ForbiddenError(f"the role {viewer.role} does not see public health")
