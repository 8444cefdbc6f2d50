"""SQL of the figures: counts and quantiles by group, the same on SQLite and PostgreSQL.

Times are whole microseconds; quantiles are by nearest rank, with a window instead of an engine's own
function.
An answer is the first acknowledgement, or the end of a task that was ended without one. Times count from
when people were told: the opening, or the end of the work during which nobody was.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import ColumnElement, Select, Subquery, and_, case, func, literal, or_, select
from sqlalchemy.orm import Session

from server.commissioning.repository import SIGNED
from server.db.models import (
    Attachment,
    CommissioningTest,
    Device,
    DispatchStep,
    Resident,
    Task,
    TaskEvent,
)
from server.db.moments import MICROSECOND, MICROSECONDS, micros_between
from server.dispatch.auditor import OVERDUE
from server.figures.model import COUNTS, PERCENTS, Class, FalseAlarms, Quantiles, Row, Steps, Tests
from server.figures.policy import FiguresPolicy
from server.tasks.states import TaskState

MEASURES = ("answer", "arrival", "closure")
_told = func.coalesce(Task.told_at, Task.created_at, type_=Task.created_at.type)
_continued = and_(Task.parent_id.is_not(None), Task.occurrences == 0)
"""Opened by a person after another. One that an alarm opened is a call for help, whatever it refers to: the
task closed minutes before, the crew of the covers beside it, the gateway that was away."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """Which tasks: opened from `start` up to before `end`, in these areas (None: all). `tests` and `false`
    are the outcomes that count as a test and as a false alarm."""

    start: datetime
    end: datetime
    area_ids: Collection[str] | None = None
    tests: Collection[str] = ("test",)
    false: Collection[str] = ("false_alarm",)

    @property
    def conditions(self) -> list[ColumnElement[bool]]:
        """As SQL."""
        found: list[ColumnElement[bool]] = [
            Task.created_at >= self.start,
            Task.created_at < self.end,
        ]
        if self.area_ids is not None:
            found.append(Task.area_id.in_(self.area_ids))
        return found

    @property
    def class_of(self) -> ColumnElement[str]:
        """The class of a task (`model.Class`)."""
        return case(
            (or_(Task.test.is_(True), Task.outcome.in_(self.tests)), Class.TEST.value),
            (Task.late.is_(True), Class.LATE.value),
            # Taken before anybody was told: nobody kept anybody waiting, or was quick.
            (or_(Task.muted.is_(True), Task.acknowledged_at < Task.told_at), Class.MUTED.value),
            (or_(Task.due_at.is_not(None), _continued), Class.PLANNED.value),
            else_=Class.COUNTED.value,
        )

    def number_false(self, outcome: Any) -> ColumnElement[int]:
        """How many of a group were false alarms."""
        return func.sum(case((outcome.in_(self.false), 1), else_=0))


def rows(
    session: Session,
    scope: Scope,
    policy: FiguresPolicy,
    *,
    by: Any,
    targeted: bool = True,
    only: Class | None = None,
    measures: Collection[str] = MEASURES,
    now: datetime,
) -> dict[Any, Row]:
    """Counts and times of the scope's tasks, grouped `by`. With `targeted` shares and times are of the kinds
    and severities that the policy names. With `only` they are of tasks of that class instead of counted
    ones."""
    timed = only or Class.COUNTED
    found: dict[Any, dict[str, Any]] = {
        key: {"key": str(key), **values}
        for key, values in _counts(session, scope, policy, by, timed, targeted=targeted, now=now).items()
    }
    for key, quantiles in _quantiles(session, scope, policy, by, timed, measures, targeted=targeted).items():
        found[key] |= quantiles
    return {key: Row(**values) for key, values in found.items()}


_ANSWERED: Final = func.coalesce(Task.acknowledged_at, Task.closed_at, type_=Task.created_at.type)
_SPANS: Final = {
    "answer": micros_between(_told, _ANSWERED),
    "arrival": micros_between(_told, Task.arrived_at),
    "closure": micros_between(_told, Task.closed_at),
}


def _is_target(policy: FiguresPolicy) -> ColumnElement[bool]:
    return and_(Task.kind.in_(policy.kinds), Task.severity.in_(policy.severities))


def _fenced(query: Select[*tuple[Any, ...]]) -> Subquery:
    """A subquery that the engines work out once for each row. Without the OFFSET they put its expressions
    into each place where they are used: five classes and ten spans a task."""
    return query.offset(0).subquery()


def _counts(
    session: Session,
    scope: Scope,
    policy: FiguresPolicy,
    by: Any,
    timed: Class,
    *,
    targeted: bool,
    now: datetime,
) -> dict[Any, dict[str, int]]:
    column = _fenced(
        select(
            by.label("key"),
            scope.class_of.label("class"),
            (case((_is_target(policy), 1), else_=0) if targeted else literal(1)).label("target"),
            _told.label("told_at"),
            Task.closed_at,
            Task.state,
            case((Task.outcome.in_(scope.false), 1), else_=0).label("is_false"),
            _SPANS["answer"].label("answer"),
        ).where(*scope.conditions)
    ).c

    def number(*conditions: ColumnElement[bool]) -> ColumnElement[int]:
        return func.count().filter(*conditions)

    is_timed = and_(column["class"] == timed.value, column.target == 1)
    judged, within = {}, {}
    for name, seconds in (("first", policy.first_s), ("second", policy.second_s)):
        over = column.told_at <= now - timedelta(seconds=seconds)
        judged[name] = number(is_timed, or_(column.answer.is_not(None), over))
        within[name] = number(is_timed, column.answer <= literal(seconds * MICROSECONDS))
    counts: dict[str, ColumnElement[int]] = {
        "opened": func.count(),
        "closed": number(column.closed_at.is_not(None)),
        "still_open": number(column.closed_at.is_(None)),
        "cancelled": number(column.state == TaskState.CANCELLED.value),
        "tests": number(column["class"] == Class.TEST.value),
        "late": number(column["class"] == Class.LATE.value),
        "muted": number(column["class"] == Class.MUTED.value),
        "planned": number(column["class"] == Class.PLANNED.value),
        "counted": number(column["class"] == Class.COUNTED.value),
        "false_alarms": number(column.is_false == 1, column["class"] != Class.TEST.value),
        "judged_first": judged["first"],
        "within_first": within["first"],
        "judged_second": judged["second"],
        "within_second": within["second"],
    }
    query = select(column.key, *(counts[name] for name in COUNTS)).group_by(column.key)
    return {row[0]: dict(zip(COUNTS, map(int, row[1:]), strict=True)) for row in session.execute(query)}


def _quantiles(
    session: Session,
    scope: Scope,
    policy: FiguresPolicy,
    by: Any,
    timed: Class,
    measures: Collection[str],
    *,
    targeted: bool,
) -> dict[Any, dict[str, Quantiles]]:
    """By key and measure, by nearest rank: the smallest that so many per cent are at most. Shares are ratios
    of whole numbers, which come out as the nearest double on both engines, as the limit does."""
    counting = select(by.label("key"), *(_SPANS[name].label(name) for name in measures)).where(
        *scope.conditions, scope.class_of == timed.value
    )
    tasks = _fenced(counting.where(_is_target(policy)) if targeted else counting)
    shares = {
        name: func.cume_dist().over(
            partition_by=(tasks.c.key, tasks.c[name].is_(None)), order_by=tasks.c[name]
        )
        for name in measures
    }
    ranked = select(
        tasks.c.key,
        *(tasks.c[name] for name in measures),
        *(share.label(f"{name}_share") for name, share in shares.items()),
    ).subquery()
    picked: list[ColumnElement[Any]] = []
    for name in measures:
        value, share = ranked.c[name], ranked.c[f"{name}_share"]
        picked.append(func.count(value))
        picked += [func.min(value).filter(share >= percent / 100) for percent in PERCENTS]
    width = 1 + len(PERCENTS)
    return {
        row[0]: {
            name: Quantiles(part[0], *(int(value) * MICROSECOND for value in part[1:]))
            for number, name in enumerate(measures)
            if (part := row[1 + number * width : 1 + (number + 1) * width])[0]
        }
        for row in session.execute(select(ranked.c.key, *picked).group_by(ranked.c.key))
    }


def by_model(session: Session, scope: Scope) -> list[FalseAlarms]:
    """False alarms by device model: that of the device which hung, as the task was opened, where it was
    opened from. Tests are not in it."""
    opened_from = (
        select(TaskEvent.detail["source_id"].as_string())
        .where(TaskEvent.task_id == Task.id, TaskEvent.action == "opened")
        .order_by(TaskEvent.id)
        .limit(1)
        .correlate(Task)
        .scalar_subquery()
    )
    tasks = (
        select(Task.outcome, Task.created_at, opened_from.label("position_id"))
        .where(*scope.conditions, scope.class_of != Class.TEST.value)
        .subquery()
    )
    profile = (
        select(Device.profile)
        .join(Attachment, Attachment.device_id == Device.id)
        .where(
            Attachment.position_id == tasks.c.position_id,
            Attachment.since <= tasks.c.created_at,
            or_(Attachment.until.is_(None), Attachment.until > tasks.c.created_at),
        )
        .order_by(Attachment.since.desc())
        .limit(1)
        .correlate(tasks)
        .scalar_subquery()
    )
    known = select(tasks.c.outcome, func.coalesce(profile, "").label("model")).subquery()
    query = select(
        known.c.model, func.count(), func.count(known.c.outcome), scope.number_false(known.c.outcome)
    ).group_by(known.c.model)
    return [
        FalseAlarms(key=row[0], name=row[0], tasks=row[1], ended=row[2], false_alarms=int(row[3]))
        for row in session.execute(query)
    ]


def by_home(session: Session, scope: Scope, *, limit: int) -> list[FalseAlarms]:
    """The homes with the most false alarms."""
    false = scope.number_false(Task.outcome)
    query = (
        select(Task.subject_id, Resident.name, func.count(), func.count(Task.outcome), false)
        .join(Resident, Resident.id == Task.subject_id)
        .where(*scope.conditions, Task.subject_kind == "resident", scope.class_of != Class.TEST.value)
        .group_by(Task.subject_id, Resident.name)
        .having(false > 0)
        .order_by(false.desc(), Task.subject_id)
        .limit(limit)
    )
    return [
        FalseAlarms(key=row[0], name=row[1], tasks=row[2], ended=row[3], false_alarms=row[4])
        for row in session.execute(query)
    ]


def steps(session: Session, scope: Scope, *, now: datetime) -> list[Steps]:
    """Steps that fell due in the month, in the scope's areas, by kind of step."""
    late = DispatchStep.late_s > OVERDUE.total_seconds()
    waiting = (DispatchStep.state == "planned") & (DispatchStep.due_at < now - OVERDUE)
    query = (
        select(
            DispatchStep.kind,
            func.count(),
            func.sum(case(((DispatchStep.state == "done") & late, 1), else_=0)),
            func.sum(case((waiting, 1), else_=0)),
        )
        .join(Task, Task.id == DispatchStep.task_id)
        .where(
            DispatchStep.due_at >= scope.start,
            DispatchStep.due_at < min(scope.end, now),
            DispatchStep.state != "cancelled",
        )
        .group_by(DispatchStep.kind)
        .order_by(DispatchStep.kind)
    )
    if scope.area_ids is not None:
        query = query.where(Task.area_id.in_(scope.area_ids))
    return [
        Steps(kind=row[0], due=row[1], done_late=int(row[2]), overdue=int(row[3]))
        for row in session.execute(query)
    ]


def tests(session: Session, scope: Scope) -> Tests:
    """Tests of devices that ended in the month, everywhere, and tasks of drills in the scope."""
    ended = dict(
        session.execute(
            select(CommissioningTest.ended, func.count())
            .where(CommissioningTest.ended_at >= scope.start, CommissioningTest.ended_at < scope.end)
            .group_by(CommissioningTest.ended)
        ).all()
    )
    drills = session.scalar(select(func.count()).where(*scope.conditions, scope.class_of == Class.TEST.value))
    signed = ended.pop(SIGNED, 0)
    return Tests(signed=signed, failed=sum(ended.values()), drills=drills or 0)
