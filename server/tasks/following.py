"""Tasks that come from tasks: a follow-up visit (回访) some days later, a new task after one that ended."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Row, select
from sqlalchemy.orm import Session

from gateway.rules.model import Severity
from server.alarms.texts import FOLLOW_UP as RULE
from server.context import Context
from server.db.append import append
from server.db.database import Change, announce
from server.db.models import Task, TaskEvent
from server.db.models.tasks import OPEN_TASK
from server.db.upsert import upsert
from server.dispatch import planning
from server.dispatch.core import Happened
from server.errors import ConflictError
from server.supervision import survived
from server.tasks import kinds
from server.tasks.policy import FOLLOW_UP
from server.tasks.states import TaskAction, TaskState, move
from server.users.viewer import Viewer


def plan(session: Session, task: Task, *, now: datetime) -> int | None:
    """Plans the visit that the task's outcome asks for: one at a time for a subject, on the earlier day. Its
    number, if there is to be one. Nobody is told before its day."""
    policy = kinds.policy(session)
    days = policy.kind(task.kind).follow_up_days
    if task.test or not days or task.outcome is None or not policy.outcome(task.outcome).follow_up:
        return None
    due_at = now + timedelta(days=days)
    more = {"state": TaskState.PLANNED, "due_at": due_at, "occurrences": 0}
    found = _opened(session, task, FOLLOW_UP, RULE, Severity.MINOR, more, now=now)
    if found.version > 1:
        visit = session.get_one(Task, found.id, populate_existing=True, with_for_update=True)
        if visit.state != TaskState.PLANNED:
            return None  # somebody is about to go there anyway
        visit.due_at = min(due_at, visit.due_at or due_at)
    detail = {"task_id": task.id, "due_at": due_at.isoformat()}
    before = TaskState.PLANNED if found.version > 1 else None
    _note(session, found.id, "planned", before, TaskState.PLANNED, detail, now=now)
    linked = {"task_id": found.id, "due_at": due_at.isoformat()}
    _note(session, task.id, "follow_up", task.state, task.state, linked, now=now)
    announce(session, Change("task", str(found.id), "planned"))
    number: int = found.id
    return number


def renew(session: Session, viewer: Viewer, task: Task, *, note: str, now: datetime) -> int:
    """Opens a new task like the one that ended, linked to it; its chain begins at once. Raises ConflictError
    where one is open."""
    more = {"state": TaskState.NEW, "occurrences": 0, "level": task.level}
    found = _opened(session, task, task.kind, task.rule, Severity(task.severity), more, now=now)
    if found.version > 1:
        raise ConflictError(f"task {found.id} is open for it already", task_id=found.id, fits=False)
    detail = {"task_id": task.id} | ({"note": note} if note else {})
    _note(session, found.id, "renewed", None, TaskState.NEW, detail, actor_id=viewer.user_id, now=now)
    _note(session, task.id, "continued", task.state, task.state, {"task_id": found.id}, now=now)
    planning.happened(session, session.get_one(Task, found.id), Happened.OPENED, now=now)
    announce(session, Change("task", str(found.id), "opened"))
    number: int = found.id
    return number


def due(session: Session, *, now: datetime) -> Sequence[int]:
    """Planned tasks whose day has come; nothing is locked."""
    query = select(Task.id).where(Task.state == TaskState.PLANNED, Task.due_at <= now)
    return session.scalars(query.order_by(Task.due_at).limit(100)).all()


def fall_due(session: Session, task_id: int, *, now: datetime) -> bool:
    """Begins the chain of a planned task, unless another process has, or somebody did it before its day."""
    task = session.scalar(
        select(Task)
        .where(Task.id == task_id, Task.state == TaskState.PLANNED, Task.due_at <= now)
        .with_for_update(skip_locked=True)
    )
    if task is None:
        return False
    before = TaskState(task.state)
    task.state = move(before, TaskAction.FALL_DUE)
    task.device_at = task.gateway_at = task.due_at or now
    task.version += 1
    _note(session, task.id, TaskAction.FALL_DUE, before, task.state, {}, now=now)
    planning.happened(session, task, Happened.OPENED, now=now)
    announce(session, Change("task", str(task.id), "opened"))
    return True


def sweep(context: Context, _started: datetime, now: datetime) -> None:
    """Dispatches the planned tasks whose day has come."""
    with context.database.read() as session:
        those = due(session, now=now)
    for task_id in those:
        with (
            survived("planned_task_not_dispatched", outages=False, task=task_id),
            context.database.write() as session,
        ):
            fall_due(session, task_id, now=now)


def _opened(
    session: Session,
    parent: Task,
    kind: str,
    rule: str,
    severity: Severity,
    more: dict[str, Any],
    *,
    now: datetime,
) -> Row[Any]:
    """The open task of (kind, the parent's subject): a new one (its version is 1), or the one there is."""
    values = {
        "kind": kind,
        "subject_kind": parent.subject_kind,
        "subject_id": parent.subject_id,
        "area_id": parent.area_id,
        "severity": severity,
        "rule": rule,
        "parent_id": parent.id,
        "late": False,
        "clock_trusted": True,
        "device_at": now,
        "gateway_at": now,
        "created_at": now,
        "last_at": now,
        "version": 1,
    }
    return upsert(
        session,
        Task,
        values | more,
        index=("kind", "subject_kind", "subject_id"),
        where=OPEN_TASK,
        take=("last_at",),
        count=("version",),
        back=("id", "version"),
    )


def _note(
    session: Session,
    task_id: int,
    action: str,
    before: str | None,
    after: str,
    detail: dict[str, Any],
    *,
    now: datetime,
    actor_id: int | None = None,
) -> None:
    line = {"task_id": task_id, "at": now, "action": action, "from_state": before, "to_state": after}
    append(session, TaskEvent, {**line, "detail": detail, "actor_id": actor_id})
