"""`/coverage`, `/coverage/month`."""

from typing import Annotated

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from server.clock import now
from server.coverage import service
from server.coverage.views import PAGE
from server.dependencies import GetContext, GetViewer
from server.figures import months
from server.places import lists
from server.users.roles import Right
from server.web.rendering import is_fragment, render

router = APIRouter(include_in_schema=False)
CHOICE = 24
"""Months to choose from."""


@router.get("/coverage", name="coverage:now")
def unprotected(
    request: Request,
    context: GetContext,
    viewer: GetViewer,
    area: str = "",
    offset: Annotated[int, Query(ge=0, le=1_000_000)] = 0,
) -> Response:
    """Who is unprotected now."""
    viewer.require(Right.VIEW_TASKS)
    with context.database.read() as session:
        page = service.page(session, viewer, catalogue=context.catalogue, area=area, offset=offset, now=now())
        areas = [] if is_fragment(request) else lists.areas(session)
    return render(
        request,
        "coverage/_now.html" if is_fragment(request) else "coverage/now.html",
        viewer,
        here="coverage:now",
        counts=page.counts,
        lines=page.lines,
        remarks=page.remarks,
        next_offset=offset + PAGE if page.more else None,
        areas=areas,
        area=area,
        offset=offset,
    )


@router.get("/coverage/month", name="coverage:month")
def month(
    request: Request, context: GetContext, viewer: GetViewer, month: str = "", area: str = ""
) -> Response:
    """The unprotected hours of a month, and the re-tests that fall due."""
    viewer.require(Right.VIEW_TASKS)
    with context.database.read() as session:
        page = service.month(session, viewer, month or None, area=area, now=now())
        areas = lists.areas(session)
    latest = months.month_at(now(), page.month.zone)
    return render(
        request,
        "coverage/month.html",
        viewer,
        here="coverage:now",
        page=page,
        sums=page.sums,
        light=page.light,
        choice=[latest.plus(-number).text for number in range(CHOICE)],
        areas=areas,
        area=area,
    )
