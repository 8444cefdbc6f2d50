"""Silence by topology: sensors that fall silent with their gateway or its line are part of that one fault.

Folded in: a sensor's silence that arrives while the fault is open, and one that was told shortly before, if
nobody has taken it yet. Unfolded: a sensor that still is silent some time after the fault's end has a fault
of its own, and gets its own task, which refers to the gateway's.
"""

from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from gateway.rules.model import TaskKind
from server.alarms.policy import JoiningPolicy
from server.alarms.texts import GATEWAY_DRIVER, GATEWAY_OFFLINE
from server.db.database import Database
from server.db.models import Alarm, Attachment, Device, Occurrence, Task
from server.policies.service import current
from server.supervision import survived
from server.tasks import intake
from server.tasks.states import UNANSWERED, TaskState

SILENT: Final = "silent"
"""The rule of every profile's heartbeat."""
_CUTS_OFF: Final = (GATEWAY_OFFLINE, GATEWAY_DRIVER)


def fault_over(session: Session, *, gateway_id: str, device_id: str) -> Alarm | None:
    """The open fault of the gateway, or of its line to this device, that explains the device's silence."""
    device = session.get(Device, device_id)
    for fault in _faults(session, gateway_id):
        drivers = drivers_of(session, fault)
        if not drivers or (device is not None and device.driver in drivers):
            return fault
    return None


def drivers_of(session: Session, fault: Alarm) -> Collection[str]:
    """The lines that a fault concerns; none named: all of them."""
    query = select(Occurrence.value).where(Occurrence.alarm_id == fault.id, Occurrence.event == "occurred")
    value = session.scalar(query.order_by(Occurrence.id.desc()).limit(1)) or {}
    return list(value.get("drivers", ()))


def fold(session: Session, fault: Alarm, *, now: datetime) -> int:
    """Takes into the fault what its children's silence had already opened; how many there were."""
    if fault.rule not in _CUTS_OFF:
        return 0
    since = fault.began_at - timedelta(minutes=current(session, JoiningPolicy).fold_minutes)
    query = (
        select(Alarm)
        .join(Task, Task.id == Alarm.task_id)
        .join(
            Attachment,
            (Attachment.position_id == Alarm.source_id) & Attachment.until.is_(None),
        )
        .join(Device, Device.id == Attachment.device_id)
        .where(
            Alarm.source_kind == "position",
            Alarm.rule == SILENT,
            Alarm.cleared_at.is_(None),
            Alarm.opened_at >= since,
            Task.subject_kind == "position",
            Task.kind == TaskKind.MAINTENANCE,
            Task.state.in_(sorted(UNANSWERED)),
            Task.closed_at.is_(None),
            Device.gateway_id == fault.source_id,
        )
        .order_by(Alarm.task_id)
    )
    drivers = drivers_of(session, fault)
    if drivers:
        query = query.where(Device.driver.in_(drivers))
    folded = 0
    for alarm in session.scalars(query).all():
        own = session.get_one(Task, alarm.task_id, with_for_update=True, populate_existing=True)
        others = select(Alarm.id).where(Alarm.task_id == own.id, Alarm.id != alarm.id).limit(1)
        if session.scalar(others) is None and intake.withdraw(session, own, reason="folded", now=now):
            alarm.task_id = fault.task_id
            folded += 1
    if folded:
        task = session.get_one(Task, fault.task_id, with_for_update=True, populate_existing=True)
        task.occurrences += folded
        state = TaskState(task.state)
        intake.note_event(session, task.id, "folded", state, state, {"count": folded}, now=now)
    return folded


def unfold(database: Database, *, now: datetime) -> int:
    """Gives sensors that are silent long after the fault's end tasks of their own, a short transaction each;
    how many."""
    query = (
        select(Alarm.id, Task.id, Task.subject_id)
        .join(Task, Task.id == Alarm.task_id)
        .where(
            Alarm.source_kind == "position",
            Alarm.rule == SILENT,
            Alarm.cleared_at.is_(None),
            Task.subject_kind == "gateway",
            Task.kind == TaskKind.MAINTENANCE,
        )
        .order_by(Alarm.id)
    )
    with database.read() as session:
        rows = session.execute(query).all()
        if not rows:
            return 0
        limit = now - timedelta(minutes=current(session, JoiningPolicy).unfold_minutes)
        over = {
            gateway_id: not _faults(session, gateway_id) and _over_since(session, gateway_id, now) <= limit
            for gateway_id in {gateway_id for *_, gateway_id in rows}
        }
    unfolded = 0
    for alarm_id, task_id, gateway_id in rows:
        if not over[gateway_id]:
            continue
        with survived("silence_not_unfolded", outages=False, alarm=alarm_id), database.write() as session:
            alarm = session.get_one(Alarm, alarm_id, with_for_update=True)
            if alarm.task_id == task_id and alarm.cleared_at is None:
                _unfold(session, alarm, task_id, now=now)
                unfolded += 1
    return unfolded


def _unfold(session: Session, alarm: Alarm, gateway_task: int, *, now: datetime) -> None:
    number = intake.open_or_join(
        session,
        intake.Need(
            kind=TaskKind.MAINTENANCE,
            subject_kind="position",
            subject_id=alarm.source_id,
            area_id=alarm.area_id,
            severity=alarm.severity,
            rule=alarm.rule,
            device_at=alarm.began_at,
            gateway_at=alarm.began_at,
            clock_trusted=True,
            late=False,
            source_kind=alarm.source_kind,
            source_id=alarm.source_id,
            value={"point": None, "ends": True},
        ),
        now=now,
    )
    session.get_one(Task, number, populate_existing=True).parent_id = gateway_task
    alarm.task_id = number


def _faults(session: Session, gateway_id: str) -> list[Alarm]:
    query = select(Alarm).where(
        Alarm.source_kind == "gateway",
        Alarm.source_id == gateway_id,
        Alarm.rule.in_(_CUTS_OFF),
        Alarm.cleared_at.is_(None),
    )
    return list(session.scalars(query.order_by(Alarm.id)))


def _over_since(session: Session, gateway_id: str, now: datetime) -> datetime:
    query = select(Alarm.cleared_at).where(
        Alarm.source_kind == "gateway", Alarm.source_id == gateway_id, Alarm.rule.in_(_CUTS_OFF)
    )
    return session.scalar(query.order_by(Alarm.cleared_at.desc()).limit(1)) or now
