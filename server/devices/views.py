"""What a person sees of devices: their place, their newest values in words, how fresh these are.

Names and addresses of residents are not in it: outside a live task a device list is no reason to know them.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Row, select
from sqlalchemy.orm import Session

from firmware_profiles import Catalogue, FirmwareFit, Point, Profile
from server.commissioning.repository import standings
from server.commissioning.states import Standing, in_home
from server.db.models import Area, Attachment, Device, Gateway, Position, Resident, Task, Well
from server.devices.battery import BatteryView, battery_of
from server.devices.freshness import Freshness, freshness, telling
from server.devices.helping import helps_of
from server.errors import NotFoundError
from server.tasks.views import MASK
from server.timeseries.store import LatestValue
from server.users.viewer import Viewer

Latest = Mapping[str, Sequence[LatestValue]]


@dataclass(frozen=True, slots=True, kw_only=True)
class ValueView:
    """One newest value. `texts` is the value in words by language where the profile has words for it;
    `is_status` where it is the reason for a missing value."""

    point: str
    names: Mapping[str, str]
    unit: str | None
    value: float | str
    texts: Mapping[str, str] | None
    is_status: bool
    time: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceView:
    """A device where it is now."""

    id: str
    position_id: str
    position: str
    place: str
    area: str
    area_id: str
    profile: str
    model: str
    names: Mapping[str, str]
    family: str
    gateway_id: str
    gateway: str
    gateway_online: bool
    values: tuple[ValueView, ...]
    last_at: datetime | None
    freshness: Freshness
    battery: BatteryView
    standing: Standing
    task_id: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class DevicePage:
    """All of one device. `history` is where it has been, newest first; `view` is None while it is nowhere;
    `firmware` says whether there is a profile for its version; `variant` is that profile, where it is another
    than the device has: it needs parameters that nobody has given."""

    device: Device
    profile: Profile | None
    firmware: FirmwareFit
    variant: Profile | None
    view: DeviceView | None
    history: tuple[tuple[Attachment, Position], ...]


def shown(
    session: Session,
    viewer: Viewer,
    rows: Sequence[Row[Device, Position]],
    *,
    catalogue: Catalogue,
    latest: Latest,
    now: datetime,
) -> list[DeviceView]:
    """These devices, in this order."""
    return _views(session, viewer, [(row[0], row[1]) for row in rows], catalogue, latest, now)


def state_of(profile: Profile | None, values: Sequence[LatestValue], *, now: datetime) -> Freshness:
    """How fresh a device with these newest values is."""
    last_at = max((value.time for value in values), default=None)
    return freshness(profile, last_at, now=now, state=telling(profile, values))


def page(
    session: Session, viewer: Viewer, device_id: str, *, catalogue: Catalogue, latest: Latest, now: datetime
) -> DevicePage:
    """One device. Raises NotFoundError."""
    device = session.get(Device, device_id)
    if device is None:
        raise NotFoundError(f"there is no device {device_id!r}")
    history = session.execute(
        select(Attachment, Position)
        .join(Position, Position.id == Attachment.position_id)
        .where(Attachment.device_id == device_id)
        .order_by(Attachment.since.desc())
    ).all()
    current = next((position for attachment, position in history if attachment.until is None), None)
    seen = _views(session, viewer, [(device, current)], catalogue, latest, now) if current else []
    profile = catalogue.get(device.profile)
    variant = catalogue.variant(profile.id, device.firmware) if profile else None
    other = variant.profile if variant is not None and variant.profile is not profile else None
    return DevicePage(
        device=device,
        profile=profile,
        firmware=variant.fit if variant is not None else FirmwareFit.NOT_STATED,
        variant=other,
        view=seen[0] if seen else None,
        history=tuple((row[0], row[1]) for row in history),
    )


def _views(
    session: Session,
    viewer: Viewer,
    rows: Sequence[tuple[Device, Position]],
    catalogue: Catalogue,
    latest: Latest,
    now: datetime,
) -> list[DeviceView]:
    positions = [position for _, position in rows]
    areas = _names(session, Area, {position.area_id for position in positions})
    residents = _names(session, Resident, {position.resident_id for position in positions})
    wells = _names(session, Well, {position.well_id for position in positions})
    served = {device.gateway_id for device, _ in rows}
    gateways = {each.id: each for each in session.scalars(select(Gateway).where(Gateway.id.in_(served)))}
    tasks = open_tasks(session, viewer, {key for each in positions for _, key in subjects_of(each)})
    tested = standings(session, now=now, position_ids=[position.id for position in positions])
    found = []
    for device, position in rows:
        profile = catalogue.get(device.profile)
        values = latest.get(position.id, ())
        last_at = max((value.time for value in values), default=None)
        fresh = state_of(profile, values, now=now)
        gateway = gateways[device.gateway_id]
        task = worst_task(tasks, subjects_of(position))
        found.append(
            DeviceView(
                id=device.id,
                position_id=position.id,
                position=position.name,
                place=_place(position, residents, wells),
                area=areas.get(position.area_id, ""),
                area_id=position.area_id,
                profile=device.profile,
                model=f"{profile.vendor} {profile.model}" if profile else device.profile,
                names=_words(profile.name) if profile else {"zh": device.profile, "en": device.profile},
                family=profile.family if profile else "",
                gateway_id=gateway.id,
                gateway=gateway.name,
                gateway_online=gateway.online,
                values=tuple(_value(value, profile) for value in values),
                last_at=last_at,
                freshness=fresh,
                battery=battery_of(profile, values, fresh, now=now),
                standing=(
                    in_home(tested[position.id], helps=bool(helps_of(profile)))
                    if position.resident_id is not None
                    else tested[position.id]
                ),
                task_id=task.id if task else None,
            )
        )
    return found


def _names(session: Session, model: type[Area | Resident | Well], ids: set[Any]) -> dict[str, str]:
    known = ids - {None}
    query = select(model.id, model.name).where(model.id.in_(known))
    return {row[0]: row[1] for row in session.execute(query)} if known else {}


def open_tasks(
    session: Session, viewer: Viewer, subject_ids: Collection[str] | None = None
) -> dict[tuple[str, str], Task]:
    """The open tasks that this person sees, of all or of these, by subject; of several the worst."""
    query = select(Task).where(Task.closed_at.is_(None), Task.kind.in_(viewer.task_kinds))
    if subject_ids is not None:
        query = query.where(Task.subject_id.in_(subject_ids))
    found: dict[tuple[str, str], Task] = {}
    for task in session.scalars(query):
        key = (task.subject_kind, task.subject_id)
        found[key] = min(found.get(key, task), task, key=_urgency)
    return found


def worst_task(tasks: Mapping[tuple[str, str], Task], subjects: Sequence[tuple[str, str]]) -> Task | None:
    """The most urgent open task about any of these subjects."""
    return min((tasks[key] for key in subjects if key in tasks), key=_urgency, default=None)


def subjects_of(position: Position) -> list[tuple[str, str]]:
    """Under which subjects a task about this position may stand."""
    subjects = [("position", position.id)]
    if position.resident_id is not None:
        subjects.append(("resident", position.resident_id))
    if position.well_id is not None:
        subjects.append(("well", position.well_id))
    return subjects


def _urgency(task: Task) -> tuple[int, int]:
    return ("critical", "major", "minor", "warning").index(task.severity), task.id


def _place(position: Position, residents: Mapping[str, str], wells: Mapping[str, str]) -> str:
    if position.resident_id is not None:
        return residents.get(position.resident_id, "")[:1] + MASK
    if position.well_id is not None:
        return wells.get(position.well_id, "")
    return ""


def _value(value: LatestValue, profile: Profile | None) -> ValueView:
    point = profile.points.get(value.field) if profile else None
    return ValueView(
        point=value.field,
        names=_words(point.name) if point else {"zh": value.field, "en": value.field},
        unit=point.unit if point else None,
        value=value.value,
        texts=None if value.is_status or point is None else _value_words(point, value.value),
        is_status=value.is_status,
        time=value.time,
    )


def _value_words(point: Point, value: float | str) -> Mapping[str, str] | None:
    if point.is_boolean and not isinstance(value, str):
        return _words(point.values["true" if value else "false"]) if len(point.values) == 2 else None
    text = value if isinstance(value, str) else f"{value:g}"
    return _words(point.values[text]) if text in point.values else None


def _words(text: Any) -> Mapping[str, str]:
    return {"zh": text.zh, "en": text.en}
