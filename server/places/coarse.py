"""The map from far away: a number for each area instead of a marker for each home.

Who is unprotected is read from the record of coverage and not from readings, which would be everybody's.
That record is of homes: a well that is silent shows by its task.
"""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Integer, cast, exists, func, select
from sqlalchemy.orm import Session

from server.coverage.core import Cause
from server.db.models import Area, Position, Resident, UnprotectedSpan, Well
from server.places.views import Box

MOST: Final = 1_000
"""Homes and wells that are shown one by one: more hide one another, and a telephone draws them slowly."""
_OFFLINE: Final = frozenset({Cause.GATEWAY, Cause.SILENT})


@dataclass(frozen=True, slots=True, kw_only=True)
class Total:
    """What lies in an area: how many homes and wells, where (the middle, and the corners as latitude and
    longitude), and how many of these homes are silent or otherwise unprotected."""

    area_id: str
    name: str
    places: int
    at: tuple[float, float]
    south_west: tuple[float, float]
    north_east: tuple[float, float]
    silent: int = 0
    unprotected: int = 0


def too_many(session: Session, box: Box | None = None) -> bool:
    """Whether more than `MOST` homes and wells lie there. Counts no further."""
    left = MOST
    for model in (Resident, Well):
        some = select(model.id).where(*_there(model, box)).limit(left + 1).subquery()
        left -= session.scalar(select(func.count()).select_from(some)) or 0
        if left < 0:
            return True
    return False


def totals(session: Session, box: Box | None = None) -> list[Total]:
    """Areas with something in it, by name."""
    names: dict[str, str] = dict(session.execute(select(Area.id, Area.name)).all())
    parts: dict[str, list[Any]] = {}
    for model in (Resident, Well):
        query = select(
            model.area_id,
            func.count(),
            func.sum(model.latitude),
            func.sum(model.longitude),
            func.min(model.latitude),
            func.min(model.longitude),
            func.max(model.latitude),
            func.max(model.longitude),
        )
        for area_id, *row in session.execute(query.where(*_there(model, box)).group_by(model.area_id)):
            parts.setdefault(area_id, []).append(row)
    gaps = _gaps(session, box)
    found = (_total(key, names.get(key, ""), rows, gaps.get(key, (0, 0))) for key, rows in parts.items())
    return sorted(found, key=lambda total: (total.name, total.area_id))


def _total(area_id: str, name: str, rows: Collection[Any], gaps: tuple[int, int]) -> Total:
    count = sum(row[0] for row in rows)
    return Total(
        area_id=area_id,
        name=name,
        places=count,
        at=(sum(row[1] for row in rows) / count, sum(row[2] for row in rows) / count),
        south_west=(min(row[3] for row in rows), min(row[4] for row in rows)),
        north_east=(max(row[5] for row in rows), max(row[6] for row in rows)),
        silent=gaps[0],
        unprotected=gaps[1],
    )


def _gaps(session: Session, box: Box | None) -> dict[str, tuple[int, int]]:
    """By area: homes that are silent, and homes with other gaps alone."""
    offline = cast(UnprotectedSpan.cause.in_(_OFFLINE), Integer)
    homes = (
        select(Resident.area_id, func.max(offline).label("offline"))
        .join(UnprotectedSpan, UnprotectedSpan.resident_id == Resident.id)
        .where(UnprotectedSpan.until.is_(None), *_there(Resident, box))
        .group_by(Resident.area_id, Resident.id)
        .subquery()
    )
    query = select(homes.c.area_id, func.count(), func.sum(homes.c.offline)).group_by(homes.c.area_id)
    return {row[0]: (int(row[2]), int(row[1] - row[2])) for row in session.execute(query)}


def _there(model: type[Resident | Well], box: Box | None) -> list[Any]:
    owner = Position.resident_id if model is Resident else Position.well_id
    found = [model.latitude.is_not(None), model.longitude.is_not(None), exists().where(owner == model.id)]
    return found if box is None else [*found, *box.holds(model.latitude, model.longitude)]
