"""What people do to tasks. One door: `act`."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from server.commands import silencing
from server.db.database import Change, announce
from server.db.models import Alarm, Occurrence, Task, TaskEvent, User
from server.dispatch import planning
from server.dispatch.core import Happened
from server.errors import ConflictError, ForbiddenError, InvalidError
from server.tasks import kinds, repository
from server.tasks.states import BY_THE_WORLD, IllegalMoveError, Outcome, TaskAction, TaskState, move
from server.users.roles import Right, Role
from server.users.viewer import Viewer
from server.wells import gates

_CLOCK: Final[dict[TaskAction, str]] = {
    TaskAction.ACKNOWLEDGE: "acknowledged_at",
    TaskAction.DEPART: "departed_at",
    TaskAction.ARRIVE: "arrived_at",
    TaskAction.RESOLVE: "resolved_at",
    TaskAction.CLOSE: "closed_at",
    TaskAction.CANCEL: "closed_at",
}
_ASSIGNING: Final = frozenset({TaskAction.REASSIGN, TaskAction.CANCEL})
_ANSWERING: Final = frozenset({TaskAction.ACKNOWLEDGE, TaskAction.CANCEL})
"""A person knows of it now: the siren in the room has done its work."""
_BY_ITS_HOLDER: Final = frozenset(
    {TaskAction.DEPART, TaskAction.ARRIVE, TaskAction.RESOLVE, TaskAction.CLOSE}
)
_HAPPENED: Final = {
    TaskAction.ACKNOWLEDGE: Happened.ACKNOWLEDGED,
    TaskAction.DEPART: Happened.DEPARTED,
    TaskAction.ARRIVE: Happened.ARRIVED,
    TaskAction.REASSIGN: Happened.GIVEN,
    TaskAction.RESOLVE: Happened.ENDED,
    TaskAction.CLOSE: Happened.ENDED,
    TaskAction.CANCEL: Happened.ENDED,
}
"""What each action means to whoever is still to be told."""
MAXIMUM_NOTE = 2_000
"""Characters of a note: a page of text, so that a timeline stays readable."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Act:
    """One thing that somebody does to a task."""

    action: TaskAction
    note: str = ""
    outcome: Outcome | None = None
    assignee_id: int | None = None


def act(session: Session, viewer: Viewer, task_id: int, wanted: Act, *, now: datetime) -> Task:
    """Moves a task and writes its timeline, in the caller's transaction.

    Raises NotFoundError, ForbiddenError (not this person's to do), ConflictError (the task has moved on:
    says who holds it and since when) or InvalidError (no outcome, no assignee, an empty note). On any of
    these nothing has changed.
    """
    if wanted.action in BY_THE_WORLD:
        raise InvalidError(f"nobody does {wanted.action}: it comes from a sensor or from time")
    viewer.require(Right.ASSIGN_TASKS if wanted.action in _ASSIGNING else Right.WORK_TASKS)
    task = repository.seen_by(session, viewer, task_id, lock=True)
    before = TaskState(task.state)
    try:
        after = move(before, wanted.action)
    except IllegalMoveError as error:
        raise ConflictError(f"{error}{_holder(session, task)}", state=before) from error
    _check_holder(session, viewer, task, wanted)
    detail = _checked_detail(session, task, wanted)
    gates.check(session, task, wanted.action, detail, now)
    clock = _CLOCK.get(wanted.action)
    if clock is not None and getattr(task, clock) is None:
        setattr(task, clock, now)
    if wanted.action is TaskAction.ACKNOWLEDGE:
        task.assignee_id = viewer.user_id
    elif wanted.action is TaskAction.REASSIGN:
        task.assignee_id = wanted.assignee_id
    if wanted.outcome is not None:
        task.outcome = wanted.outcome
    if after in (TaskState.CLOSED, TaskState.CANCELLED) and before is not after:
        _clear_events(session, task, now=now)
    task.state = after
    task.version += 1
    session.add(
        TaskEvent(
            task_id=task.id,
            at=now,
            actor_id=viewer.user_id,
            action=wanted.action,
            from_state=before,
            to_state=after,
            detail=detail,
        )
    )
    if wanted.action in _HAPPENED:
        planning.happened(session, task, _HAPPENED[wanted.action], now=now)
    if wanted.action in _ANSWERING:
        silencing.silence(session, task, user_id=viewer.user_id, now=now)
    announce(session, Change("task", str(task.id), wanted.action))
    return task


def _check_holder(session: Session, viewer: Viewer, task: Task, wanted: Act) -> None:
    if wanted.action not in _BY_ITS_HOLDER or task.assignee_id == viewer.user_id:
        return
    if not viewer.may(Right.ASSIGN_TASKS):
        raise ForbiddenError(
            f"this task is not yours{_holder(session, task)}: ask a dispatcher to hand it over"
        )


def _checked_detail(session: Session, task: Task, wanted: Act) -> dict[str, Any]:
    note = wanted.note.strip()
    if len(note) > MAXIMUM_NOTE:
        raise InvalidError(f"the note has {len(note)} characters: at most {MAXIMUM_NOTE}")
    detail: dict[str, Any] = {"note": note} if note else {}
    match wanted.action:
        case TaskAction.NOTE if not note:
            raise InvalidError("an empty note: write something")
        case TaskAction.RESOLVE if wanted.outcome is None:
            raise InvalidError("resolving needs an outcome: how did it end?")
        case TaskAction.CLOSE if wanted.outcome is None and task.outcome is None:
            raise InvalidError("closing needs an outcome: how did it end?")
        case TaskAction.REASSIGN:
            detail |= {"assignee_id": _assignee(session, task, wanted.assignee_id).id}
        case _:
            pass
    if wanted.outcome is not None:
        detail["outcome"] = wanted.outcome
    return detail


def _assignee(session: Session, task: Task, user_id: int | None) -> User:
    user = session.get(User, user_id) if user_id is not None else None
    if user is None or user.disabled_at is not None:
        raise InvalidError(f"there is no user {user_id} to give the task to")
    if Role(user.role) not in kinds.roles_of(session, task.kind):
        raise InvalidError(f"{user.login} has the role {user.role}, which does not see {task.kind} tasks")
    return user


def _holder(session: Session, task: Task) -> str:
    user = session.get(User, task.assignee_id) if task.assignee_id is not None else None
    if user is None:
        return ""
    since = f" since {task.acknowledged_at:%H:%M:%S} UTC" if task.acknowledged_at else ""
    return f"; {user.name} has it{since}"


def _clear_events(session: Session, task: Task, *, now: datetime) -> None:
    """Ends the alarms that have no end of their own (a press, a fall). An open cover stays an open alarm."""
    query = select(Alarm).where(Alarm.task_id == task.id, Alarm.cleared_at.is_(None))
    for alarm in session.scalars(query.with_for_update()):
        newest = session.scalar(
            select(Occurrence).where(Occurrence.alarm_id == alarm.id).order_by(Occurrence.id.desc()).limit(1)
        )
        if newest is None or not newest.value.get("ends", True):
            alarm.cleared_at = now
            alarm.cleared_by = "task"
