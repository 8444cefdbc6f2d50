"""`/gateways`, `/gateways/{id}`."""

from datetime import timedelta
from typing import Final

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, Response
from starlette.concurrency import run_in_threadpool

from server.clock import now
from server.commands import offered
from server.context import Context
from server.dependencies import GetContext, GetViewer
from server.errors import NotFoundError
from server.gateways import faults, views
from server.gateways.views import GatewayView
from server.users.roles import Right
from server.web.charts.content import content
from server.web.charts.tracks import has_data
from server.web.formats import milliseconds
from server.web.gateways.tracks import tracks
from server.web.i18n import say
from server.web.rendering import is_fragment, language_of, render

router = APIRouter(include_in_schema=False)
CHART_SPAN: Final = timedelta(hours=24)


@router.get("/gateways", name="gateways:list")
def listed(request: Request, context: GetContext, viewer: GetViewer) -> Response:
    """All gateways."""
    viewer.require(Right.VIEW_DEVICES)
    with context.database.read() as session:
        gateways = views.listed(session)
    return render(
        request,
        "gateways/_tiles.html" if is_fragment(request) else "gateways/list.html",
        viewer,
        here="gateways:list",
        gateways=gateways,
    )


@router.get("/gateways/{gateway_id}", name="gateways:detail")
def detail(request: Request, gateway_id: str, context: GetContext, viewer: GetViewer) -> Response:
    """One gateway."""
    viewer.require(Right.VIEW_DEVICES)
    with context.database.read() as session:
        gateway = views.one(session, gateway_id)
        open_faults = faults.open_faults(session, gateway_id)
    return render(
        request,
        "gateways/_gateway.html" if is_fragment(request) else "gateways/detail.html",
        viewer,
        here="gateways:list",
        gateway=gateway,
        health=gateway.health,
        faults=open_faults,
        texts=context.texts,
        offers=[offer for offer in offered.GATEWAY if offer.name not in offered.LATER],
        tracks=tracks(gateway_id, gateway.health, language_of(request, viewer)),
    )


@router.get("/gateways/{gateway_id}/chart.json", name="gateways:chart")
async def chart(
    request: Request, gateway_id: str, point: str, context: GetContext, viewer: GetViewer
) -> Response:
    """One figure of a gateway's condition over the last day, ready to be drawn."""
    viewer.require(Right.VIEW_DEVICES)
    gateway = await run_in_threadpool(_gateway, context, gateway_id)
    language = language_of(request, viewer)
    known = tracks(gateway_id, gateway.health, language)
    track = next((track for track in known if track.point == point), None)
    if track is None:
        raise NotFoundError(f"gateway {gateway_id!r} does not tell {point[:60]!r}")
    end = now()
    start = end - CHART_SPAN
    drawn = await content(context, track, start=start, end=end)
    return JSONResponse(
        {
            "start": milliseconds(start),
            "end": milliseconds(end),
            "marks": [],
            "tracks": [drawn],
            "said": "" if has_data(drawn) else say(language, "task.chart_empty"),
        }
    )


def _gateway(context: Context, gateway_id: str) -> GatewayView:
    with context.database.read() as session:
        return views.one(session, gateway_id)
