"""SQL of tasks. The lists that people see are all here: a tab is a line of `_TABS`."""

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from typing import Any, Final, Literal, TypeVar, get_args

from sqlalchemy import ColumnElement, Row, Select, and_, bindparam, case, func, or_, select
from sqlalchemy.orm import Session

from gateway.rules.model import WORST_FIRST
from server.db.base import table_of
from server.db.models import Task, TaskEvent
from server.errors import NotFoundError
from server.tasks.states import UNANSWERED, TaskState
from server.users import reach
from server.users.viewer import Viewer

Query = TypeVar("Query", bound="Select[*tuple[Any, ...]]")
Tab = Literal["open", "mine", "planned", "review", "today", "ended", "all"]
TABS: Final[tuple[Tab, ...]] = get_args(Tab)
_PRESENT: Final = (Task.closed_at.is_(None), Task.state != TaskState.PLANNED)
_TABS: Final[dict[Tab, Callable[[Viewer], Sequence[ColumnElement[bool]]]]] = {
    "open": lambda _: _PRESENT,
    "mine": lambda viewer: (Task.closed_at.is_(None), Task.assignee_id == viewer.user_id),
    "planned": lambda _: (Task.state == TaskState.PLANNED,),
    "review": lambda _: (Task.review.is_not(None), Task.reviewed_at.is_(None)),
    "today": lambda _: (Task.closed_at.is_not(None),),
    "ended": lambda _: (Task.closed_at.is_not(None),),
    "all": lambda _: (),
}

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
    tab: Tab = "open",
    level: str | None = None,
    since: datetime | None = None,
    kinds: Iterable[str] | None = None,
    subject: tuple[str, str] | None = None,
    area_ids: Sequence[str] | None = None,
    before_id: int | None = None,
    worst_first: datetime | None = None,
    limit: int = 100,
) -> Sequence[Task]:
    """Tasks of a tab that this person sees, newest first; `before_id` pages on. `since`: what the tab `today`
    begins with. With `worst_first` (now): who waits before what is in hand, then the worst, then the oldest,
    so that a limit cuts off what can wait."""
    query = _of_tab(select(Task), viewer, tab, level=level, kinds=kinds).limit(limit)
    query = query.order_by(*(_worst_first(worst_first) if worst_first is not None else (Task.id.desc(),)))
    if tab == "today" and since is not None:
        query = query.where(Task.closed_at >= since)
    if subject is not None:
        query = query.where(Task.subject_kind == subject[0], Task.subject_id == subject[1])
    if area_ids is not None:
        query = query.where(Task.area_id.in_(area_ids))
    if before_id is not None:
        query = query.where(Task.id < before_id)
    return session.scalars(query).all()


def count_by_group(
    session: Session,
    viewer: Viewer,
    tab: Tab,
    *,
    level: str | None = None,
    kinds: Iterable[str] | None = None,
    now: datetime,
) -> tuple[int, int]:
    """How many tasks of a live tab wait for somebody, and how many are in hand."""
    waits = _waits(now)
    query = _of_tab(select(waits, func.count()), viewer, tab, level=level, kinds=kinds).group_by(waits)
    found: dict[bool, int] = {bool(row[0]): row[1] for row in session.execute(query)}
    return found.get(True, 0), found.get(False, 0)


def timeline(session: Session, task_id: int) -> Sequence[TaskEvent]:
    """Everything that happened to a task, oldest first."""
    return session.scalars(
        select(TaskEvent).where(TaskEvent.task_id == task_id).order_by(TaskEvent.at, TaskEvent.id)
    ).all()


def _of_tab(
    query: Query, viewer: Viewer, tab: Tab, *, level: str | None, kinds: Iterable[str] | None
) -> Query:
    allowed = viewer.task_kinds if kinds is None else viewer.task_kinds & set(kinds)
    query = query.where(Task.kind.in_(allowed), reach.limits(viewer), *_TABS[tab](viewer))
    return query if level is None else query.where(Task.level == level)


def _waits(now: datetime) -> ColumnElement[bool]:
    awake = or_(Task.snoozed_until.is_(None), Task.snoozed_until <= now)
    return and_(Task.state.in_(UNANSWERED), awake)


def _worst_first(now: datetime) -> tuple[Any, ...]:
    rank = case({severity: place for place, severity in enumerate(WORST_FIRST)}, value=Task.severity)
    return _waits(now).desc(), rank, Task.created_at, Task.id


def linked(session: Session, viewer: Viewer, task: Task) -> Sequence[Task]:
    """The task that this one follows and those that follow it, as far as this person sees them."""
    either = or_(Task.parent_id == task.id, Task.id == task.parent_id)
    query = select(Task).where(either, Task.kind.in_(viewer.task_kinds))
    return session.scalars(query.order_by(Task.id)).all()
