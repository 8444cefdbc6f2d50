"""Writing and reading places. Putting the same thing twice changes nothing the second time."""

from datetime import datetime
from typing import Any, TypeVar

from pydantic import BaseModel
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from server.db.base import Base
from server.db.models import Area, Gateway, Position, Resident, Shift, Station, User, Well
from server.errors import ConflictError, InvalidError, NotFoundError
from server.places import tree, upstream
from server.places.policy import PlacesPolicy
from server.places.schemas import (
    AreaIn,
    GatewayIn,
    PositionIn,
    ResidentIn,
    StationIn,
    WellIn,
    check_id,
)
from server.policies.service import current
from server.residents import contacts
from server.users import reach

M = TypeVar("M", bound=Base)


def put_area(session: Session, area_id: str, area: AreaIn) -> Area:
    """Creates, corrects or moves an area. Raises InvalidError where it cannot stand there."""
    before = session.get(Area, area_id)
    if before is None or before.parent_id != area.parent_id:
        if area.parent_id is None and not reach.may_place(session, None):
            fix = "a whole subdistrict is laid out by who has no area"
            raise InvalidError(f"parent_id: {fix}", where="parent_id")
        _require(session, Area, area.parent_id, "parent_id")
    tree.check_place(session, area_id, area.kind, area.parent_id)
    return _put(session, Area, area_id, area)


def remove_area(session: Session, area_id: str) -> None:
    """Takes an area away. Raises NotFoundError; ConflictError where anything is in it, or ever happened."""
    tree.remove(session, found(session, Area, area_id))


def put_resident(session: Session, resident_id: str, resident: ResidentIn, *, now: datetime) -> Resident:
    """Creates or corrects a resident. Raises ConflictError for one whose data was erased."""
    _require(session, Area, resident.area_id, "area_id")
    before = session.get(Resident, resident_id)
    if before is not None and before.erased_at is not None:
        raise ConflictError(f"the data of resident {resident_id!r} was erased: take another id")
    left_out = frozenset({"contact", "contacts"})
    row = _put(session, Resident, resident_id, resident, leave=left_out, created_at=now)
    if "contacts" in resident.model_fields_set:
        contacts.put(session, resident_id, resident.contacts)
    elif "contact" in resident.model_fields_set:
        contacts.write(session, resident_id, contacts.parse(resident.contact))
    return row


def put_well(session: Session, well_id: str, well: WellIn) -> Well:
    """Creates or corrects a well."""
    _require(session, Area, well.area_id, "area_id")
    row = _put(session, Well, well_id, well, leave=frozenset({"upstream"}))
    if "upstream" in well.model_fields_set:
        upstream.put(session, well_id, well.upstream)
    return row


def put_station(session: Session, station_id: str, station: StationIn) -> Station:
    """Creates or corrects a station 阳光老人家."""
    _require(session, Area, station.area_id, "area_id")
    if station.radius_m is None:
        station = station.model_copy(update={"radius_m": current(session, PlacesPolicy).station_radius_m})
    return _put(session, Station, station_id, station)


def remove_station(session: Session, station_id: str) -> None:
    """Takes a station away. Raises NotFoundError; ConflictError while people or shifts belong to it."""
    row = found(session, Station, station_id)
    people = session.scalar(select(func.count()).select_from(User).where(User.station_id == station_id))
    shifts = session.scalar(select(func.count()).select_from(Shift).where(Shift.station_id == station_id))
    if people or shifts:
        raise ConflictError(
            f"{people} people and {shifts} shifts belong to station {station_id!r}: move them"
        )
    session.delete(row)


def put_position(session: Session, position_id: str, position: PositionIn, *, now: datetime) -> Position:
    """Creates or corrects a position."""
    if position.resident_id is not None and position.well_id is not None:
        raise InvalidError("a position belongs to a resident or to a well, not to both", where="well_id")
    _require(session, Area, position.area_id, "area_id")
    _require(session, Resident, position.resident_id, "resident_id")
    _require(session, Well, position.well_id, "well_id")
    return _put(session, Position, position_id, position, created_at=now)


def put_gateway(session: Session, gateway_id: str, gateway: GatewayIn, *, now: datetime) -> Gateway:
    """Creates or corrects a gateway. Its broker credential is made apart from this."""
    _require(session, Area, gateway.area_id, "area_id")
    return _put(session, Gateway, gateway_id, gateway, created_at=now)


def require_free(session: Session, model: type[Base], key: str) -> None:
    """Raises InvalidError where something has this id already: what is new must not overwrite it."""
    if session.get(model, key) is not None:
        raise InvalidError(f"the id {key!r} is taken: choose another", where="id")


def found(session: Session, model: type[M], key: str) -> M:
    """The row. Raises NotFoundError."""
    row = session.get(model, key)
    if row is None:
        raise NotFoundError(f"there is no {model.__tablename__.removesuffix('s')} {key!r}")
    return row


def _put(
    session: Session,
    model: type[M],
    key: str,
    written: BaseModel,
    *,
    leave: frozenset[str] = frozenset(),
    **only_new: Any,
) -> M:
    try:
        check_id(key)
    except ValueError as error:
        raise InvalidError(f"id {key!r}: {error}", where="id") from error
    values = written.model_dump(exclude=set(leave))
    row = session.get(model, key)
    if row is None:
        row = model(id=key, **values, **only_new)
        session.add(row)
    else:
        for name, value in values.items():
            setattr(row, name, value)
    session.flush()
    return row


def _require(session: Session, model: type[Base], key: str | None, where: str) -> None:
    if key is not None and not reach.known(session, model, key):
        raise InvalidError(
            f"{where}: there is no {model.__tablename__.removesuffix('s')} {key!r}: create it first",
            where=where,
        )
