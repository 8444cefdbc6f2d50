"""Which homes lie within the circle of a station. Over the ground, as the crow flies."""

from dataclasses import dataclass
from math import asin, cos, radians, sin, sqrt
from typing import Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from server.db.models import Resident, Station

EARTH_M: Final = 6_371_000
Spot = tuple[float, float]
"""Latitude and longitude in degrees."""


@dataclass(frozen=True, slots=True)
class Home:
    """A home within a circle, and how far it is."""

    resident_id: str
    metres: int


def metres(one: Spot, other: Spot) -> float:
    """The distance between two places over the ground."""
    (a, b), (c, d) = ((radians(x), radians(y)) for x, y in (one, other))
    return 2 * EARTH_M * asin(sqrt(sin((c - a) / 2) ** 2 + cos(a) * cos(c) * sin((d - b) / 2) ** 2))


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
