"""`/kiosks`: each kiosk's day, hour by hour."""

from datetime import date, timedelta

from fastapi import APIRouter, Request
from fastapi.responses import Response
from starlette.concurrency import run_in_threadpool

from server.clock import now
from server.dependencies import GetContext, GetViewer
from server.kiosks import counts
from server.kiosks.routes import of_day, require
from server.web.rendering import render

router = APIRouter(include_in_schema=False)


@router.get("/kiosks", name="kiosks:list")
async def listed(
    request: Request, context: GetContext, viewer: GetViewer, day: date | None = None
) -> Response:
    """All kiosks on one day."""
    require(viewer)
    today = now().astimezone(counts.LOCAL).date()
    shown = day or today

    def look() -> list[counts.Kiosk]:
        with context.database.read() as session:
            return counts.kiosks(session, context.catalogue)

    found = [await of_day(context, one.id, shown) for one in await run_in_threadpool(look)]
    return render(
        request,
        "kiosks/list.html",
        viewer,
        here="kiosks:list",
        kiosks=found,
        day=shown,
        before=shown - timedelta(days=1),
        after=None if shown >= today else shown + timedelta(days=1),
    )
