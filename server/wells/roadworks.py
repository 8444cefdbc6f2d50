"""Several covers opened together read as roadworks: one crew is told first, the others wait a little for it.

Which tasks belong together is found when they are about to be told, so that a burst of covers tells one crew
and not five. Nothing is lowered and nothing stays untold: a task that waits is told on its own when its time
is over, its leader has ended, something graver happens at its well, or a person says that these are none.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from gateway.rules.model import Severity, TaskKind
from server.db.models import Alarm, DispatchStep, Task, TaskEvent, Well
from server.dispatch.core import StepKind
from server.errors import ConflictError, ForbiddenError
from server.policies import service as policies
from server.tasks import repository, service
from server.tasks.states import TaskAction, TaskState
from server.users.roles import Right
from server.users.viewer import Viewer
from server.wells.core import OpenCover, together
from server.wells.policy import WellPolicy
from server.wells.timeline import ROADWORKS, ROADWORKS_CONFIRMED, ROADWORKS_DENIED, note

_UNTOLD = (TaskState.NEW, TaskState.DISPATCHED)


def held_until(session: Session, task: Task, kind: str, *, now: datetime) -> datetime | None:
    """Until when a call for this task waits for the crew of the task that leads; None where it does not. The
    caller holds the task; of other tasks only those are written that nobody else holds."""
    if kind != StepKind.CALL or task.kind != TaskKind.WELL or task.severity != Severity.MAJOR:
        return None
    policy = policies.current(session, WellPolicy)
    if not _only_covers(session, task.id, policy) or _is_denied(session, task.id):
        return None
    leader_id = task.parent_id or _joined(session, task, policy, now=now)
    leader = session.get(Task, leader_id) if leader_id is not None else None
    if leader is None or leader.closed_at is not None or leader.muted:
        return None
    until = task.created_at + timedelta(minutes=policy.roadworks_hold_min)
    return until if now < until else None


def linked(session: Session, task: Task) -> Sequence[Task]:
    """The open tasks that read as one site with this one, itself among them, the leading one first; only
    itself where it stands alone."""
    leader_id = task.parent_id or task.id
    query = select(Task).where(
        (Task.id == leader_id) | (Task.parent_id == leader_id),
        Task.kind == TaskKind.WELL,
        Task.closed_at.is_(None),
    )
    return session.scalars(query.order_by(Task.id)).all() or [task]


def answer(session: Session, viewer: Viewer, task_id: int, *, roadworks: bool, now: datetime) -> None:
    """A person says what it is. Roadworks: this person takes all of them, and they become minor. None: each
    task is told on its own at once.

    Raises ForbiddenError where the leading task is somebody else's, ConflictError where nothing is linked.
    """
    viewer.require(Right.WORK_TASKS)
    seen = repository.seen_by(session, viewer, task_id)
    ids = [task.id for task in linked(session, seen)]
    tasks = session.scalars(select(Task).where(Task.id.in_(ids)).order_by(Task.id).with_for_update()).all()
    if len(tasks) < 2:
        raise ConflictError("this task stands alone: there is nothing to say", say="wells.roadworks.alone")
    mine = seen.assignee_id in (None, viewer.user_id)
    if not mine and not viewer.may(Right.ASSIGN_TASKS):
        raise ForbiddenError("somebody else has this task: ask them, or a dispatcher")
    policy = policies.current(session, WellPolicy)
    for task in tasks:
        action = ROADWORKS_CONFIRMED if roadworks else ROADWORKS_DENIED
        note(session, task, action, now=now, actor_id=viewer.user_id, tasks=ids)
        if roadworks:
            if task.state in _UNTOLD:
                service.act(session, viewer, task.id, service.Act(action=TaskAction.ACKNOWLEDGE), now=now)
            if task.severity == Severity.MAJOR and _only_covers(session, task.id, policy):
                task.severity = Severity.MINOR
            continue
        task.parent_id = None
        waiting = update(DispatchStep).where(
            DispatchStep.task_id == task.id,
            DispatchStep.state == "planned",
            DispatchStep.kind == StepKind.CALL,
            DispatchStep.due_at > now,
        )
        session.execute(waiting.values(due_at=now))


def _joined(session: Session, task: Task, policy: WellPolicy, *, now: datetime) -> int | None:
    """Finds the covers that were opened with this one and links their tasks; the leading task's number, where
    that is another one."""
    covers = _covers(session, policy, since=now - 2 * timedelta(minutes=policy.roadworks_min))
    own = next((cover for cover in covers if cover.task_id == task.id), None)
    found = together(own, covers, policy) if own is not None else []
    if not found:
        return None
    ids = [cover.task_id for cover in found]
    parents = session.scalars(select(Task.parent_id).where(Task.id.in_(ids), Task.parent_id.is_not(None)))
    leader_id = min([*parents, *ids])
    free = session.scalars(
        select(Task)
        .where(Task.id.in_({*ids, leader_id}), Task.id != task.id, Task.closed_at.is_(None))
        .order_by(Task.id)
        .with_for_update(skip_locked=True)
    )
    for other in (task, *free):
        if other.id != leader_id and other.parent_id is None and not _is_denied(session, other.id):
            other.parent_id = leader_id
            note(session, other, ROADWORKS, now=now, tasks=ids, leader=leader_id)
        elif other.id == leader_id and not _has(session, other.id, ROADWORKS):
            note(session, other, ROADWORKS, now=now, tasks=ids, leader=leader_id)
    return leader_id if leader_id != task.id else None


def _covers(session: Session, policy: WellPolicy, *, since: datetime) -> list[OpenCover]:
    rows = session.execute(
        select(Task.id, Well.id, Well.latitude, Well.longitude, Alarm.opened_at)
        .join(Alarm, Alarm.task_id == Task.id)
        .join(Well, (Task.subject_kind == "well") & (Well.id == Task.subject_id))
        .where(
            Alarm.rule.in_(policy.cover_rules),
            Alarm.opened_at >= since,
            Alarm.cleared_at.is_(None),
            Task.closed_at.is_(None),
            Well.latitude.is_not(None),
            Well.longitude.is_not(None),
        )
        .order_by(Task.id, Alarm.id)
    )
    found: dict[int, OpenCover] = {}
    for task_id, well_id, latitude, longitude, opened_at in rows:
        if latitude is not None and longitude is not None:
            cover = OpenCover(task_id=task_id, well_id=well_id, place=(latitude, longitude), at=opened_at)
            found.setdefault(task_id, cover)
    return list(found.values())


def _only_covers(session: Session, task_id: int, policy: WellPolicy) -> bool:
    rules = session.scalars(select(Alarm.rule).where(Alarm.task_id == task_id, Alarm.cleared_at.is_(None)))
    return set(rules) <= set(policy.cover_rules)


def _is_denied(session: Session, task_id: int) -> bool:
    return _has(session, task_id, ROADWORKS_DENIED)


def _has(session: Session, task_id: int, action: str) -> bool:
    query = select(TaskEvent.id).where(TaskEvent.task_id == task_id, TaskEvent.action == action)
    return session.scalar(query.limit(1)) is not None
