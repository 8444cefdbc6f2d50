"""Levels of water from whatever a sensor tells: a level in some unit, or a distance downwards. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from firmware_profiles import Profile
from server.timeseries.store import LatestValue
from server.wells.core import Sample

MILLIMETRES: Final[Mapping[str, float]] = {"mm": 1.0, "cm": 10.0, "m": 1000.0}
LEVEL: Final = "water_level"
DISTANCE: Final = "distance"


@dataclass(frozen=True, slots=True, kw_only=True)
class LevelPoint:
    """The point at a position that tells a level. `millimetres` a unit; `from_mm` is the sensor's height
    above the bottom where the point tells a distance downwards."""

    position_id: str
    well_id: str
    family: str
    point: str
    millimetres: float
    from_mm: float | None = None

    def level(self, value: float) -> float:
        """The level in millimetres above the bottom."""
        mm = value * self.millimetres
        return mm if self.from_mm is None else self.from_mm - mm


def level_point(
    profile: Profile, position_id: str, well_id: str, *, mount_height_m: float | None
) -> LevelPoint | None:
    """The point of this profile that tells a level; None where there is none, or only a distance from an
    unknown height."""
    for name in (LEVEL, DISTANCE):
        point = profile.points.get(name)
        millimetres = MILLIMETRES.get(point.unit or "") if point is not None else None
        if point is None or millimetres is None or point.kind != "measure":
            continue
        if name == DISTANCE and mount_height_m is None:
            return None
        return LevelPoint(
            position_id=position_id,
            well_id=well_id,
            family=profile.family,
            point=name,
            millimetres=millimetres,
            from_mm=None if name == LEVEL or mount_height_m is None else mount_height_m * 1000,
        )
    return None


def sample(point: LevelPoint, values: Iterable[LatestValue]) -> Sample | None:
    """The newest level, where the position has told one that is good."""
    for value in values:
        if value.field == point.point and not value.is_status and isinstance(value.value, float | int):
            return Sample(value.time, point.level(value.value))
    return None
