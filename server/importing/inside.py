"""An import writes inside the area of whoever runs it: nothing outside is changed, or taken from there."""

from collections.abc import Mapping
from typing import Any, Final

from pydantic import BaseModel
from sqlalchemy import select
from sqlalchemy.orm import Session

from server.db.base import Base, table_of
from server.db.models import Device, Position, Resident, Station, User, Well
from server.importing.care import PersonRow
from server.importing.tables import Row, RowError, Table
from server.users import reach
from server.users.viewer import Viewer

_OWN: Final[Mapping[str, tuple[type[Base], str]]] = {
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
    """What a row would write outside the area. What it refers to is looked at apart from this."""
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
    if isinstance(body, PersonRow) and body.area_id is None:
        return [RowError(table.sheet, row.number, "area_id", "no area", "fill the cell")]
    return []
