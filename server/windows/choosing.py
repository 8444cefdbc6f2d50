"""What a time can be declared for, found by name, address or id, and what it is called in the list."""

from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import case, or_, select
from sqlalchemy.orm import Session, aliased

from server.db.models import Area, Gateway, Position, Resident, Well
from server.devices.search import INITIAL, Query
from server.users import reach
from server.users.roles import Right
from server.users.viewer import Viewer
from server.windows.core import DRILL, SCOPES, WORK

AT_ONCE: Final = 24
"""Places that are offered at once: what is not among them is found by another word."""
_AT_HARDWARE: Final = ("well", "gateway", "position")
_Around: Final = aliased(Area)


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Something that a time can be declared for. `where` is its address, home or area, as far as it has
    one and this person may know it."""

    kind: str
    id: str
    name: str
    where: str


def scopes(viewer: Viewer) -> tuple[str, ...]:
    """The kinds of place that this person may declare something for."""
    if viewer.may(Right.ASSIGN_TASKS):
        return SCOPES
    return _AT_HARDWARE if viewer.may(Right.COMMAND) else ()


def kinds(viewer: Viewer) -> tuple[str, ...]:
    """What this person may declare."""
    return (WORK, DRILL) if viewer.may(Right.ASSIGN_TASKS) else (WORK,)


def find(session: Session, viewer: Viewer, kind: str, search: str) -> list[Place]:
    """Places of this kind that hold every word of `search` somewhere in what is shown of them, by name; one
    more than `AT_ONCE` where there are more."""
    query = _SHOWN[kind](viewer)
    for word in search.split():
        query = query.where(
            or_(*(column.icontains(word, autoescape=True) for column in query.selected_columns))
        )
    if kind == "area":
        query = query.where(reach.condition(viewer, Area, changing=True))
    elif kind == "resident":
        query = query.where(Resident.left_at.is_(None), Resident.erased_at.is_(None))
    elif kind == "position" and "resident" not in scopes(viewer):
        query = query.where(Position.resident_id.is_(None))
    _, name, *_ = query.selected_columns
    return _places(session, kind, query.order_by(name, _KEYS[kind]).limit(AT_ONCE + 1))


def named(
    session: Session, viewer: Viewer, wanted: Collection[tuple[str, str]]
) -> dict[tuple[str, str], Place]:
    """These places, by kind and id; those that this person does not see are missing. One query a kind."""
    found: dict[tuple[str, str], Place] = {}
    for kind in sorted({kind for kind, _ in wanted} & set(_SHOWN)):
        ids = sorted(key for each, key in wanted if each == kind)
        query = _SHOWN[kind](viewer).where(_KEYS[kind].in_(ids))
        found |= {(kind, place.id): place for place in _places(session, kind, query)}
    return found


def _places(session: Session, kind: str, query: Query) -> list[Place]:
    return [
        Place(kind=kind, id=row[0], name=row[1], where=" · ".join(text for text in row[2:] if text))
        for row in session.execute(query)
    ]


def _person(viewer: Viewer) -> tuple[Any, ...]:
    """Name and address for those who may know them; else the initial alone, as in the list of devices."""
    return (Resident.name, Resident.address) if viewer.unmasked else (INITIAL,)


def _position(viewer: Viewer) -> Query:
    home, *_ = _person(viewer)
    place = case((Position.resident_id.is_not(None), home), else_=Well.name)
    query = select(Position.id, Position.name, place, Area.name).outerjoin(Area, Area.id == Position.area_id)
    return query.outerjoin(Resident, Resident.id == Position.resident_id).outerjoin(
        Well, Well.id == Position.well_id
    )


_KEYS: Final[dict[str, Any]] = {
    "area": Area.id,
    "resident": Resident.id,
    "well": Well.id,
    "position": Position.id,
    "gateway": Gateway.id,
}
_SHOWN: Final[dict[str, Callable[[Viewer], Query]]] = {
    "area": lambda _: select(Area.id, Area.name, _Around.name).outerjoin(
        _Around, _Around.id == Area.parent_id
    ),
    "resident": lambda viewer: select(Resident.id, *_person(viewer), Area.name).outerjoin(
        Area, Area.id == Resident.area_id
    ),
    "well": lambda _: select(Well.id, Well.name, Well.address, Area.name).outerjoin(
        Area, Area.id == Well.area_id
    ),
    "position": _position,
    "gateway": lambda _: select(Gateway.id, Gateway.name, Area.name).outerjoin(
        Area, Area.id == Gateway.area_id
    ),
}
"""By kind of place: id, name, and the texts that tell where it is; what is shown is what is searched."""
