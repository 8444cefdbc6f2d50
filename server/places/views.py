"""What a person sees on the map: homes, wells, kiosks and gateways with what is the matter there.

Homes carry an initial only: whoever has to go finds name and address in the task.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from sqlalchemy import select
from sqlalchemy.orm import Session

from firmware_profiles import Catalogue
from gateway.rules.model import TaskKind
from server.commissioning.repository import standings
from server.commissioning.states import Protection
from server.db.models import Area, Device, Gateway, Position, Resident, Task, Well
from server.devices import repository as devices
from server.devices.freshness import Freshness, freshness, telling
from server.devices.views import Latest, open_tasks, subjects_of, worst_task
from server.tasks.states import TaskState
from server.tasks.views import MASK
from server.users.roles import Right
from server.users.viewer import Viewer

Kind = Literal["home", "well", "kiosk", "gateway"]
_GATEWAY_STEP = 0.00012
"""Degrees by which gateways stand above what they serve, so that they cover nothing (about 13 m)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A place with its state. `device_id` is one of its devices where the viewer may see devices."""

    kind: Kind
    id: str
    name: str
    area: str
    latitude: float
    longitude: float
    status: Literal["ok", "alarm", "silent", "unprotected"]
    severity: str | None = None
    rule: str | None = None
    task_id: int | None = None
    waiting: bool = False
    device_id: str | None = None


def places(
    session: Session, viewer: Viewer, *, catalogue: Catalogue, latest: Latest, now: datetime
) -> list[Place]:
    """All places with coordinates that concern this person's role."""
    tasks = open_tasks(session, viewer)
    areas: dict[str, str] = dict(session.execute(select(Area.id, Area.name)).all())
    attached = [(row[0], row[1]) for row in devices.attached(session)]
    tested = standings(session, now=now)
    devices_at = {position.id: device for device, position in attached}
    groups: dict[tuple[Kind, str], list[tuple[Device | None, Position]]] = {}
    for position in session.scalars(select(Position).order_by(Position.id)):
        groups.setdefault(_key(position), []).append((devices_at.get(position.id), position))
    sites: dict[tuple[str, str], Resident | Well] = {}
    for resident in session.scalars(select(Resident)):
        sites["home", resident.id] = resident
    for well in session.scalars(select(Well)):
        sites["well", well.id] = well
    found: list[Place] = []
    for (kind, key), members in groups.items():
        if not _concerns(viewer, kind):
            continue
        site = sites.get((kind, key)) or members[0][1]
        if site.latitude is None or site.longitude is None:
            continue
        subjects = [subject for _, position in members for subject in subjects_of(position)]
        there = [(device, position) for device, position in members if device is not None]
        silent = any(_is_silent(device, position, catalogue, latest, now) for device, position in there)
        bare = any(
            position.id in tested and tested[position.id].state is not Protection.PROTECTING
            for _, position in members
        )
        found.append(
            Place(
                kind=kind,
                id=key,
                name=site.name[:1] + MASK if kind == "home" else site.name,
                area=areas.get(site.area_id, ""),
                latitude=site.latitude,
                longitude=site.longitude,
                device_id=there[0][0].id if there and viewer.may(Right.VIEW_DEVICES) else None,
                **_state(worst_task(tasks, subjects), silent=silent, unprotected=bare),
            )
        )
    return found + _gateways(session, viewer, attached, tasks, areas)


def _gateways(
    session: Session,
    viewer: Viewer,
    attached: Sequence[tuple[Device, Position]],
    tasks: dict[tuple[str, str], Task],
    areas: dict[str, str],
) -> list[Place]:
    if not viewer.may(Right.VIEW_DEVICES):
        return []
    found: list[Place] = []
    for gateway in session.scalars(select(Gateway).order_by(Gateway.id)):
        served = [
            (position.latitude, position.longitude)
            for device, position in attached
            if device.gateway_id == gateway.id
            and position.latitude is not None
            and position.longitude is not None
        ]
        if not served:
            continue
        found.append(
            Place(
                kind="gateway",
                id=gateway.id,
                name=gateway.name,
                area=areas.get(gateway.area_id, ""),
                latitude=max(latitude for latitude, _ in served) + _GATEWAY_STEP,
                longitude=sum(longitude for _, longitude in served) / len(served),
                **_state(tasks.get(("gateway", gateway.id)), silent=not gateway.online),
            )
        )
    return found


def _key(position: Position) -> tuple[Kind, str]:
    if position.resident_id is not None:
        return "home", position.resident_id
    if position.well_id is not None:
        return "well", position.well_id
    return "kiosk", position.id


def _concerns(viewer: Viewer, kind: Kind) -> bool:
    needed = {"home": TaskKind.CARE, "well": TaskKind.WELL, "kiosk": TaskKind.PUBLIC_HEALTH}[kind]
    return needed in viewer.task_kinds or viewer.may(Right.VIEW_DEVICES)


def _is_silent(
    device: Device, position: Position, catalogue: Catalogue, latest: Latest, now: datetime
) -> bool:
    values = latest.get(position.id, ())
    last_at = max((value.time for value in values), default=None)
    profile = catalogue.get(device.profile)
    state = freshness(profile, last_at, now=now, state=telling(profile, values))
    return state in (Freshness.SILENT, Freshness.NEVER)


def _state(task: Task | None, *, silent: bool, unprotected: bool = False) -> dict[str, Any]:
    if task is None:
        return {"status": "silent" if silent else "unprotected" if unprotected else "ok"}
    return {
        "status": "alarm",
        "severity": task.severity,
        "rule": task.rule,
        "task_id": task.id,
        "waiting": task.state in (TaskState.NEW, TaskState.DISPATCHED),
    }
