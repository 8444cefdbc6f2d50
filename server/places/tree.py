"""The tree subdistrict 街道 → community 社区 → grid 网格: what lies where, moving and removing."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Select, func, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from server.db.models import (
    Alarm,
    Area,
    Gateway,
    Position,
    Resident,
    Shift,
    Station,
    Task,
    User,
    Well,
    Window,
)
from server.errors import ConflictError, InvalidError
from server.users import areas, reach
from server.users.viewer import Viewer

RANKS: Final = ("subdistrict", "community", "grid")
"""From the widest to the narrowest; each belongs to a wider one."""
_COUNTED: Final[tuple[type[Any], ...]] = (Resident, Well, Gateway)
HELD: Final[tuple[type[Any], ...]] = (
    Resident, Well, Gateway, Position, Station, User, Shift, Task, Alarm
)  # fmt: skip
"""What an area that is removed must not have: people's duty and the record of what happened count too."""


@dataclass(frozen=True, slots=True)
class Node:
    """An area in the tree, with what lies in it and below it. `mine`: whoever looks may change it."""

    id: str
    name: str
    kind: str
    parent_id: str | None
    depth: int
    mine: bool
    residents: int
    wells: int
    gateways: int


def tree(session: Session, viewer: Viewer) -> list[Node]:
    """The areas that this person sees, each before those in it, by name."""
    rows = {row.id: row for row in session.scalars(select(Area).order_by(Area.name, Area.id))}
    below: dict[str | None, list[str]] = {}
    for row in rows.values():
        below.setdefault(row.parent_id if row.parent_id in rows else None, []).append(row.id)
    own = {model: _by_area(session, model) for model in _COUNTED}

    def total(model: type[Any], key: str) -> int:
        return own[model].get(key, 0) + sum(total(model, child) for child in below.get(key, ()))

    def walk(keys: list[str], depth: int) -> Iterator[Node]:
        for key in keys:
            row = rows[key]
            mine = viewer.area_ids is None or key in viewer.area_ids
            counts = (total(model, key) for model in _COUNTED)
            yield Node(key, row.name, row.kind, row.parent_id, depth, mine, *counts)
            yield from walk(below.get(key, []), depth + 1)

    return list(walk(below.get(None, []), 0))


def misplaced(
    area_id: str, kind: str, parent_id: str | None, known: Callable[[str], tuple[str, str | None] | None]
) -> str:
    """Why an area of this kind cannot belong there, or nothing. `known` tells (kind, parent) of an area."""
    if parent_id is None:
        return ""
    parent = known(parent_id)
    if parent is not None and RANKS.index(parent[0]) >= RANKS.index(kind):
        return f"a {kind} does not belong to a {parent[0]}"
    above: str | None = parent_id
    for _ in range(areas.DEEPEST):
        if above == area_id:
            return "an area does not belong to one that lies in it"
        found = known(above) if above is not None else None
        above = found[1] if found is not None else None
    return ""


def check_place(session: Session, area_id: str, kind: str, parent_id: str | None) -> None:
    """Raises InvalidError where the area cannot stand there. Moves wait for one another: two at once could
    make a ring."""
    query = select(Area.id, Area.kind, Area.parent_id).order_by(Area.id)
    query = query.with_for_update(key_share=True)  # alarms refer to areas meanwhile
    there = {row.id: (row.kind, row.parent_id) for row in session.execute(query)}
    if wrong := misplaced(area_id, kind, parent_id, there.get):
        raise InvalidError(wrong, where="parent_id")
    for row, (below, parent) in there.items():
        if parent == area_id and RANKS.index(below) <= RANKS.index(kind):
            raise InvalidError(f"the {below} {row} lies in it: a {kind} is too small for that", where="kind")


def remove(session: Session, area: Area) -> None:
    """Takes an empty area away. Raises ConflictError where something is in it, or ever happened there."""
    if held := contents(session, area.id):
        what = ", ".join(f"{number} {name}" for name, number in held.items())
        raise ConflictError(f"area {area.id!r} is not empty: {what}. Move them, or rename the area")
    try:
        session.delete(area)
        session.flush()
    except IntegrityError as error:
        raise ConflictError(f"area {area.id!r} is not empty any more: look again") from error


def contents(session: Session, area_id: str) -> Mapping[str, int]:
    """How much of each sort the area itself has, of what is there; nothing where it may be removed."""
    inside: dict[str, Select[Any]] = {
        model.__tablename__: _count(model).where(model.area_id == area_id) for model in HELD
    }
    inside["areas"] = _count(Area).where(Area.parent_id == area_id)
    inside["windows"] = _count(Window).where(Window.scope_kind == "area", Window.scope_id == area_id)
    found = {name: session.scalar(query) or 0 for name, query in inside.items()}
    return {name: number for name, number in found.items() if number}


def require_mine(session: Session, area: Area) -> None:
    """Raises InvalidError where whoever works in this session may not change the area."""
    if not reach.may_place(session, area.id):
        raise InvalidError(f"area {area.id!r} is not yours to change", where="id")


def _by_area(session: Session, model: type[Any]) -> dict[str, int]:
    query = select(model.area_id, func.count(model.id)).group_by(model.area_id)
    if model is Resident:
        query = query.where(Resident.erased_at.is_(None))
    return {row[0]: row[1] for row in session.execute(query)}


def _count(model: type[Any]) -> Select[Any]:
    return select(func.count()).select_from(model)
