"""What those who were told are asked to do beside going: telephone the resident, 120 or 110."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from server.db.append import append
from server.db.database import Change, announce
from server.db.models import DispatchStep, Task, TaskEvent
from server.dispatch.core import Ask, StepKind
from server.errors import ConflictError
from server.tasks import repository
from server.tasks.states import OPEN_STATES, UNANSWERED
from server.users.roles import Right
from server.users.viewer import Viewer

NUMBERS: Final = {Ask.CALL_120: "120", Ask.CALL_110: "110"}
"""What is dialled; the resident's own number stands with the resident."""
NOT_REACHED: Final = "not_reached"


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
            .where(TaskEvent.task_id == task_id, TaskEvent.action.in_([*Ask, NOT_REACHED]))
            .order_by(TaskEvent.id)
        )
    }
    if NOT_REACHED in noted:
        noted[Ask.CALL_RESIDENT] = max(noted[NOT_REACHED], noted.get(Ask.CALL_RESIDENT, noted[NOT_REACHED]))
    open_ones = [Ask(row.ask) for row in asked if row.ask not in noted or noted[row.ask] < row.done_at]
    return tuple(dict.fromkeys(open_ones))


def note(
    session: Session, viewer: Viewer, task_id: int, ask: Ask, *, reached: bool = True, now: datetime
) -> None:
    """Writes on the timeline that somebody has telephoned. A resident who does not answer makes the next step
    due at once, where nobody has the task yet.

    Raises NotFoundError for a task that this person does not see; ConflictError for one that has ended.
    """
    viewer.require(Right.WORK_TASKS)
    task = repository.seen_by(session, viewer, task_id, lock=True)
    if task.state not in OPEN_STATES:
        raise ConflictError(f"task {task_id} has ended: write a note instead")
    silent = ask is Ask.CALL_RESIDENT and not reached
    if silent and task.state in UNANSWERED:
        _hurry(session, task, now=now)
    action = NOT_REACHED if silent else ask
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
