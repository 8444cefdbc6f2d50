"""Which homes lie within the circle of a station. Over the ground, as the crow flies."""

from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from server.db.models import Resident, Station
from server.places.ground import metres


@dataclass(frozen=True, slots=True)
class Home:
    """A home within a circle, and how far it is."""

    resident_id: str
    metres: int


def homes_of(session: Session, station: Station) -> list[Home]:
    """The homes within the station's circle, the nearest first. Homes without coordinates are in none."""
    query = select(Resident.id, Resident.latitude, Resident.longitude).where(
        Resident.latitude.is_not(None), Resident.left_at.is_(None), Resident.erased_at.is_(None)
    )
    here = (station.latitude, station.longitude)
    away = [
        (metres(here, (row.latitude, row.longitude)), row.id)
        for row in session.execute(query)
        if row.longitude is not None
    ]
    return [Home(key, round(far)) for far, key in sorted(away) if far <= station.radius_m]


def outside_all(session: Session) -> int:
    """How many homes with coordinates lie in no station's circle."""
    covered: set[str] = set()
    for station in session.scalars(select(Station)):
        covered |= {home.resident_id for home in homes_of(session, station)}
    query = select(Resident.id).where(
        Resident.latitude.is_not(None), Resident.left_at.is_(None), Resident.erased_at.is_(None)
    )
    return len(set(session.scalars(query)) - covered)
