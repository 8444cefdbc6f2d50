"""A month's figures: what pages, exports and the printed report show."""

from collections.abc import Collection, Iterable
from dataclasses import replace
from datetime import datetime
from typing import Final

from sqlalchemy import literal, select
from sqlalchemy.orm import Session

from server.coverage import hours
from server.coverage.service import scope as area_scope
from server.db.models import Area, Task
from server.figures import months, queries
from server.figures.model import Class, FalseAlarms, Figures, Row
from server.figures.months import Month
from server.figures.policy import FiguresPolicy
from server.figures.queries import Scope
from server.policies.service import current
from server.tasks.policy import TaskPolicy
from server.tasks.views import MASK
from server.users.roles import Right
from server.users.viewer import Viewer

TREND: Final = 12
"""Months shown beside each other."""
HOMES: Final = 20
"""Homes with the most false alarms."""


def figures(
    session: Session,
    viewer: Viewer,
    text: str | None = None,
    *,
    area: str | None = None,
    masked: bool = False,
    now: datetime,
) -> Figures:
    """The figures of a month ("2026-03"; the present one without), of an area or of all; with `masked` no
    resident is named. Raises ForbiddenError, InvalidError, NotFoundError."""
    viewer.require(Right.ASSIGN_TASKS)
    policy = current(session, FiguresPolicy)
    month = months.parse(text, policy.zone) if text else months.month_at(now, policy.zone)
    area_ids = area_scope(session, area)
    scope = _scope(session, month, area_ids)
    everything = literal("total")
    total = queries.rows(session, scope, policy, by=everything, now=now)
    late = queries.rows(session, scope, policy, by=everything, targeted=False, only=Class.LATE, now=now)
    names: dict[str, str] = dict(session.execute(select(Area.id, Area.name)).all())
    areas = queries.rows(session, scope, policy, by=Task.area_id, now=now)
    kinds = queries.rows(session, scope, policy, by=Task.kind + "/" + Task.severity, targeted=False, now=now)
    hour = months.hour_of(Task.created_at, month.start, month.end, policy.zone)
    by_hour = queries.rows(session, scope, policy, by=hour, now=now)
    return Figures(
        month=month,
        area=area or "",
        policy=policy,
        total=total.get("total", Row(key="total")),
        late=late.get("total", Row(key="late")),
        areas=tuple(sorted(areas.values(), key=lambda row: (-row.opened, row.key))),
        kinds=tuple(sorted(kinds.values(), key=lambda row: row.key)),
        hours_of_day=tuple(by_hour.get(number, Row(key=str(number))) for number in range(24)),
        trend=_trend(session, scope, policy, month, now),
        models=_most(queries.by_model(session, scope)),
        homes=tuple(
            one if viewer.unmasked and not masked else replace(one, name=one.name[:1] + MASK)
            for one in queries.by_home(session, scope, limit=HOMES)
        ),
        steps=tuple(queries.steps(session, scope, now=now)),
        tests=queries.tests(session, scope),
        coverage=hours.hours(session, start=month.start, end=month.end, now=now, area_ids=area_ids),
        names=names,
    )


def _trend(
    session: Session, scope: Scope, policy: FiguresPolicy, month: Month, now: datetime
) -> tuple[Row, ...]:
    shown = [month.plus(number) for number in range(1 - TREND, 1)]
    wide = replace(scope, start=shown[0].start)
    by = months.month_of(Task.created_at, shown)
    found = queries.rows(session, wide, policy, by=by, measures=("answer",), now=now)
    return tuple(_named(found.get(number, Row(key="")), one.text) for number, one in enumerate(shown))


def _scope(session: Session, month: Month, area_ids: Collection[str] | None) -> Scope:
    outcomes = current(session, TaskPolicy)
    return Scope(
        start=month.start,
        end=month.end,
        area_ids=area_ids,
        tests=outcomes.counting_as("test"),
        false=outcomes.counting_as("false_alarm"),
    )


def _named(row: Row, key: str) -> Row:
    return replace(row, key=key)


def _most(found: Iterable[FalseAlarms]) -> tuple[FalseAlarms, ...]:
    return tuple(sorted(found, key=lambda one: (-one.false_alarms, -one.tasks, one.key)))
