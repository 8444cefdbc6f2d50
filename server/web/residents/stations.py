"""`/stations`: stations 阳光老人家 with their circles; `/wells/…/edit`: what is written of a well."""

from collections.abc import Mapping
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import RedirectResponse, Response
from pydantic import ValidationError
from sqlalchemy import select
from starlette.concurrency import run_in_threadpool

from server.audit import service as audit
from server.clock import now
from server.context import Context
from server.db.models import Area, Station, Well
from server.dependencies import GetContext, GetViewer
from server.errors import ConflictError, InvalidError, NotFoundError
from server.places import circles, service, upstream
from server.places import lists as places
from server.places.policy import PlacesPolicy
from server.policies.service import current
from server.users import reach
from server.users.roles import Right
from server.users.viewer import Viewer
from server.web.rendering import render
from server.web.residents import form

router = APIRouter(include_in_schema=False)
_STATION = ("area_id", "name", "address", "phone", "latitude", "longitude", "radius_m")
_WELL = ("area_id", "name", "address", "owner", "depth_m", "mount_height_m", "latitude", "longitude")


@router.get("/stations", name="stations:list")
def listed(request: Request, context: GetContext, viewer: GetViewer) -> Response:
    """All stations, with how many homes lie in their circles."""
    viewer.require(Right.VIEW_RESIDENTS)
    with context.database.read() as session:
        rows = session.execute(select(Station, Area.name).join(Area, Area.id == Station.area_id)).all()
        shown = [(station, area, len(circles.homes_of(session, station))) for station, area in rows]
        outside = circles.outside_all(session)
    return render(
        request,
        "residents/stations.html",
        viewer,
        here="stations:list",
        stations=sorted(shown, key=lambda one: one[0].id),
        outside=outside,
        may_edit=viewer.may(Right.EDIT_RESIDENTS),
    )


@router.get("/stations/new", name="stations:new")
def new(request: Request, context: GetContext, viewer: GetViewer) -> Response:
    """The form of a new station."""
    viewer.require(Right.EDIT_RESIDENTS)
    return _station(request, context, viewer, "", {}, {})


@router.get("/stations/{station_id}/edit", name="stations:edit")
def edit(request: Request, context: GetContext, viewer: GetViewer, station_id: str) -> Response:
    """The form of one."""
    viewer.require(Right.EDIT_RESIDENTS)
    with context.database.read() as session:
        given = _texts(service.found(session, Station, station_id), _STATION)
    return _station(request, context, viewer, station_id, given, {})


@router.post("/stations/save", name="stations:save")
async def save(request: Request, context: GetContext, viewer: GetViewer) -> Response:
    """Saves a station, or takes it away."""
    viewer.require(Right.EDIT_RESIDENTS)
    fields = {name: value for name, value in (await request.form()).items() if isinstance(value, str)}
    known = fields.get("known", "")

    def act() -> Response:
        errors: dict[str, str] = {}
        key = known or fields.get("id", "").strip()
        try:
            with context.database.write() as session:
                if known and not reach.known(session, Station, known):
                    raise NotFoundError(f"there is no station {known[:70]!r}")
                if "remove" in fields:
                    service.remove_station(session, known)
                else:
                    if not known:
                        service.require_free(session, Station, key)
                    service.put_station(session, key, form.station(fields))
                audit.write(session, viewer, action="write", subject=("station", key), now=now())
        except ValidationError as error:
            errors = form.wrong(error)
        except (ConflictError, InvalidError) as error:
            errors = {str(error.details.get("where", "id")): error.message}
        if errors:
            return _station(request, context, viewer, known, fields, errors)
        return RedirectResponse(str(request.app.url_path_for("stations:list")), 303)

    return await run_in_threadpool(act)


@router.get("/wells/{well_id}/edit", name="wells:edit")
def edit_well(request: Request, context: GetContext, viewer: GetViewer, well_id: str) -> Response:
    """The form of a well: owner, depth, mount height, upstream neighbours."""
    viewer.require(Right.REGISTER)
    with context.database.read() as session:
        given = _texts(service.found(session, Well, well_id), _WELL)
        given["upstream"] = " ".join(upstream.of(session, [well_id]).get(well_id, []))
    return _well(request, context, viewer, well_id, given, {})


@router.post("/wells/{well_id}/edit", name="wells:save")
async def save_well(request: Request, context: GetContext, viewer: GetViewer, well_id: str) -> Response:
    """Saves a well."""
    viewer.require(Right.REGISTER)
    fields = {name: value for name, value in (await request.form()).items() if isinstance(value, str)}

    def act() -> Response:
        errors: dict[str, str] = {}
        try:
            wanted = form.well(fields)
            with context.database.write() as session:
                service.found(session, Well, well_id)
                service.put_well(session, well_id, wanted)
        except ValidationError as error:
            errors = form.wrong(error)
        except InvalidError as error:
            errors = {str(error.details.get("where", "upstream")): error.message}
        return _well(request, context, viewer, well_id, fields, errors, saved=not errors)

    return await run_in_threadpool(act)


def _station(
    request: Request,
    context: Context,
    viewer: Viewer,
    station_id: str,
    given: Mapping[str, str],
    errors: Mapping[str, str],
) -> Response:
    with context.database.read() as session:
        values: dict[str, Any] = {
            "areas": places.areas(session),
            "usual": current(session, PlacesPolicy).station_radius_m,
        }
    return render(
        request,
        "residents/station.html",
        viewer,
        status=422 if errors else 200,
        here="stations:list",
        station_id=station_id,
        given=given,
        errors=errors,
        **values,
    )


def _well(
    request: Request,
    context: Context,
    viewer: Viewer,
    well_id: str,
    given: Mapping[str, str],
    errors: Mapping[str, str],
    *,
    saved: bool = False,
) -> Response:
    with context.database.read() as session:
        areas = places.areas(session)
    return render(
        request,
        "residents/well.html",
        viewer,
        status=422 if errors else 200,
        here="wells:list",
        well_id=well_id,
        given=given,
        errors=errors,
        areas=areas,
        saved=saved,
    )


def _texts(row: object, names: tuple[str, ...]) -> dict[str, str]:
    return {name: "" if (value := getattr(row, name)) is None else str(value) for name in names}
