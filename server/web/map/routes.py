"""`/map` and the places on it."""

from dataclasses import dataclass
from functools import partial
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, Response
from sqlalchemy import select
from starlette.concurrency import run_in_threadpool

from server.clock import now
from server.context import Context
from server.db.models import Station
from server.dependencies import GetContext, GetViewer
from server.devices import listing
from server.devices.views import Latest, open_tasks
from server.errors import InvalidError
from server.places import coarse
from server.places.views import Box, Spot, gateways, places, spots
from server.users.roles import Right
from server.users.viewer import Viewer
from server.web.map.street import drawing
from server.web.rendering import language_of, path_of, render

router = APIRouter(include_in_schema=False)


@router.get("/map", name="map:page")
def page(request: Request, viewer: GetViewer) -> Response:
    """The map; its places come by themselves."""
    viewer.require(Right.VIEW_TASKS)
    return render(request, "map/map.html", viewer, here="map:page")


@router.get("/map/places.json", name="map:places")
async def places_json(request: Request, context: GetContext, viewer: GetViewer, box: str = "") -> Response:
    """The street and the places with their state, all of them or, where these are too many to look at
    (`large`), those in `box` (south,west,north,east in degrees). Where even these are too many (`coarse`),
    only places with an open task and a number for each area. Without the readings' store everything but
    freshness."""
    viewer.require(Right.VIEW_TASKS)
    scene = await run_in_threadpool(_scene, context, viewer, _box(box))
    positions = [] if scene.far else [spot.position_id for spot in scene.spots]
    latest, complete = await listing.newest(context, positions, now=now())
    language = language_of(request, viewer)
    found = await run_in_threadpool(_found, request, context, viewer, scene, latest, language, complete)
    return JSONResponse(found, headers={"Cache-Control": "no-store"})


@dataclass(frozen=True, slots=True, kw_only=True)
class _Scene:
    """What is looked at."""

    spots: list[Spot]
    box: Box | None
    large: bool
    far: bool
    totals: list[coarse.Total]


def _box(text: str) -> Box | None:
    if not text:
        return None
    try:
        south, west, north, east = (float(part) for part in text.split(","))
    except ValueError:
        raise InvalidError("box is south,west,north,east in degrees", where="box") from None
    return Box(south, west, north, east)


def _scene(context: Context, viewer: Viewer, box: Box | None) -> _Scene:
    with context.database.read() as session:
        large = coarse.too_many(session)
        box = box if large else None
        far = large and (box is None or coarse.too_many(session, box))
        worked_at = open_tasks(session, viewer).keys() if far else None
        return _Scene(
            spots=spots(session, viewer, box=box, subjects=worked_at),
            box=box,
            large=large,
            far=far,
            totals=coarse.totals(session, box) if far else [],
        )


def _found(
    request: Request,
    context: Context,
    viewer: Viewer,
    scene: _Scene,
    latest: Latest,
    language: str,
    complete: bool,
) -> dict[str, Any]:
    with context.database.read() as session:
        seen = places(session, viewer, scene.spots, catalogue=context.catalogue, latest=latest, now=now())
        seen += [] if scene.far else gateways(session, viewer, box=scene.box)
        stations = session.scalars(select(Station).order_by(Station.id)).all()
    if scene.far:
        seen = [place for place in seen if place.status == "alarm"]
    homes: dict[str, list[tuple[float, float]]] = {}
    for place in seen if not scene.far else ():
        if place.kind == "home":
            homes.setdefault(place.area, []).append((place.latitude, place.longitude))
    wells = [(place.latitude, place.longitude) for place in seen if place.kind == "well"]
    path = partial(path_of, request.app)
    return {
        "complete": complete,
        "large": scene.large,
        "coarse": scene.far,
        "areas": [_area(total) for total in scene.totals],
        "street": drawing([] if scene.far else wells, homes),
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
                "task": path("tasks:detail", task_id=place.task_id) if place.task_id else None,
                "device": path("devices:detail", device_id=place.device_id) if place.device_id else None,
                "gateway": (
                    path("gateways:detail", gateway_id=place.id) if place.kind == "gateway" else None
                ),
            }
            for place in seen
        ],
    }


def _area(total: coarse.Total) -> dict[str, Any]:
    return {
        "id": total.area_id,
        "name": total.name,
        "places": total.places,
        "at": total.at,
        "corners": [total.south_west, total.north_east],
        "silent": total.silent,
        "unprotected": total.unprotected,
    }
