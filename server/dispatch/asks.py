"""What those who were told are asked to do beside going: telephone the resident, those whom only a telephone
reaches, 120 or 110."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from server.db.append import append
from server.db.database import Change, announce
from server.db.models import DispatchStep, Task, TaskEvent
from server.dispatch import people
from server.dispatch.core import Ask, StepKind
from server.errors import ConflictError
from server.tasks import repository
from server.tasks.states import OPEN_STATES, UNANSWERED
from server.users.roles import Right
from server.users.viewer import Viewer

NUMBERS: Final = {Ask.CALL_120: "120", Ask.CALL_110: "110"}
"""What is dialled; the resident's own number stands with the resident."""
NOT_REACHED: Final = {
    Ask.CALL_RESIDENT: "not_reached",
    **{ask: f"{ask}_not_reached" for ask in people.BY_TELEPHONE.values()},
}
"""What the timeline says of a call that nobody answered."""


def standing(session: Session, task_id: int) -> Sequence[Ask]:
    """What the chain has asked for in this task and nobody has noted as done, the newest first."""
    asked = session.execute(
        select(DispatchStep.ask, DispatchStep.done_at)
        .where(
            DispatchStep.task_id == task_id,
            DispatchStep.state == "done",
            DispatchStep.kind == StepKind.CALL,
            DispatchStep.ask != Ask.GO,
        )
        .order_by(DispatchStep.id.desc())
    ).all()
    noted = {
        event.action: event.at
        for event in session.execute(
            select(TaskEvent.action, TaskEvent.at)
            .where(TaskEvent.task_id == task_id, TaskEvent.action.in_([*Ask, *NOT_REACHED.values()]))
            .order_by(TaskEvent.id)
        )
    }
    for ask, silent in NOT_REACHED.items():
        if silent in noted:
            noted[ask] = max(noted[silent], noted.get(ask, noted[silent]))
    open_ones = [Ask(row.ask) for row in asked if row.ask not in noted or noted[row.ask] < row.done_at]
    return tuple(dict.fromkeys(open_ones))


def callees(
    session: Session, task_id: int, standing: Sequence[Ask], *, now: datetime
) -> dict[str, list[tuple[str, str]]]:
    """Whom to call for each of these, by name and number. For whoever may see the resident's details, and is
    written down for it."""
    task = session.get_one(Task, task_id)
    kinds = {ask: kind for kind, ask in people.BY_TELEPHONE.items() if ask in standing}
    return {ask: people.by_telephone(session, task, kind, now=now) for ask, kind in kinds.items()}


def note(
    session: Session, viewer: Viewer, task_id: int, ask: Ask, *, reached: bool = True, now: datetime
) -> None:
    """Writes on the timeline that somebody has telephoned. Where nobody answers the next step is due at once,
    unless somebody has the task.

    Raises NotFoundError for a task that this person does not see; ConflictError for one that has ended.
    """
    viewer.require(Right.WORK_TASKS)
    task = repository.seen_by(session, viewer, task_id, lock=True)
    if task.state not in OPEN_STATES:
        raise ConflictError(f"task {task_id} has ended: write a note instead")
    silent = ask in NOT_REACHED and not reached
    if silent and task.state in UNANSWERED:
        _hurry(session, task, now=now)
    action = NOT_REACHED[ask] if silent else ask
    values = {
        "task_id": task.id,
        "at": now,
        "actor_id": viewer.user_id,
        "action": action,
        "from_state": task.state,
        "to_state": task.state,
        "detail": {},
    }
    append(session, TaskEvent, values)
    task.version += 1
    announce(session, Change("task", str(task.id), action))


def _hurry(session: Session, task: Task, *, now: datetime) -> None:
    following = session.scalar(
        select(DispatchStep).where(
            DispatchStep.task_id == task.id,
            DispatchStep.state == "planned",
            DispatchStep.kind == StepKind.CALL,
        )
    )
    if following is not None:
        following.due_at = min(following.due_at, now)
