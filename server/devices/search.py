"""Finding devices in service, filtered, sorted and counted in SQL: a subdistrict has tens of thousands."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import ColumnElement, Row, Select, String, and_, case, func, literal, or_, select, true
from sqlalchemy.orm import Session

from firmware_profiles import Catalogue, Profile
from server.db.models import Area, Attachment, Device, Gateway, Position, Resident, Well
from server.tasks.views import MASK

AT_ONCE: Final = 100
"""Devices on one page of the list."""
_ESCAPE: Final = "\\"
INITIAL: Final = func.substr(Resident.name, 1, 1) + literal(MASK, String)
"""A resident as those see them who may not know the name."""
_PLACE: Final = case(
    (Position.resident_id.is_not(None), INITIAL),
    (Position.well_id.is_not(None), Well.name),
    else_="",
)
"""What a person sees of the place: of a home the initial only."""
_WITHIN_AREA: Final = (_PLACE, Position.name, Position.id)
Query = Select[*tuple[Any, ...]]
Held = Row[Device, Position]
"""A device and where it is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Devices of this family ("" for all) that hold every word of `q` somewhere in their texts."""

    q: str = ""
    family: str = ""


@dataclass(frozen=True, slots=True)
class Window:
    """A stretch of the sorted list. `matching` is how many match in all, `total` how many there are."""

    rows: Sequence[Held]
    page: int
    matching: int
    total: int


def pages(matching: int) -> int:
    """How many pages these are; an empty list is one too."""
    return max(1, -(-matching // AT_ONCE))


def window(session: Session, catalogue: Catalogue, wanted: Wanted, *, page: int) -> Window:
    """The page (from 0), or the last one where there are not so many: by area, place and position. Areas are
    counted first, so that only those in which the page lies are looked through and sorted."""
    matches = and_(true(), *_matches(catalogue, wanted))
    held: Any = _in_service(select(Position.area_id, func.count(), func.count().filter(matches)))
    areas: dict[str, str] = dict(session.execute(select(Area.id, Area.name)).all())
    counted = session.execute(held.group_by(Position.area_id)).all()
    total = sum(number for _, number, _ in counted)
    matching = sum(number for _, _, number in counted)
    page = min(page, pages(matching) - 1)
    first = page * AT_ONCE
    chosen: list[str] = []
    skip = before = 0
    for area_id, _, number in sorted(counted, key=lambda row: (areas.get(row[0], ""), row[0])):
        if before < first + AT_ONCE and before + number > first:
            skip = skip if chosen else first - before
            chosen.append(area_id)
        before += number
    if not chosen:
        return Window((), page, matching, total)
    rows: Any = _matching(select(Device, Position), catalogue, wanted).where(Position.area_id.in_(chosen))
    in_turn = case({area_id: turn for turn, area_id in enumerate(chosen)}, value=Position.area_id)
    sorted_rows = rows.order_by(in_turn, *_WITHIN_AREA).offset(skip).limit(AT_ONCE)
    return Window(session.execute(sorted_rows).all(), page, matching, total)


def keys(session: Session, catalogue: Catalogue, wanted: Wanted) -> Sequence[Row[str, str]]:
    """The positions of all that match and the profiles of their devices, in the same order."""
    query: Any = _matching(select(Position.id, Device.profile), catalogue, wanted)
    return session.execute(query.order_by(Area.name, Position.area_id, *_WITHIN_AREA)).all()


def count(session: Session, catalogue: Catalogue, wanted: Wanted) -> int:
    """How many match."""
    return session.scalar(_matching(select(func.count()), catalogue, wanted)) or 0


def _matching(query: Query, catalogue: Catalogue, wanted: Wanted) -> Query:
    query = (
        _in_service(query)
        .outerjoin(Area, Area.id == Position.area_id)
        .outerjoin(Resident, Resident.id == Position.resident_id)
        .outerjoin(Well, Well.id == Position.well_id)
    )
    return query.where(*_matches(catalogue, wanted))


def _in_service(query: Query) -> Query:
    return (
        query.select_from(Attachment)
        .join(Device, Device.id == Attachment.device_id)
        .join(Position, Position.id == Attachment.position_id)
        .where(Attachment.until.is_(None), Device.retired_at.is_(None))
    )


def _matches(catalogue: Catalogue, wanted: Wanted) -> list[ColumnElement[bool]]:
    found = [_holds(word, catalogue) for word in wanted.q.casefold().split()]
    if wanted.family:
        family = [each.id for each in catalogue.values() if each.family == wanted.family]
        found.append(Device.profile.in_(family))
    return found


def _holds(word: str, catalogue: Catalogue) -> ColumnElement[bool]:
    """Areas, gateways, homes and wells are searched once each, not once for each of their devices."""
    escaped = word.replace(_ESCAPE, _ESCAPE * 2).replace("%", _ESCAPE + "%").replace("_", _ESCAPE + "_")

    def has(column: Any) -> ColumnElement[bool]:
        return func.lower(column).like(f"%{escaped}%", escape=_ESCAPE)

    return or_(
        Device.profile.in_([profile.id for profile in catalogue.values() if word in _words(profile)]),
        Position.area_id.in_(select(Area.id).where(has(Area.name))),
        Device.gateway_id.in_(select(Gateway.id).where(has(Gateway.id) | has(Gateway.name))),
        Position.resident_id.in_(select(Resident.id).where(has(INITIAL))),
        and_(Position.resident_id.is_(None), Position.well_id.in_(select(Well.id).where(has(Well.name)))),
        has(Device.id),
        has(Position.id),
        has(Position.name),
    )


def _words(profile: Profile) -> str:
    return f"{profile.vendor} {profile.model} {profile.name.zh} {profile.name.en}".casefold()
