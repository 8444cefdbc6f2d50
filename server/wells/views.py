"""What a person sees of wells: covers, water, what lies upstream, and the work there."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from firmware_profiles import Catalogue
from server.db.among import among
from server.db.models import (
    Area,
    AuditEntry,
    Delivery,
    Device,
    DispatchStep,
    Position,
    Task,
    Well,
    WellEntry,
    WellUpstream,
)
from server.devices import repository as devices
from server.devices.views import Latest, open_tasks, worst_task
from server.dispatch.core import StepKind
from server.errors import NotFoundError
from server.policies import service as policies
from server.users.viewer import Viewer
from server.wells import baseline, gates, informing, roadworks
from server.wells.core import Sample, Water
from server.wells.core import water as judged
from server.wells.informing import Surroundings
from server.wells.levels import LevelPoint, level_point, sample
from server.wells.policy import SiteCheck, WellPolicy


@dataclass(frozen=True, slots=True, kw_only=True)
class CoverView:
    """A position's cover: open or not (None: it does not tell), and its angles against the installed ones."""

    position_id: str
    name: str
    device_id: str
    open: bool | None
    angles: tuple[tuple[str, float, float], ...]
    """Point, angle now, angle as installed."""
    judged: bool = False
    measured_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class WellView:
    """A well with what its sensors last said. `level_of` is the device whose level it is, and its point."""

    id: str
    name: str
    address: str
    area: str
    owner: str
    depth_m: float | None
    latitude: float | None
    longitude: float | None
    task_id: int | None
    severity: str | None
    water: Water | None
    level_of: tuple[str, LevelPoint] | None
    covers: tuple[CoverView, ...]
    upstream: tuple[str, ...]
    below: WellEntry | None

    @property
    def cover_open(self) -> bool:
        """Whether a sensor says that a cover is open."""
        return any(cover.open for cover in self.covers)


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkView:
    """The work for a well's task: the list to tick, who is below, what lies around, what is linked."""

    checks: tuple[SiteCheck, ...]
    ticked: frozenset[str]
    needs_checks: bool
    below: WellEntry | None
    around: Surroundings
    linked: tuple[int, ...]
    policy: WellPolicy


def listed(
    session: Session,
    viewer: Viewer,
    *,
    catalogue: Catalogue,
    latest: Latest,
    well_ids: Sequence[str] | None = None,
) -> list[WellView]:
    """Wells as this person may see them, those with a task first. A fixed number of queries."""
    query = select(Well, Area.name).join(Area, Area.id == Well.area_id).order_by(Well.id)
    if well_ids is not None:
        query = query.where(Well.id.in_(well_ids))
    rows = session.execute(query).all()
    policy = policies.current(session, WellPolicy)
    tasks = open_tasks(session, viewer)
    at: dict[str, list[tuple[Device, Position]]] = {}
    for row in devices.attached(session, in_wells=True, well_ids=well_ids):
        if row[1].well_id is not None:
            at.setdefault(row[1].well_id, []).append((row[0], row[1]))
    measured = _measured(session, [position.id for members in at.values() for _, position in members])
    above: dict[str, list[str]] = {}
    for link in session.scalars(select(WellUpstream).order_by(WellUpstream.upstream_id)):
        above.setdefault(link.well_id, []).append(link.upstream_id)
    below = {
        entry.well_id: entry
        for entry in session.scalars(select(WellEntry).where(WellEntry.ended_at.is_(None)))
    }
    found: list[WellView] = []
    for well, area in rows:
        task = worst_task(tasks, [("well", well.id)])
        level: tuple[Sample, tuple[str, LevelPoint]] | None = None
        covers: list[CoverView] = []
        for device, position in at.get(well.id, ()):
            profile = catalogue.get(device.profile)
            if profile is None:
                continue
            values = latest.get(position.id, ())
            point = level_point(profile, position.id, well.id, mount_height_m=well.mount_height_m)
            newest = sample(point, values) if point is not None else None
            if point is not None and newest is not None and (level is None or newest.at > level[0].at):
                level = (newest, (device.id, point))
            cover = _cover(device, position, latest, baseline.points_of(profile), measured)
            if cover is not None:
                covers.append(cover)
        found.append(
            WellView(
                id=well.id,
                name=well.name,
                address=well.address,
                area=area,
                owner=well.owner,
                depth_m=well.depth_m,
                latitude=well.latitude,
                longitude=well.longitude,
                task_id=task.id if task else None,
                severity=task.severity if task else None,
                water=judged([level[0]], policy, depth_m=well.depth_m) if level else None,
                level_of=level[1] if level else None,
                covers=tuple(covers),
                upstream=tuple(above.get(well.id, ())),
                below=below.get(well.id),
            )
        )
    return sorted(found, key=lambda one: (one.task_id is None, one.id))


def one(session: Session, viewer: Viewer, well_id: str, *, catalogue: Catalogue, latest: Latest) -> WellView:
    """One well. Raises NotFoundError."""
    found = listed(session, viewer, catalogue=catalogue, latest=latest, well_ids=[well_id])
    if not found:
        raise NotFoundError(f"there is no well {well_id!r}")
    return found[0]


def near(session: Session, viewer: Viewer) -> list[tuple[Task, Well]]:
    """The open tasks of covers that this person was told of because they are near, whoever works on them."""
    told = (
        select(Delivery.task_id)
        .join(DispatchStep, DispatchStep.id == Delivery.step_id)
        .where(Delivery.user_id == viewer.user_id, DispatchStep.kind == StepKind.INFORM)
    )
    rows = session.execute(
        select(Task, Well)
        .join(Well, (Task.subject_kind == "well") & (Well.id == Task.subject_id))
        .where(Task.closed_at.is_(None), Task.id.in_(told))
        .order_by(Task.id)
    )
    return [(row[0], row[1]) for row in rows]


def work(session: Session, task_id: int) -> WorkView | None:
    """The work for a well's task; None where the task is about none. The caller may see the task."""
    task = session.get(Task, task_id)
    if task is None or task.kind != "well":
        return None
    policy = policies.current(session, WellPolicy)
    return WorkView(
        checks=tuple(policy.checks),
        ticked=frozenset(gates.ticked(session, task)),
        needs_checks=gates.needs_checks(session, task, policy),
        below=gates.entry_of(session, task.id),
        around=informing.around(session, task, policy),
        linked=tuple(other.id for other in roadworks.linked(session, task) if other.id != task.id),
        policy=policy,
    )


def _measured(session: Session, position_ids: Collection[str]) -> dict[str, datetime]:
    """When the installed angles of these positions were measured last."""
    rows = session.execute(
        select(AuditEntry.subject_id, AuditEntry.at)
        .where(
            AuditEntry.action == baseline.ACTION,
            AuditEntry.subject_kind == "position",
            among(AuditEntry.subject_id, position_ids),
        )
        .order_by(AuditEntry.id)
    )
    return {position_id: at for position_id, at in rows}  # noqa: C416 - the last one of each stays


def _cover(
    device: Device,
    position: Position,
    latest: Latest,
    points: dict[str, str],
    measured: Mapping[str, datetime],
) -> CoverView | None:
    values = {value.field: value.value for value in latest.get(position.id, ()) if not value.is_status}
    is_open = values.get("cover_open")
    if is_open is None and not points:
        return None
    angles = [
        (point, float(values[point]), float(device.parameters.get(parameter, 0)))
        for point, parameter in points.items()
        if isinstance(values.get(point), float | int)
    ]
    return CoverView(
        position_id=position.id,
        name=position.name,
        device_id=device.id,
        open=None if is_open is None else bool(is_open),
        angles=tuple(angles),
        judged=bool(points),
        measured_at=(
            measured.get(position.id)
            if any(parameter in device.parameters for parameter in points.values())
            else None
        ),
    )
