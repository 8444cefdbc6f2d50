"""`/api/v1/{areas,stations,wells,positions,gateways}`. A PUT creates or corrects."""

from datetime import datetime
from typing import Any, TypeVar

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict
from sqlalchemy import select

from server.audit import service as audit
from server.clock import now
from server.commissioning.homes import as_seen
from server.commissioning.repository import standings
from server.commissioning.states import Protection
from server.db.base import Base
from server.db.models import Area, Gateway, Position, Station, Well
from server.dependencies import GetContext, GetViewer
from server.places import circles, service, upstream
from server.places.schemas import AreaIn, GatewayIn, PositionIn, StationIn, WellIn
from server.users.roles import Right
from server.users.viewer import Viewer

router = APIRouter(tags=["places"])
Out = TypeVar("Out", bound=BaseModel)


class _Out(BaseModel):
    model_config = ConfigDict(from_attributes=True)


class AreaOut(AreaIn, _Out):
    """An area."""

    id: str


class StationOut(StationIn, _Out):
    """A station and its circle."""

    id: str


class WellOut(WellIn, _Out):
    """A well."""

    id: str


class PositionOut(PositionIn, _Out):
    """A position. `protection` says whether it protects; None in the answer to a PUT."""

    id: str
    created_at: datetime
    protection: Protection | None = None


class GatewayOut(GatewayIn, _Out):
    """A gateway and what it says of itself."""

    id: str
    online: bool
    seen_at: datetime | None
    changed_at: datetime | None
    software: str
    desired_version: int
    applied_version: int
    refused_version: int | None
    refused_reason: str | None
    health: dict[str, Any]


@router.get("/areas")
def list_areas(context: GetContext, viewer: GetViewer) -> list[AreaOut]:
    """All areas."""
    return _all(context, viewer, Right.VIEW_TASKS, Area, AreaOut)


@router.put("/areas/{key}")
def put_area(context: GetContext, viewer: GetViewer, key: str, body: AreaIn) -> AreaOut:
    """Creates, corrects or moves an area."""
    _require_areas(viewer)
    with context.database.write() as session:
        row = service.put_area(session, key, body)
        audit.write(session, viewer, action="write", subject=("area", key), now=now())
        return AreaOut.model_validate(row)


@router.delete("/areas/{key}", status_code=204)
def remove_area(context: GetContext, viewer: GetViewer, key: str) -> None:
    """Takes an area away; 409 while anything is in it, or where something ever happened there."""
    viewer.require(Right.EDIT_AREAS)
    with context.database.write() as session:
        service.remove_area(session, key)
        audit.write(session, viewer, action="remove", subject=("area", key), now=now())


@router.get("/stations")
def list_stations(context: GetContext, viewer: GetViewer) -> list[StationOut]:
    """All stations 阳光老人家."""
    return _all(context, viewer, Right.VIEW_TASKS, Station, StationOut)


@router.put("/stations/{key}")
def put_station(context: GetContext, viewer: GetViewer, key: str, body: StationIn) -> StationOut:
    """Creates or corrects a station. Without a radius its circle is 15 minutes on foot."""
    viewer.require(Right.EDIT_RESIDENTS)
    with context.database.write() as session:
        return StationOut.model_validate(service.put_station(session, key, body))


@router.delete("/stations/{key}", status_code=204)
def remove_station(context: GetContext, viewer: GetViewer, key: str) -> None:
    """Takes a station away; 409 while people or shifts belong to it."""
    viewer.require(Right.EDIT_RESIDENTS)
    with context.database.write() as session:
        service.remove_station(session, key)


@router.get("/stations/{key}/homes")
def list_homes(context: GetContext, viewer: GetViewer, key: str) -> list[circles.Home]:
    """The homes within a station's circle, the nearest first: ids and metres."""
    viewer.require(Right.VIEW_TASKS)
    with context.database.read() as session:
        return circles.homes_of(session, service.found(session, Station, key))


@router.get("/wells")
def list_wells(context: GetContext, viewer: GetViewer) -> list[WellOut]:
    """All wells."""
    found = _all(context, viewer, Right.VIEW_DEVICES, Well, WellOut)
    with context.database.read() as session:
        above = upstream.of(session)
    for one in found:
        one.upstream = above.get(one.id, [])
    return found


@router.put("/wells/{key}")
def put_well(context: GetContext, viewer: GetViewer, key: str, body: WellIn) -> WellOut:
    """Creates or corrects a well."""
    viewer.require(Right.REGISTER)
    with context.database.write() as session:
        out = WellOut.model_validate(service.put_well(session, key, body))
        out.upstream = upstream.of(session, [key]).get(key, [])
        return out


@router.get("/positions")
def list_positions(context: GetContext, viewer: GetViewer) -> list[PositionOut]:
    """All positions, each with whether it protects."""
    found = _all(context, viewer, Right.VIEW_DEVICES, Position, PositionOut)
    with context.database.read() as session:
        states = as_seen(session, standings(session, now=now()), catalogue=context.catalogue)
    for one in found:
        one.protection = states[one.id].state if one.id in states else None
    return found


@router.put("/positions/{key}")
def put_position(context: GetContext, viewer: GetViewer, key: str, body: PositionIn) -> PositionOut:
    """Creates or corrects a position."""
    viewer.require(Right.REGISTER)
    with context.database.write() as session:
        return PositionOut.model_validate(service.put_position(session, key, body, now=now()))


@router.get("/gateways")
def list_gateways(context: GetContext, viewer: GetViewer) -> list[GatewayOut]:
    """All gateways with what they last said of themselves."""
    return _all(context, viewer, Right.VIEW_DEVICES, Gateway, GatewayOut)


@router.put("/gateways/{key}")
def put_gateway(context: GetContext, viewer: GetViewer, key: str, body: GatewayIn) -> GatewayOut:
    """Creates or corrects a gateway."""
    viewer.require(Right.REGISTER)
    with context.database.write() as session:
        return GatewayOut.model_validate(service.put_gateway(session, key, body, now=now()))


def _require_areas(viewer: Viewer) -> None:
    if not viewer.may(Right.REGISTER):
        viewer.require(Right.EDIT_AREAS)


def _all(context: GetContext, viewer: Viewer, right: Right, model: type[Base], out: type[Out]) -> list[Out]:
    viewer.require(right)
    with context.database.read() as session:
        rows = session.scalars(select(model).order_by(*model.__mapper__.primary_key)).all()
        return [out.model_validate(row) for row in rows]
