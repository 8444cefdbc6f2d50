"""How the world's side of a task is written: a need opens one or joins it, an alarm's end is noted."""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Row, update
from sqlalchemy.orm import Session

from gateway.rules.model import Severity, TaskKind, is_worse
from server.alarms import joining
from server.db.append import append
from server.db.database import Change, announce
from server.db.models import Task, TaskEvent
from server.db.models.tasks import OPEN_TASK
from server.db.upsert import upsert
from server.dispatch import planning
from server.dispatch.core import Happened
from server.tasks.states import HELD, UNANSWERED, TaskAction, TaskState, move
from server.wells import informing
from server.windows import judging
from server.windows.core import Declared, Expected, Sign
from server.windows.repository import DURING_WORK


@dataclass(frozen=True, slots=True)
class Seen:
    """What the caller has looked at in this transaction, so that it is not looked at again: that nobody else
    at the resident's address has an open task (`alone`), and that no window runs (`calm`)."""

    alone: bool = False
    calm: bool = False


NOTHING_SEEN: Final = Seen()
URGENT: Final = frozenset({Severity.CRITICAL, Severity.MAJOR})
"""Emergencies: what a holder has to answer to."""


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
    seen: Seen = NOTHING_SEEN

    @property
    def silence(self) -> bool:
        """Whether it says only that nothing is heard: no point spoke."""
        return "point" in self.value and self.value["point"] is None


def open_or_join(session: Session, need: Need, *, now: datetime) -> int:
    """The number of the one open task of (kind, subject), opened or joined: the unique index decides. The
    worst severity wins and names the task. A resolved task comes back: the need was not met after all. What
    was declared as work tells nobody, and what was declared as a drill is a test (`server.windows`)."""
    if need.kind is TaskKind.CARE and need.subject_kind == "resident" and not need.seen.alone:
        need = replace(need, subject_id=joining.home_of(session, need.subject_id, now=now))
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
        back=(
            "id",
            "version",
            "state",
            "severity",
            "muted",
            "test",
            "assignee_id",
            "late",
            "acknowledged_at",
        ),
    )
    opened = task.version == 1
    before = TaskState(task.state)
    after = before if opened else move(before, TaskAction.RECUR)
    worse = is_worse(need.severity, task.severity)
    change: dict[str, Any] = {}
    # A task that people were told of stays theirs: only what opens one, or joins a quiet one, is looked at.
    asked = not need.seen.calm and (opened or task.muted or task.test)
    expected = _expected(session, need, now=now) if asked else Expected()
    if opened:
        change |= _opened_as(session, need, expected, now=now)
    else:
        change |= _joined_as(task, need, expected, now=now)
    if worse:
        change |= {"severity": need.severity, "rule": need.rule}
    muted = change.get("muted", task.muted)
    urgent = need.severity in URGENT
    # What its holder took was less than what it is now: it is everybody's again, theirs too.
    outgrown = worse and urgent and before in HELD and not muted
    state = move(before, TaskAction.WORSEN) if outgrown else after
    if state is not before:
        change["state"] = state
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
            "to_state": after,
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
    _note_expected(session, task.id, after, change, expected, opened=opened, now=now)
    if outgrown:
        detail = {"assignee_id": task.assignee_id}
        note_event(session, task.id, TaskAction.WORSEN, before, state, detail, now=now)
    unmuted = task.muted and not muted
    if not muted or state in HELD:
        opens = opened or (unmuted and state not in HELD)
        what = _what(opened=opens, reopened=after is not before, worse=worse, urgent=urgent)
        what = Happened.OUTGROWN if outgrown else what
        if opened:
            planning.opened(session, need, task.id, asks_first=expected.ask is not None, now=now)
        else:
            planning.breach_happened(session, task.id, state, what, now=now)
        if informing.concerns(session, need.kind, need.rule):
            planning.inform(session, task.id, now=now)
    announce(session, Change("task", str(task.id), "opened" if opened else "recurred"))
    number: int = task.id
    return number


def withdraw(session: Session, task: Task, *, reason: str, now: datetime) -> bool:
    """Ends a task that nobody has taken and nobody needs any more; `reason` is a word that the pages know.
    False where somebody has it already: then it is theirs to end. The caller holds the task's row."""
    before = TaskState(task.state)
    if before not in UNANSWERED:
        return False
    task.state = move(before, TaskAction.CANCEL)
    task.closed_at = now
    task.version += 1
    note_event(session, task.id, "withdrawn", before, TaskState(task.state), {"reason": reason}, now=now)
    planning.happened(session, task, Happened.ENDED, now=now)
    announce(session, Change("task", str(task.id), "withdrawn"))
    return True


def unmute(session: Session, task: Task, *, reason: str, now: datetime) -> None:
    """Tells of a task that was kept quiet, as if it had been opened now: its answer is awaited from here. The
    caller holds its row."""
    task.muted, task.told_at = False, now
    task.version += 1
    state = TaskState(task.state)
    note_event(session, task.id, "unmuted", state, state, {"reason": reason, "rule": task.rule}, now=now)
    session.flush()
    if state in UNANSWERED:
        planning.happened(session, task, Happened.OPENED, now=now)
        if informing.concerns(session, TaskKind(task.kind), task.rule):
            planning.inform(session, task.id, now=now)
    announce(session, Change("task", str(task.id), "opened"))


def note_event(
    session: Session,
    task_id: int,
    action: str,
    before: TaskState,
    after: TaskState,
    detail: dict[str, Any],
    *,
    now: datetime,
) -> None:
    """A line on the timeline that is nobody's doing."""
    values = {"task_id": task_id, "at": now, "action": action, "from_state": before, "to_state": after}
    append(session, TaskEvent, {**values, "detail": detail})


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


def _expected(session: Session, need: Need, *, now: datetime) -> Expected:
    return judging.judge(
        session,
        Sign(
            kind=need.kind,
            rule=need.rule,
            source_kind=need.source_kind,
            silence=need.silence,
            critical=need.severity == Severity.CRITICAL,
        ),
        area_id=need.area_id,
        source=(need.source_kind, need.source_id),
        subject=(need.subject_kind, need.subject_id),
        now=now,
    )


def _joined_as(task: Row[Any], need: Need, expected: Expected, *, now: datetime) -> dict[str, Any]:
    change: dict[str, Any] = {}
    if task.muted and expected.work is None:
        change |= {"muted": False, "told_at": now}
    if task.late and not need.late and task.acknowledged_at is None:
        # Nobody could answer in time what came late; this one can be, from now on.
        change |= {"late": False, "told_at": now}
    if task.test and expected.drill is None:
        change["test"] = False
    return change


def _opened_as(session: Session, need: Need, expected: Expected, *, now: datetime) -> dict[str, Any]:
    before = joining.closed_before(
        session, kind=need.kind, subject_kind=need.subject_kind, subject_id=need.subject_id, now=now
    )
    change: dict[str, Any] = {} if before is None else {"parent_id": before}
    if expected.work is not None:
        change["muted"] = True
    if expected.drill is not None:
        change["test"] = True
    return change


def _note_expected(
    session: Session,
    task_id: int,
    state: TaskState,
    change: dict[str, Any],
    expected: Expected,
    *,
    opened: bool,
    now: datetime,
) -> None:
    if opened and expected.work is not None:
        note_event(session, task_id, "muted", state, state, _detail(expected.work), now=now)
    if opened and expected.ask is not None:
        note_event(session, task_id, DURING_WORK, state, state, _detail(expected.ask), now=now)
    if opened and expected.drill is not None:
        note_event(session, task_id, "drill", state, state, _detail(expected.drill), now=now)
    if change.get("muted") is False:
        note_event(session, task_id, "unmuted", state, state, {"reason": "unexpected"}, now=now)
    if change.get("test") is False:
        note_event(session, task_id, "no_drill", state, state, {}, now=now)


def _detail(window: Declared) -> dict[str, Any]:
    return {"window": window.id, "reason": window.reason, "until": window.until.isoformat()}


def _what(*, opened: bool, reopened: bool, worse: bool, urgent: bool) -> Happened:
    if opened:
        return Happened.OPENED
    if reopened:
        return Happened.REOPENED
    if worse:
        return Happened.WORSE
    return Happened.URGENT if urgent else Happened.RECURRED
