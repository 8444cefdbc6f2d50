"""`/map` and the places on it."""

from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, Response
from sqlalchemy import select
from starlette.concurrency import run_in_threadpool

from server.clock import now
from server.context import Context
from server.db.models import Station
from server.dependencies import GetContext, GetViewer
from server.devices.views import Latest
from server.errors import StoreUnavailableError
from server.places.views import places
from server.readings import service as readings
from server.users.roles import Right
from server.users.viewer import Viewer
from server.web.map.street import drawing
from server.web.rendering import language_of, render

router = APIRouter(include_in_schema=False)


@router.get("/map", name="map:page")
def page(request: Request, viewer: GetViewer) -> Response:
    """The map; its places come by themselves."""
    viewer.require(Right.VIEW_TASKS)
    return render(request, "map/map.html", viewer, here="map:page")


@router.get("/map/places.json", name="map:places")
async def places_json(request: Request, context: GetContext, viewer: GetViewer) -> Response:
    """The street and all places with their state. Without the readings' store everything but freshness."""
    viewer.require(Right.VIEW_TASKS)
    try:
        latest: Latest = await readings.latest(context.store, context.catalogue, now=now())
        complete = True
    except StoreUnavailableError:
        latest, complete = {}, False
    language = language_of(request, viewer)
    found = await run_in_threadpool(_found, request, context, viewer, latest, language, complete)
    return JSONResponse(found, headers={"Cache-Control": "no-store"})


def _found(
    request: Request, context: Context, viewer: Viewer, latest: Latest, language: str, complete: bool
) -> dict[str, Any]:
    with context.database.read() as session:
        seen = places(session, viewer, catalogue=context.catalogue, latest=latest, now=now())
        stations = session.scalars(select(Station).order_by(Station.id)).all()
    homes: dict[str, list[tuple[float, float]]] = {}
    for place in seen:
        if place.kind == "home":
            homes.setdefault(place.area, []).append((place.latitude, place.longitude))
    wells = [(place.latitude, place.longitude) for place in seen if place.kind == "well"]
    path = request.app.url_path_for
    return {
        "complete": complete,
        "street": drawing(wells, homes),
        "stations": [
            {"name": one.name, "at": [one.latitude, one.longitude], "metres": one.radius_m}
            for one in stations
        ],
        "places": [
            {
                "kind": place.kind,
                "id": place.id,
                "name": place.name,
                "area": place.area,
                "at": [place.latitude, place.longitude],
                "status": place.status if complete or place.status in ("alarm", "unprotected") else "ok",
                "severity": place.severity,
                "what": context.texts.name(place.rule, language) if place.rule else None,
                "waiting": place.waiting,
                "task": str(path("tasks:detail", task_id=place.task_id)) if place.task_id else None,
                "device": str(path("devices:detail", device_id=place.device_id)) if place.device_id else None,
                "gateway": (
                    str(path("gateways:detail", gateway_id=place.id)) if place.kind == "gateway" else None
                ),
            }
            for place in seen
        ],
    }
