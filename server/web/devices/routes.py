"""`/devices`, `/devices/{id}`."""

from typing import Annotated
from urllib.parse import urlencode

from fastapi import APIRouter, Query, Request
from fastapi.responses import JSONResponse, Response
from starlette.concurrency import run_in_threadpool

from firmware_profiles.values import duration_text
from server.clock import now
from server.commands import offered
from server.context import Context
from server.dependencies import GetContext, GetViewer
from server.devices import listing, repository, views
from server.devices.freshness import Freshness
from server.devices.views import DevicePage, Latest
from server.errors import NotFoundError
from server.users.roles import Right
from server.users.viewer import Viewer
from server.web.charts.content import content, lately
from server.web.charts.tracks import has_data, stands_still, tracks_of
from server.web.devices.found import Pending, pending
from server.web.devices.found import router as found
from server.web.devices.register import router as register
from server.web.formats import milliseconds, number
from server.web.i18n import say
from server.web.rendering import is_fragment, language_of, render

router = APIRouter(include_in_schema=False)
router.include_router(register)
router.include_router(found)
FAMILIES = ("fall", "button", "home", "well", "temperature")


@router.get("/devices", name="devices:list")
async def listed(
    request: Request,
    context: GetContext,
    viewer: GetViewer,
    q: str = "",
    family: str = "",
    state: str = "",
    page: Annotated[int, Query(ge=0, le=1_000_000)] = 0,
    of: str = "",
    done: bool = False,
) -> Response:
    """A page of the list, or (to the page's own script, every 5 s) just its rows. `of` are the filters that
    `page` was counted with: with others the list begins at its first page."""
    viewer.require(Right.VIEW_DEVICES)
    asked = {"q": q, "family": family, "state": state}
    filters = urlencode(asked)
    seen = await listing.part(
        context,
        viewer,
        listing.Asked(q=q, family=family, state=state, page=page if of in ("", filters) else 0),
        now=now(),
    )
    waiting = [] if is_fragment(request) else await run_in_threadpool(_pending, context)
    return await run_in_threadpool(
        render,
        request,
        "devices/_rows.html" if is_fragment(request) else "devices/list.html",
        viewer,
        here="devices:list",
        seen=seen,
        devices=seen.devices,
        pending=waiting,
        total=seen.total,
        complete=seen.complete,
        asked=asked,
        filters=filters,
        families=FAMILIES,
        states=tuple(Freshness),
        may_register=viewer.may(Right.REGISTER),
        done=done,
    )


@router.get("/devices/{device_id}", name="devices:detail")
async def detail(request: Request, device_id: str, context: GetContext, viewer: GetViewer) -> Response:
    """One device."""
    viewer.require(Right.VIEW_DEVICES)
    here = await run_in_threadpool(_position, context, device_id)
    latest, complete = await listing.newest(context, here, now=now())
    page = await run_in_threadpool(_page, context, viewer, device_id, latest)
    profile, view = page.profile, page.view
    language = language_of(request, viewer)
    spoken = {value.point for value in view.values} if view else set()
    tracks = tracks_of(profile, view.position_id, language) if profile and view else []
    mode = profile.heartbeat.modes[profile.heartbeat.default] if profile and profile.heartbeat else None
    return await run_in_threadpool(
        render,
        request,
        "devices/_values.html" if is_fragment(request) else "devices/detail.html",
        viewer,
        here="devices:list",
        page=page,
        device=page.device,
        profile=profile,
        view=view,
        tracks=[track for track in tracks if track.point in spoken],
        rules=profile.rule_templates() if profile else (),
        offers=offered.of_profile(profile) if profile else (),
        complete=complete,
        may_register=viewer.may(Right.REGISTER),
        rhythm=(duration_text(mode.every), duration_text(mode.silent_after)) if mode else None,
    )


@router.get("/devices/{device_id}/chart.json", name="devices:chart")
async def chart(
    request: Request, device_id: str, point: str, context: GetContext, viewer: GetViewer
) -> Response:
    """One point of a device over the last day, ready to be drawn."""
    viewer.require(Right.VIEW_DEVICES)
    page = await run_in_threadpool(_page, context, viewer, device_id, {})
    if page.profile is None or page.view is None:
        raise NotFoundError(f"device {device_id!r} is nowhere now, or its profile is not known")
    language = language_of(request, viewer)
    tracks = tracks_of(page.profile, page.view.position_id, language, parameters=page.device.parameters)
    track = next((track for track in tracks if track.point == point), None)
    if track is None:
        raise NotFoundError(f"the profile {page.profile.id} has no point {point!r}")
    end = now()
    start = lately(page.device.created_at, end)
    drawn = await content(context, track, start=start, end=end)
    said = "" if has_data(drawn) else say(language, "task.chart_empty")
    if stands_still(drawn) and not track.limits:
        value = f"{number(drawn['points'][0][1])} {track.unit}".rstrip()
        said = say(language, "chart.constant", value=value)
    return JSONResponse(
        {
            "start": milliseconds(start),
            "end": milliseconds(end),
            "marks": [],
            "tracks": [drawn],
            "said": said,
        }
    )


def _pending(context: Context) -> list[Pending]:
    with context.database.read() as session:
        return pending(session, context.catalogue)


def _position(context: Context, device_id: str) -> list[str]:
    with context.database.read() as session:
        attachment = repository.attachment_of(session, device_id=device_id)
        return [attachment.position_id] if attachment else []


def _page(context: Context, viewer: Viewer, device_id: str, latest: Latest) -> DevicePage:
    with context.database.read() as session:
        return views.page(session, viewer, device_id, catalogue=context.catalogue, latest=latest, now=now())
