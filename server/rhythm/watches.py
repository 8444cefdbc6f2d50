"""The sensors that tell of a resident's life: which positions, by which points, through which gateways."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from firmware_profiles import Profile
from server.db.models import Attachment, Device, Position, Resident
from server.rhythm.signs import Sign, signs_of, silent_after_ms


@dataclass(frozen=True, slots=True, kw_only=True)
class Sensor:
    """One sensor at its position."""

    position_id: str
    gateway_id: str
    family: str
    signs: tuple[Sign, ...]
    silent_after_ms: int | None
    since: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Watch:
    """One resident and the sensors at home that tell of activity."""

    resident_id: str
    area_id: str
    sensors: tuple[Sensor, ...]

    @property
    def kinds(self) -> frozenset[str]:
        """Which kinds of sensor there are: motion, bed, door, water."""
        return kinds_of(self.sensors)


def kinds_of(sensors: Iterable[Sensor]) -> frozenset[str]:
    """Which kinds these sensors are: motion, bed, door, water."""
    return frozenset(sign.kind for sensor in sensors for sign in sensor.signs)


def watches(
    session: Session, catalogue: Mapping[str, Profile], *, residents: Collection[str] | None = None
) -> dict[str, Watch]:
    """By resident: the sensors that tell of activity; residents without any are left out."""
    query = (
        select(
            Resident.id,
            Resident.area_id,
            Position.id,
            Device.gateway_id,
            Device.profile,
            Attachment.since,
        )
        .join(Position, Position.resident_id == Resident.id)
        .join(Attachment, Attachment.position_id == Position.id)
        .join(Device, Device.id == Attachment.device_id)
        .where(Attachment.until.is_(None), Device.retired_at.is_(None), Resident.left_at.is_(None))
        .order_by(Resident.id, Position.id)
    )
    if residents is not None:
        query = query.where(Resident.id.in_(list(residents)))
    signs: dict[str, tuple[Sign, ...]] = {}
    areas: dict[str, str] = {}
    found: dict[str, list[Sensor]] = {}
    for resident_id, area_id, position_id, gateway_id, name, since in session.execute(query):
        profile = catalogue.get(name)
        if profile is None:
            continue
        if name not in signs:
            signs[name] = signs_of(profile)
        if not signs[name]:
            continue
        areas[resident_id] = area_id
        found.setdefault(resident_id, []).append(
            Sensor(
                position_id=position_id,
                gateway_id=gateway_id,
                family=profile.family,
                signs=signs[name],
                silent_after_ms=silent_after_ms(profile),
                since=since,
            )
        )
    return {
        resident_id: Watch(resident_id=resident_id, area_id=areas[resident_id], sensors=tuple(sensors))
        for resident_id, sensors in found.items()
    }
