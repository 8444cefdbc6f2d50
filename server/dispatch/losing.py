"""A task that its holder has lost: they did not come, did not answer, or are not among us any more.

It is everybody's again at once. Whoever was disabled, or has a role now that works on no task, holds nothing
and is waited for by nobody; a sweep looks, so that it does not matter how somebody left.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from sqlalchemy import ColumnElement, or_, select
from sqlalchemy.orm import Session

from server.db.append import append
from server.db.database import Change, Database, announce
from server.db.models import Delivery, DispatchStep, Task, TaskEvent, User
from server.dispatch import planning
from server.dispatch.core import Happened, StepKind
from server.supervision import survived
from server.tasks.states import HELD, UNANSWERED, TaskAction, TaskState, move
from server.users.roles import LINKS_ONLY, WORKERS

REASONS: Final[dict[Happened, str]] = {
    Happened.NOT_ARRIVED: "not_arrived",
    Happened.UNHEARD: "unheard",
    Happened.LEFT: "gone",
}
"""Why, as the timeline says it."""
_CHAIN: Final = (StepKind.CALL, StepKind.END)
_MOST: Final = 200
"""Tasks of one round: the rest waits for the next."""


def expire(session: Session, task: Task, why: Happened, *, now: datetime) -> None:
    """Takes the task from whoever has it, or was given it, and seeks somebody. The caller holds its row."""
    before = TaskState(task.state)
    holder = task.assignee_id
    if why is Happened.LEFT:
        task.assignee_id = None
    if before in HELD:
        task.state = move(before, TaskAction.EXPIRE)
    values = {
        "task_id": task.id,
        "at": now,
        "action": TaskAction.EXPIRE if before in HELD else "left",
        "from_state": before,
        "to_state": task.state,
        "detail": {"assignee_id": holder, "reason": REASONS[why]},
    }
    append(session, TaskEvent, values)
    task.version += 1
    if before in HELD:
        planning.happened(session, task, why, now=now)
    else:
        bring_forward(session, task, now=now)
    announce(session, Change("task", str(task.id), TaskAction.EXPIRE))


def bring_forward(session: Session, task: Task, *, now: datetime) -> None:
    """Makes what the task waits for due: the next step, or the reminder of one that was resolved."""
    kinds = _CHAIN if task.state in UNANSWERED else (StepKind.UNFINISHED,)
    query = select(DispatchStep).where(
        DispatchStep.task_id == task.id, DispatchStep.state == "planned", DispatchStep.kind.in_(kinds)
    )
    for step in session.scalars(query):
        step.due_at = min(step.due_at, now)


def is_here(user: User | None) -> bool:
    """Whether this person can have a task at all."""
    return user is not None and user.disabled_at is None and user.role in _ABLE


def sweep(database: Database, *, now: datetime) -> None:
    """Takes back what people have who left, and goes on where only they were told."""
    with database.read() as session:
        held, waiting = _held(session), _waiting(session, now=now)
    for task_id in held:
        with survived("task_not_taken_back", outages=False, task=task_id), database.write() as session:
            take_back(session, task_id, now=now)
    for task_id in waiting:
        with survived("task_not_gone_on_with", outages=False, task=task_id), database.write() as session:
            go_on(session, task_id, now=now)


def take_back(session: Session, task_id: int, *, now: datetime) -> bool:
    """Takes an open task from somebody who left, unless another process has it, or has done so."""
    task = _locked(session, task_id)
    if task is None or task.assignee_id is None or is_here(session.get(User, task.assignee_id)):
        return False
    expire(session, task, Happened.LEFT, now=now)
    return True


def go_on(session: Session, task_id: int, *, now: datetime) -> bool:
    """Makes the next step due where all who were told last have left since."""
    task = _locked(session, task_id)
    if task is None or task.state not in UNANSWERED or not _only_gone_were_told(session, task_id):
        return False
    bring_forward(session, task, now=now)
    return True


_ABLE: Final = frozenset(WORKERS) | LINKS_ONLY


def _gone() -> ColumnElement[bool]:
    return or_(User.disabled_at.is_not(None), User.role.not_in(sorted(_ABLE)))


def _held(session: Session) -> Sequence[int]:
    query = select(Task.id).join(User, User.id == Task.assignee_id).where(Task.closed_at.is_(None), _gone())
    return session.scalars(query.order_by(Task.id).limit(_MOST)).all()


def _waiting(session: Session, *, now: datetime) -> Sequence[int]:
    """Unanswered tasks that wait for a step, and of which somebody was told who left."""
    query = (
        select(Task.id)
        .join(Delivery, Delivery.task_id == Task.id)
        .join(User, User.id == Delivery.user_id)
        .join(DispatchStep, DispatchStep.task_id == Task.id)
        .where(
            _gone(),
            Task.closed_at.is_(None),
            Task.state.in_(UNANSWERED),
            Task.snoozed_until.is_(None),
            DispatchStep.state == "planned",
            DispatchStep.kind.in_(_CHAIN),
            DispatchStep.due_at > now,
        )
        .distinct()
    )
    found = session.scalars(query.order_by(Task.id).limit(_MOST)).all()
    return [task_id for task_id in found if _only_gone_were_told(session, task_id)]


def _only_gone_were_told(session: Session, task_id: int) -> bool:
    """Whether the newest step that was told told nobody who is still here."""
    newest = session.scalar(
        select(DispatchStep.id)
        .where(
            DispatchStep.task_id == task_id,
            DispatchStep.state == "done",
            DispatchStep.kind.in_(_CHAIN),
        )
        .order_by(DispatchStep.id.desc())
        .limit(1)
    )
    told = session.scalars(
        select(User).join(Delivery, Delivery.user_id == User.id).where(Delivery.step_id == newest).distinct()
    ).all()
    return bool(told) and not any(is_here(user) for user in told)


def _locked(session: Session, task_id: int) -> Task | None:
    return session.scalar(
        select(Task)
        .where(Task.id == task_id, Task.closed_at.is_(None))
        .with_for_update(skip_locked=True)
        .execution_options(populate_existing=True)
    )
