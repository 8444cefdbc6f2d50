"""Finding devices in service, filtered, sorted and counted in SQL: a subdistrict has tens of thousands."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import ColumnElement, Row, Select, String, case, func, literal, or_, select
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
_SEARCHED: Final = (
    Device.id,
    Position.id,
    Position.name,
    _PLACE,
    Area.name,
    Gateway.id,
    Gateway.name,
)
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
    """A stretch of the sorted list. `matching` is how many there are in all."""

    rows: Sequence[Held]
    page: int
    matching: int


def pages(matching: int) -> int:
    """How many pages these are; an empty list is one too."""
    return max(1, -(-matching // AT_ONCE))


def window(session: Session, catalogue: Catalogue, wanted: Wanted, *, page: int) -> Window:
    """The page (from 0), or the last one where there are not so many: by area, place and position. Areas are
    counted first, so that only those in which the page lies are looked through and sorted."""
    query: Any = _matching(select(Position.area_id, Area.name, func.count()), catalogue, wanted)
    counted = session.execute(query.group_by(Position.area_id, Area.name)).all()
    matching = sum(number for _, _, number in counted)
    page = min(page, pages(matching) - 1)
    first = page * AT_ONCE
    chosen: list[str] = []
    skip = before = 0
    for area_id, _, number in sorted(counted, key=lambda row: (row[1] or "", row[0])):
        if before < first + AT_ONCE and before + number > first:
            skip = skip if chosen else first - before
            chosen.append(area_id)
        before += number
    rows: Any = _matching(select(Device, Position), catalogue, wanted).where(Position.area_id.in_(chosen))
    if not chosen:
        return Window((), page, matching)
    in_turn = case({area_id: turn for turn, area_id in enumerate(chosen)}, value=Position.area_id)
    sorted_rows = rows.order_by(in_turn, *_WITHIN_AREA).offset(skip).limit(AT_ONCE)
    return Window(session.execute(sorted_rows).all(), page, matching)


def keys(session: Session, catalogue: Catalogue, wanted: Wanted) -> Sequence[Row[str, str]]:
    """The positions of all that match and the profiles of their devices, in the same order."""
    query: Any = _matching(select(Position.id, Device.profile), catalogue, wanted)
    return session.execute(query.order_by(Area.name, Position.area_id, *_WITHIN_AREA)).all()


def count(session: Session, catalogue: Catalogue, wanted: Wanted) -> int:
    """How many match."""
    return session.scalar(_matching(select(func.count()), catalogue, wanted)) or 0


def _matching(query: Query, catalogue: Catalogue, wanted: Wanted) -> Query:
    query = (
        query.select_from(Attachment)
        .join(Device, Device.id == Attachment.device_id)
        .join(Position, Position.id == Attachment.position_id)
        .join(Gateway, Gateway.id == Device.gateway_id)
        .outerjoin(Area, Area.id == Position.area_id)
        .outerjoin(Resident, Resident.id == Position.resident_id)
        .outerjoin(Well, Well.id == Position.well_id)
        .where(Attachment.until.is_(None), Device.retired_at.is_(None))
    )
    if wanted.family:
        query = query.where(
            Device.profile.in_([each.id for each in catalogue.values() if each.family == wanted.family])
        )
    return query.where(*(_holds(word, catalogue) for word in wanted.q.casefold().split()))


def _holds(word: str, catalogue: Catalogue) -> ColumnElement[bool]:
    escaped = word.replace(_ESCAPE, _ESCAPE * 2).replace("%", _ESCAPE + "%").replace("_", _ESCAPE + "_")
    named = [profile.id for profile in catalogue.values() if word in _words(profile)]
    return or_(
        *(func.lower(column).like(f"%{escaped}%", escape=_ESCAPE) for column in _SEARCHED),
        Device.profile.in_(named),
    )


def _words(profile: Profile) -> str:
    return f"{profile.vendor} {profile.model} {profile.name.zh} {profile.name.en}".casefold()
