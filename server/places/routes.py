"""`/api/v1/{areas,residents,wells,positions,gateways}`. A PUT creates or corrects."""

from datetime import datetime
from typing import Annotated, Any, TypeVar

from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict
from sqlalchemy import select
from sqlalchemy.orm import Session

from server.audit import service as audit
from server.clock import now
from server.commissioning.repository import standings
from server.commissioning.states import Protection
from server.db.base import Base
from server.db.models import Area, Gateway, Position, Resident, Well
from server.dependencies import GetContext, GetViewer
from server.places import service
from server.places.schemas import AreaIn, GatewayIn, PositionIn, ResidentIn, WellIn
from server.residents import contacts
from server.users.roles import Right
from server.users.viewer import Viewer

router = APIRouter(tags=["places"])
Out = TypeVar("Out", bound=BaseModel)
Reason = Annotated[str, Query(min_length=3, max_length=500, description="Why you look: it is written down")]


class _Out(BaseModel):
    model_config = ConfigDict(from_attributes=True)


class AreaOut(AreaIn, _Out):
    """An area."""

    id: str


class ResidentOut(ResidentIn, _Out):
    """A resident, in full."""

    id: str


class ResidentSummary(_Out):
    """A resident without personal details."""

    id: str
    area_id: str
    risk: str


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
    """Creates or corrects an area."""
    viewer.require(Right.REGISTER)
    with context.database.write() as session:
        return AreaOut.model_validate(service.put_area(session, key, body))


@router.get("/residents")
def list_residents(context: GetContext, viewer: GetViewer) -> list[ResidentSummary]:
    """All residents, without their personal details."""
    return _all(context, viewer, Right.VIEW_TASKS, Resident, ResidentSummary)


@router.get("/residents/{key}")
def get_resident(context: GetContext, viewer: GetViewer, key: str, reason: Reason) -> ResidentOut:
    """One resident in full. Needs a reason, which is written to the audit log."""
    viewer.require(Right.VIEW_RESIDENTS)
    with context.database.write() as session:
        resident = service.found(session, Resident, key)
        audit.write(session, viewer, action="read", subject=("resident", key), reason=reason, now=now())
        return _resident(session, resident)


@router.put("/residents/{key}")
def put_resident(context: GetContext, viewer: GetViewer, key: str, body: ResidentIn) -> ResidentOut:
    """Creates or corrects a resident."""
    viewer.require(Right.REGISTER)
    with context.database.write() as session:
        resident = service.put_resident(session, key, body)
        audit.write(session, viewer, action="write", subject=("resident", key), now=now())
        return _resident(session, resident)


@router.get("/wells")
def list_wells(context: GetContext, viewer: GetViewer) -> list[WellOut]:
    """All wells."""
    return _all(context, viewer, Right.VIEW_DEVICES, Well, WellOut)


@router.put("/wells/{key}")
def put_well(context: GetContext, viewer: GetViewer, key: str, body: WellIn) -> WellOut:
    """Creates or corrects a well."""
    viewer.require(Right.REGISTER)
    with context.database.write() as session:
        return WellOut.model_validate(service.put_well(session, key, body))


@router.get("/positions")
def list_positions(context: GetContext, viewer: GetViewer) -> list[PositionOut]:
    """All positions, each with whether it protects."""
    found = _all(context, viewer, Right.VIEW_DEVICES, Position, PositionOut)
    with context.database.read() as session:
        states = standings(session, now=now())
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


def _resident(session: Session, resident: Resident) -> ResidentOut:
    out = ResidentOut.model_validate(resident)
    out.contact = contacts.text(contacts.of(session, resident.id))
    return out


def _all(context: GetContext, viewer: Viewer, right: Right, model: type[Base], out: type[Out]) -> list[Out]:
    viewer.require(right)
    with context.database.read() as session:
        rows = session.scalars(select(model).order_by(*model.__mapper__.primary_key)).all()
        return [out.model_validate(row) for row in rows]
