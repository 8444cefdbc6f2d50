"""Whose daily life is watched by fewer sensors than hang in their home, or by none. Nobody is unprotected by
that alone; quiet is told with less certainty."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from firmware_profiles import Catalogue
from server.db.models import Area, Attachment, Device, Position, Resident, UnheardSensor
from server.rhythm.signs import signs_of
from server.tasks.views import MASK
from server.users.viewer import Viewer

MOST: Final = 50
"""Residents of the list, those with the oldest silence first."""


@dataclass(frozen=True, slots=True)
class Lost:
    """A sensor that is not heard, by its place's name, and since when."""

    position_id: str
    position: str
    since: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Remark:
    """One resident: the sensors of daily life that are not heard, and how many are."""

    resident_id: str
    name: str
    area: str
    lost: tuple[Lost, ...]
    heard: int

    @property
    def since(self) -> datetime:
        """Since when it is so."""
        return max(one.since for one in self.lost) if not self.heard else min(one.since for one in self.lost)


def remarks(
    session: Session,
    viewer: Viewer,
    *,
    catalogue: Catalogue,
    area_ids: Collection[str] | None = None,
    resident_ids: Collection[str] | None = None,
) -> list[Remark]:
    """Of everybody who is looked after, of these areas, or of these residents; at most `MOST`."""
    oldest = (
        select(UnheardSensor.resident_id, func.min(UnheardSensor.since).label("since"))
        .group_by(UnheardSensor.resident_id)
        .subquery()
    )
    query = (
        select(Resident.id, Resident.name, Area.name)
        .join(oldest, oldest.c.resident_id == Resident.id)
        .join(Area, Area.id == Resident.area_id)
        .where(Resident.left_at.is_(None))
        .order_by(oldest.c.since, Resident.id)
        .limit(MOST)
    )
    if area_ids is not None:
        query = query.where(Resident.area_id.in_(area_ids))
    if resident_ids is not None:
        query = query.where(Resident.id.in_(resident_ids))
    rows = session.execute(query).all()
    ids = [row[0] for row in rows]
    lost = _lost(session, ids)
    there = _there(session, ids, catalogue)
    return [
        Remark(
            resident_id=resident_id,
            name=name if viewer.unmasked else name[:1] + MASK,
            area=area,
            lost=lost[resident_id],
            heard=max(there.get(resident_id, 0) - len(lost[resident_id]), 0),
        )
        for resident_id, name, area in rows
    ]


def _lost(session: Session, resident_ids: Collection[str]) -> dict[str, tuple[Lost, ...]]:
    query = (
        select(UnheardSensor.resident_id, Position.id, Position.name, UnheardSensor.since)
        .join(Position, Position.id == UnheardSensor.position_id)
        .where(UnheardSensor.resident_id.in_(resident_ids))
        .order_by(UnheardSensor.since, Position.id)
    )
    found: dict[str, tuple[Lost, ...]] = {}
    for resident_id, position_id, name, since in session.execute(query):
        found[resident_id] = (*found.get(resident_id, ()), Lost(position_id, name, since))
    return found


def _there(session: Session, resident_ids: Collection[str], catalogue: Catalogue) -> dict[str, int]:
    query = (
        select(Position.resident_id, Device.profile)
        .join(Attachment, (Attachment.position_id == Position.id) & Attachment.until.is_(None))
        .join(Device, (Device.id == Attachment.device_id) & Device.retired_at.is_(None))
        .where(Position.resident_id.in_(resident_ids))
    )
    found: dict[str, int] = {}
    for resident_id, profile_id in session.execute(query):
        profile = catalogue.get(profile_id)
        if resident_id is not None and profile is not None and signs_of(profile):
            found[resident_id] = found.get(resident_id, 0) + 1
    return found
