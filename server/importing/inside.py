"""An import writes inside the area of whoever runs it: nothing outside is changed, or taken from there."""

from collections.abc import Mapping
from typing import Any, Final

from pydantic import BaseModel
from sqlalchemy import select
from sqlalchemy.orm import Session

from server.db.base import Base, table_of
from server.db.models import Area, Device, Position, Resident, Station, User, Well
from server.importing.care import PersonRow
from server.importing.tables import Row, RowError, Table
from server.places.schemas import AreaIn
from server.users import reach
from server.users.roles import Right, Role
from server.users.viewer import Viewer

_OWN: Final[Mapping[str, tuple[type[Base], str]]] = {
    "areas": (Area, "id"),
    "stations": (Station, "id"),
    "people": (User, "login"),
    "residents": (Resident, "id"),
    "wells": (Well, "id"),
    "positions": (Position, "id"),
    "devices": (Device, "id"),
}


def problems(
    session: Session, viewer: Viewer, table: Table, row: Row, body: BaseModel | None
) -> list[RowError]:
    """What a row would write outside the area, or of people whom others write. What it refers to is looked
    at apart from this."""
    if isinstance(body, PersonRow) and (found := _of_others(session, viewer, row, body)):
        return [RowError(table.sheet, row.number, *found)]
    if viewer.area_ids is None or table.kind not in _OWN:
        return []
    model, name = _OWN[table.kind]
    column: Any = table_of(model).c[name]
    asked = select(column).where(column == row.cells.get(name, ""))
    mine: Any = getattr(model, name)
    inside = select(mine).where(
        mine == row.cells.get(name, ""), reach.condition(viewer, model, changing=True)
    )
    if session.scalar(asked) is not None and session.scalar(inside) is None:
        return [RowError(table.sheet, row.number, name, "this is not in your area", "take the row out")]
    if isinstance(body, AreaIn) and body.parent_id is None and session.scalar(inside) is None:
        what = "a whole subdistrict is laid out by who has no area"
        return [RowError(table.sheet, row.number, "parent_id", what, "fill the cell")]
    if isinstance(body, PersonRow) and body.area_id is None:
        return [RowError(table.sheet, row.number, "area_id", "no area", "fill the cell")]
    return []


def _of_others(session: Session, viewer: Viewer, row: Row, body: PersonRow) -> tuple[str, str, str] | None:
    before = session.scalar(select(User).where(User.login == row.cells.get("login", "")))
    roles = {body.role, before.role if before is not None else body.role}
    if Role.ADMINISTRATOR in roles and not viewer.may(Right.MANAGE_USERS):
        return "role", "administrators are written by administrators alone", "take the row out"
    if before is not None and before.id == viewer.user_id and body.role != before.role:
        return "role", "you can't take your own role away", "take the row out"
    return None
