"""SQL of tasks."""

from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import Row, bindparam, select
from sqlalchemy.orm import Session

from server.db.base import table_of
from server.db.models import Task, TaskEvent
from server.errors import NotFoundError
from server.users import reach
from server.users.viewer import Viewer

_ONE = select(table_of(Task)).where(Task.id == bindparam("id"))


def one(session: Session, task_id: int) -> Row[Any] | None:
    """The task's row, if there is one: for looking only, and cheaper than an object."""
    return session.connection().execute(_ONE, {"id": task_id}).one_or_none()


def seen_by(session: Session, viewer: Viewer, task_id: int, *, lock: bool = False) -> Task:
    """The task, if this person may see its kind. Raises NotFoundError otherwise."""
    query = select(Task).where(Task.id == task_id, Task.kind.in_(viewer.task_kinds), reach.limits(viewer))
    if lock:
        query = query.with_for_update()
    task = session.scalar(query)
    if task is None:
        raise NotFoundError(f"task {task_id} does not exist, or is not one that the role {viewer.role} sees")
    return task


def listed(
    session: Session,
    viewer: Viewer,
    *,
    only_open: bool = True,
    only_ended: bool = False,
    kinds: Iterable[str] | None = None,
    subject: tuple[str, str] | None = None,
    area_ids: Sequence[str] | None = None,
    before_id: int | None = None,
    limit: int = 100,
) -> Sequence[Task]:
    """Tasks that this person sees, newest first; `before_id` pages on."""
    allowed = viewer.task_kinds if kinds is None else viewer.task_kinds & set(kinds)
    query = select(Task).where(Task.kind.in_(allowed)).order_by(Task.id.desc()).limit(limit)
    if only_open:
        query = query.where(Task.closed_at.is_(None))
    if only_ended:
        query = query.where(Task.closed_at.is_not(None))
    if subject is not None:
        query = query.where(Task.subject_kind == subject[0], Task.subject_id == subject[1])
    if area_ids is not None:
        query = query.where(Task.area_id.in_(area_ids))
    if before_id is not None:
        query = query.where(Task.id < before_id)
    return session.scalars(query).all()


def timeline(session: Session, task_id: int) -> Sequence[TaskEvent]:
    """Everything that happened to a task, oldest first."""
    return session.scalars(
        select(TaskEvent).where(TaskEvent.task_id == task_id).order_by(TaskEvent.at, TaskEvent.id)
    ).all()
