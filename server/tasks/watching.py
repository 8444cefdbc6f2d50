"""Who follows a task without having it: they see it live, and are told who took it and how it ended."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from server.db.append import append
from server.db.database import Change, announce
from server.db.models import DispatchStep, Task, TaskWatcher, User
from server.dispatch.core import StepKind
from server.errors import ForbiddenError
from server.tasks import repository
from server.tasks.states import OPEN_STATES, TaskAction
from server.users.roles import Right, Role
from server.users.viewer import Viewer

TOLD: Final = frozenset(
    {TaskAction.ACKNOWLEDGE, TaskAction.CLOSE, TaskAction.CANCEL, TaskAction.ESCALATE, TaskAction.RETURN}
)
"""What watchers are told of."""


def watch(session: Session, viewer: Viewer, task_id: int) -> None:
    """Follows a task that is open. Twice is once. Raises NotFoundError, ForbiddenError."""
    viewer.require(Right.VIEW_TASKS)
    if viewer.role is Role.WALL:
        raise ForbiddenError("a wall screen follows nothing: log in as yourself")
    task = repository.seen_by(session, viewer, task_id, lock=True)
    key = (task.id, viewer.user_id)
    if task.state in OPEN_STATES and session.get(TaskWatcher, key) is None:
        session.add(TaskWatcher(task_id=task.id, user_id=viewer.user_id))
        announce(session, Change("task", str(task.id), "watch"))


def unwatch(session: Session, viewer: Viewer, task_id: int) -> None:
    """Follows it no more."""
    where = (TaskWatcher.task_id == task_id, TaskWatcher.user_id == viewer.user_id)
    session.execute(delete(TaskWatcher).where(*where))
    announce(session, Change("task", str(task_id), "watch"))


def watchers(session: Session, task_id: int) -> Sequence[User]:
    """Who follows the task, by name."""
    query = select(User).join(TaskWatcher, TaskWatcher.user_id == User.id)
    return session.scalars(query.where(TaskWatcher.task_id == task_id).order_by(User.name)).all()


def tell(session: Session, task: Task, *, but: int, now: datetime) -> None:
    """Plans that those who follow the task are told how it stands; `but` the one who did it. The caller
    holds the task's row."""
    where = (TaskWatcher.task_id == task.id, TaskWatcher.user_id != but)
    if session.scalar(select(TaskWatcher.user_id).where(*where).limit(1)) is None:
        return
    planned = select(DispatchStep.id).where(
        DispatchStep.task_id == task.id,
        DispatchStep.state == "planned",
        DispatchStep.kind == StepKind.WATCHERS,
    )
    if session.scalar(planned) is not None:
        return  # they are about to hear how it stands
    step = {
        "task_id": task.id,
        "playbook_id": None,
        "kind": StepKind.WATCHERS,
        "run": 0,
        "number": 0,
        "turn": 0,
        "state": "planned",
        "planned_at": now,
        "due_at": now,
        "late_s": 0,
    }
    append(session, DispatchStep, step)
