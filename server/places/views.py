"""What a person sees on the map: homes, wells, kiosks and gateways with what is the matter there.

Homes carry an initial only: whoever has to go finds name and address in the task.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Literal, get_args

from sqlalchemy import ColumnElement, Row, and_, case, func, or_, select
from sqlalchemy.orm import Session

from firmware_profiles import Catalogue
from gateway.rules.model import TaskKind
from server.commissioning.repository import standings
from server.commissioning.states import Protection
from server.db.models import (
    Area,
    Attachment,
    Device,
    Gateway,
    Position,
    Resident,
    Task,
    UnprotectedSpan,
    Well,
)
from server.devices.freshness import Freshness
from server.devices.views import Latest, open_tasks, state_of, worst_task
from server.tasks.states import TaskState
from server.tasks.views import MASK
from server.users.roles import Right
from server.users.viewer import Viewer

Kind = Literal["home", "well", "kiosk", "gateway"]
_GATEWAY_STEP = 0.00012
"""Degrees by which gateways stand above what they serve, so that they cover nothing (about 13 m)."""


def _of_site(name: str) -> ColumnElement[Any]:
    """A column of the home or the well; of the position where it belongs to neither."""
    of_resident, of_well = Resident.id.is_not(None), Well.id.is_not(None)
    return case(
        (of_resident, getattr(Resident, name)), (of_well, getattr(Well, name)), else_=getattr(Position, name)
    )


_LATITUDE, _LONGITUDE = _of_site("latitude"), _of_site("longitude")
_AT: Final = (
    select(
        Position.id.label("position_id"),
        Position.resident_id,
        Position.well_id,
        _of_site("name").label("name"),
        _of_site("area_id").label("area_id"),
        _LATITUDE.label("latitude"),
        _LONGITUDE.label("longitude"),
        Device.id.label("device_id"),
        Device.profile,
    )
    .outerjoin(Resident, Resident.id == Position.resident_id)
    .outerjoin(Well, Well.id == Position.well_id)
    .outerjoin(Attachment, (Attachment.position_id == Position.id) & Attachment.until.is_(None))
    .outerjoin(Device, (Device.id == Attachment.device_id) & Device.retired_at.is_(None))
)


@dataclass(frozen=True, slots=True)
class Box:
    """A part of the map, in degrees."""

    south: float
    west: float
    north: float
    east: float

    def holds(self, latitude: Any, longitude: Any) -> tuple[ColumnElement[bool], ...]:
        """The conditions on what lies in it."""
        return latitude.between(self.south, self.north), longitude.between(self.west, self.east)


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Spot:
    """A position and the place that it belongs to, with the device that is there now."""

    position_id: str
    subjects: tuple[tuple[str, str], ...]
    kind: Kind
    id: str
    name: str
    area_id: str
    latitude: float
    longitude: float
    device_id: str | None
    profile: str | None


def spots(
    session: Session,
    viewer: Viewer,
    *,
    box: Box | None = None,
    subjects: Collection[tuple[str, str]] | None = None,
) -> list[Spot]:
    """All positions whose places concern this person's role and lie somewhere; with `box` there, with
    `subjects` those that tasks about these may concern."""
    at = _AT.where(_LATITUDE.is_not(None), _LONGITUDE.is_not(None))
    if box is not None:
        at = at.where(_may_lie_in(box), *box.holds(_LATITUDE, _LONGITUDE))
    if subjects is not None:
        columns = {"resident": Position.resident_id, "well": Position.well_id, "position": Position.id}
        at = at.where(
            or_(
                *(
                    column.in_([key for kind, key in subjects if kind == name])
                    for name, column in columns.items()
                )
            )
        )
    kinds = {kind for kind in get_args(Kind) if _concerns(viewer, kind)}
    found = (_spot(row) for row in session.execute(at.order_by(Position.id)))
    return [spot for spot in found if spot.kind in kinds]


def _may_lie_in(box: Box) -> ColumnElement[bool]:
    """That a position, its home or its well lies there: found before anything is joined to a position."""
    homes, wells = (
        select(model.id).where(*box.holds(model.latitude, model.longitude)) for model in (Resident, Well)
    )
    own = and_(*box.holds(Position.latitude, Position.longitude))
    return or_(Position.resident_id.in_(homes), Position.well_id.in_(wells), own)


def places(
    session: Session,
    viewer: Viewer,
    at: Sequence[Spot],
    *,
    catalogue: Catalogue,
    latest: Latest,
    now: datetime,
) -> list[Place]:
    """The places of these positions with their state."""
    tasks = open_tasks(session, viewer)
    areas: dict[str, str] = dict(session.execute(select(Area.id, Area.name)).all())
    groups: dict[tuple[Kind, str], list[Spot]] = {}
    for spot in at:
        groups.setdefault((spot.kind, spot.id), []).append(spot)
    worst = {
        key: worst_task(tasks, [subject for spot in members for subject in spot.subjects])
        for key, members in groups.items()
    }
    calm = [spot.position_id for spot in at if worst[spot.kind, spot.id] is None]
    tested = standings(session, now=now, position_ids=calm) if calm else {}
    bare = _bare(session, {key for (kind, key), task in worst.items() if kind == "home" and task is None})
    found: list[Place] = []
    for (kind, key), members in groups.items():
        site, task = members[0], worst[kind, key]
        there = [spot for spot in members if spot.device_id is not None]
        found.append(
            Place(
                kind=kind,
                id=key,
                name=site.name[:1] + MASK if kind == "home" else site.name,
                area=areas.get(site.area_id, ""),
                latitude=site.latitude,
                longitude=site.longitude,
                device_id=there[0].device_id if there and viewer.may(Right.VIEW_DEVICES) else None,
                **_state(
                    task,
                    silent=task is None and any(_is_silent(spot, catalogue, latest, now) for spot in there),
                    unprotected=task is None
                    and (
                        (kind == "home" and key in bare)
                        or any(
                            tested[spot.position_id].state is not Protection.PROTECTING for spot in members
                        )
                    ),
                ),
            )
        )
    return found


def _bare(session: Session, residents: Collection[str]) -> set[str]:
    """Those of them whom nothing protects now."""
    query = select(UnprotectedSpan.resident_id).where(
        UnprotectedSpan.until.is_(None), UnprotectedSpan.resident_id.in_(residents)
    )
    return set(session.scalars(query)) if residents else set()


def gateways(session: Session, viewer: Viewer, *, box: Box | None = None) -> list[Place]:
    """The gateways, each above the positions with coordinates of their own that it serves."""
    if not viewer.may(Right.VIEW_DEVICES):
        return []
    latitude, longitude = func.max(Position.latitude), func.avg(Position.longitude)
    query = (
        select(Gateway.id, Gateway.name, Gateway.online, Area.name, latitude, longitude)
        .join(Device, Device.gateway_id == Gateway.id)
        .join(Attachment, (Attachment.device_id == Device.id) & Attachment.until.is_(None))
        .join(Position, Position.id == Attachment.position_id)
        .outerjoin(Area, Area.id == Gateway.area_id)
        .where(Device.retired_at.is_(None), Position.latitude.is_not(None), Position.longitude.is_not(None))
        .group_by(Gateway.id, Gateway.name, Gateway.online, Area.name)
        .order_by(Gateway.id)
    )
    if box is not None:
        query = query.having(and_(*box.holds(latitude, longitude)))
    rows = session.execute(query).all()
    tasks = open_tasks(session, viewer, [row[0] for row in rows])
    return [
        Place(
            kind="gateway",
            id=key,
            name=name,
            area=area or "",
            latitude=highest + _GATEWAY_STEP,
            longitude=middle,
            **_state(tasks.get(("gateway", key)), silent=not online),
        )
        for key, name, online, area, highest, middle in rows
    ]


def _spot(row: Row[Any]) -> Spot:
    subjects = [("position", row.position_id)]
    kind: Kind = "kiosk"
    key: str = row.position_id
    if row.well_id is not None:
        kind, key = "well", row.well_id
        subjects.append(("well", key))
    if row.resident_id is not None:
        kind, key = "home", row.resident_id
        subjects.append(("resident", key))
    return Spot(
        position_id=row.position_id,
        subjects=tuple(subjects),
        kind=kind,
        id=key,
        name=row.name,
        area_id=row.area_id,
        latitude=row.latitude,
        longitude=row.longitude,
        device_id=row.device_id,
        profile=row.profile,
    )


def _concerns(viewer: Viewer, kind: Kind) -> bool:
    needed = {"home": TaskKind.CARE, "well": TaskKind.WELL, "kiosk": TaskKind.PUBLIC_HEALTH}.get(kind)
    return needed in viewer.task_kinds or viewer.may(Right.VIEW_DEVICES)


def _is_silent(spot: Spot, catalogue: Catalogue, latest: Latest, now: datetime) -> bool:
    profile = catalogue.get(spot.profile) if spot.profile is not None else None
    state = state_of(profile, latest.get(spot.position_id, ()), now=now)
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
