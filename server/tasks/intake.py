"""How the world's side of a task is written: a need opens one or joins it, an alarm's end is noted."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import update
from sqlalchemy.orm import Session

from gateway.rules.model import WORST_FIRST, Severity, TaskKind
from server.db.append import append
from server.db.database import Change, announce
from server.db.models import Task, TaskEvent
from server.db.models.tasks import OPEN_TASK
from server.db.upsert import upsert
from server.dispatch import planning
from server.dispatch.core import Happened
from server.tasks.states import TaskAction, TaskState, move
from server.wells import informing


@dataclass(frozen=True, slots=True, kw_only=True)
class Need:
    """What is needed, by whom, since when."""

    kind: TaskKind
    subject_kind: str
    subject_id: str
    area_id: str
    severity: str
    rule: str
    device_at: datetime
    gateway_at: datetime
    clock_trusted: bool
    late: bool
    source_kind: str
    source_id: str
    value: dict[str, Any]


def open_or_join(session: Session, need: Need, *, now: datetime) -> int:
    """The number of the one open task of (kind, subject), opened or joined: the unique index decides. The
    worst severity wins and names the task. A resolved task comes back: the need was not met after all."""
    values = {
        "kind": need.kind,
        "subject_kind": need.subject_kind,
        "subject_id": need.subject_id,
        "area_id": need.area_id,
        "severity": need.severity,
        "rule": need.rule,
        "state": TaskState.NEW,
        "late": need.late,
        "clock_trusted": need.clock_trusted,
        "occurrences": 1,
        "device_at": need.device_at,
        "gateway_at": need.gateway_at,
        "created_at": now,
        "last_at": now,
        "version": 1,
    }
    task = upsert(
        session,
        Task,
        values,
        index=("kind", "subject_kind", "subject_id"),
        where=OPEN_TASK,
        take=("last_at",),
        count=("occurrences", "version"),
        back=("id", "version", "state", "severity"),
    )
    opened = task.version == 1
    before = TaskState(task.state)
    state = before if opened else move(before, TaskAction.RECUR)
    change: dict[str, Any] = {} if state is before else {"state": state}
    if _rank(need.severity) < _rank(task.severity):
        change |= {"severity": need.severity, "rule": need.rule}
    if change:
        session.execute(update(Task).where(Task.id == task.id).values(change))
    append(
        session,
        TaskEvent,
        {
            "task_id": task.id,
            "at": now,
            "action": "opened" if opened else "recurred",
            "from_state": None if opened else before,
            "to_state": state,
            "detail": {
                "rule": need.rule,
                "severity": need.severity,
                "source_kind": need.source_kind,
                "source_id": need.source_id,
                "device_at": need.device_at.isoformat(),
                **need.value,
            },
        },
    )
    what = _what(opened=opened, reopened=state is not before, worse="severity" in change)
    if what is Happened.OPENED:
        planning.opened(session, need, task.id, now=now)
    else:
        planning.breach_happened(session, task.id, state, what, now=now)
    if informing.concerns(session, need.kind, need.rule):
        planning.inform(session, task.id, now=now)
    announce(session, Change("task", str(task.id), "opened" if opened else "recurred"))
    number: int = task.id
    return number


def note_cleared(session: Session, *, task_id: int, rule: str, source_id: str, now: datetime) -> None:
    """Writes on the timeline that a condition is over. The task stays open: a person ends it."""
    task = session.get_one(Task, task_id)
    append(
        session,
        TaskEvent,
        {
            "task_id": task_id,
            "at": now,
            "action": "cleared",
            "from_state": task.state,
            "to_state": task.state,
            "detail": {"rule": rule, "source_id": source_id},
        },
    )
    task.version += 1
    announce(session, Change("task", str(task_id), "cleared"))


def _what(*, opened: bool, reopened: bool, worse: bool) -> Happened:
    if opened:
        return Happened.OPENED
    if reopened:
        return Happened.REOPENED
    return Happened.WORSE if worse else Happened.RECURRED


def _rank(severity: str) -> int:
    return WORST_FIRST.index(Severity(severity))
