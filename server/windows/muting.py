"""The end of quiet: when no declared work covers a muted task any more, what still stands is told.

A cover that was left open, a sensor that still is silent: dispatched as if it had come now. What had no end
of its own (a shock to a cover) and what has ended meanwhile was the work itself: its task ends with it,
unless somebody has taken it. A press or a fall is never taken for the work itself.
"""

from datetime import datetime
from typing import Final

from sqlalchemy import Select, select
from sqlalchemy.orm import Session

from gateway.rules.model import Severity, TaskKind
from server.context import Context
from server.db.database import Database
from server.db.models import Alarm, Occurrence, Task
from server.supervision import apart
from server.tasks import intake
from server.windows.core import Sign
from server.windows.judging import judge

LEFT_OPEN: Final = "left_open"
WORK_OVER: Final = "work_over"
MOST: Final = 50
"""Tasks of one portion, which are locked together: others wait for no more."""
_PEOPLE: Final = frozenset({TaskKind.CARE, TaskKind.PUBLIC_HEALTH})


def look(context: Context, _started: datetime, at: datetime) -> None:
    """What declared work kept quiet and still stands when it is over is told."""
    sweep_all(context.database, now=at)


def sweep_all(database: Database, *, now: datetime) -> None:
    """All muted tasks, in portions; one look where there are none."""
    with database.read() as session:
        waits = needs_sweep(session)
    done: int | None = 0
    while waits and done is not None:
        with database.write() as session:
            done = sweep(session, after=done, now=now)


def needs_sweep(session: Session) -> bool:
    """Whether any task is muted."""
    return session.scalar(_muted().limit(1)) is not None


def sweep(session: Session, *, now: datetime, after: int = 0) -> int | None:
    """One portion of the muted tasks, those after the task `after`; its last one, None where it was empty."""
    ids = session.scalars(_muted().where(Task.id > after).order_by(Task.id).limit(MOST)).all()
    for task_id in ids:
        with apart(session, "quiet_not_judged", task=task_id):
            task = session.get(Task, task_id, with_for_update=True, populate_existing=True)
            if task is not None and task.muted and task.closed_at is None:
                _judge(session, task, now=now)
    return ids[-1] if ids else None


def _judge(session: Session, task: Task, *, now: datetime) -> None:
    alarms = session.scalars(select(Alarm).where(Alarm.task_id == task.id).order_by(Alarm.id)).all()
    newest = {alarm.id: _newest_value(session, alarm.id) for alarm in alarms}
    if all(_covered(session, task, alarm, newest[alarm.id], now=now) for alarm in alarms):
        return
    standing = [
        alarm
        for alarm in alarms
        if alarm.cleared_at is None and (task.kind in _PEOPLE or newest[alarm.id].get("ends", True))
    ]
    if standing:
        intake.unmute(session, task, reason=LEFT_OPEN, now=now)
    elif intake.withdraw(session, task, reason=WORK_OVER, now=now):
        for alarm in alarms:
            if alarm.cleared_at is None:
                alarm.cleared_at, alarm.cleared_by = now, "server"
    else:
        task.muted, task.told_at = False, now


def _covered(session: Session, task: Task, alarm: Alarm, value: dict[str, object], *, now: datetime) -> bool:
    silence = "point" in value and value["point"] is None
    sign = Sign(
        kind=task.kind,
        rule=alarm.rule,
        source_kind=alarm.source_kind,
        silence=silence,
        critical=alarm.severity == Severity.CRITICAL,
    )
    found = judge(
        session,
        sign,
        area_id=alarm.area_id,
        source=(alarm.source_kind, alarm.source_id),
        subject=(task.subject_kind, task.subject_id),
        now=now,
    )
    return found.work is not None


def _newest_value(session: Session, alarm_id: int) -> dict[str, object]:
    query = select(Occurrence.value).where(Occurrence.alarm_id == alarm_id, Occurrence.event == "occurred")
    return session.scalar(query.order_by(Occurrence.id.desc()).limit(1)) or {}


def _muted() -> Select[int]:
    return select(Task.id).where(Task.muted.is_(True), Task.closed_at.is_(None))
