"""What a person sees of who is unprotected: masked where the role may not know names."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final, TypeVar

from sqlalchemy import Select, case, exists, func, select
from sqlalchemy.orm import Session, aliased

from server.commissioning.repository import SIGNED
from server.coverage.core import Cause, Gap
from server.coverage.standing import Standing, standing
from server.db.models import (
    Absence,
    Area,
    Attachment,
    CommissioningTest,
    Gateway,
    Position,
    Resident,
    Task,
    UnprotectedSpan,
    User,
    Window,
)
from server.devices.helping import Help
from server.tasks.views import MASK
from server.users.viewer import Viewer

S = TypeVar("S", bound=Select[*tuple[Any, ...]])
PAGE: Final = 100
"""Lines at once."""
_RISKS: Final = case((Resident.risk == "high", 0), (Resident.risk == "medium", 1), else_=2)


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskRef:
    """The open task about it. `visible` is whether this person may open it."""

    id: int
    state: str
    assignee: str
    visible: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class GapView:
    """One cause, the thing that it stands at by name, who is on it, and for declared work its end."""

    cause: Cause
    since: datetime
    thing_kind: str
    thing_id: str
    thing: str
    task: TaskRef | None
    until: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One resident who is unprotected now. `task` is about the resident: somebody calls or visits them.
    `helps` is by what help can be called from their home, whether or not it works now."""

    resident_id: str
    name: str
    area_id: str
    area: str
    risk: str
    since: datetime
    away_until: datetime | None
    gaps: tuple[GapView, ...]
    task: TaskRef | None
    helps: tuple[Help, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """How many: looked after in all, unprotected at home, of these at high risk, and unprotected while away;
    `by_cause` counts residents, each under every cause of theirs."""

    residents: int
    unprotected: int
    high_risk: int
    away: int
    by_cause: dict[str, int]

    @property
    def protected(self) -> int:
        """Everybody else."""
        return self.residents - self.unprotected - self.away


@dataclass(frozen=True, slots=True, kw_only=True)
class RetestView:
    """A place whose sensor has to be tested again, or is late with it."""

    position_id: str
    position: str
    resident_id: str
    name: str
    area: str
    due_at: datetime
    late: bool


def lines(
    session: Session,
    viewer: Viewer,
    *,
    now: datetime,
    area_ids: Collection[str] | None = None,
    offset: int = 0,
    limit: int = PAGE,
) -> list[Line]:
    """Who is unprotected now: the highest risk first, then who has been so for the longest."""
    since = func.min(UnprotectedSpan.since)
    query = (
        select(Resident.id, Resident.name, Resident.area_id, Resident.risk, Area.name)
        .join(UnprotectedSpan, UnprotectedSpan.resident_id == Resident.id)
        .join(Area, Area.id == Resident.area_id)
        .where(UnprotectedSpan.until.is_(None), Resident.left_at.is_(None))
        .group_by(Resident.id, Resident.name, Resident.area_id, Resident.risk, Area.name)
        .order_by(_RISKS, since, Resident.id)
        .offset(offset)
        .limit(limit)
    )
    rows = session.execute(_within(query, area_ids)).all()
    found = standing(session, resident_ids=[row[0] for row in rows], now=now)
    names, tasks = _things(session, found.values()), _tasks(session, viewer, found.values())
    ends = _ends(session, found.values())
    return [
        Line(
            resident_id=resident,
            name=name if viewer.unmasked else name[:1] + MASK,
            area_id=area_id,
            area=area,
            risk=risk,
            since=found[resident].since or now,
            away_until=found[resident].away_until,
            gaps=tuple(_gap(gap, names, tasks, ends) for gap in found[resident].gaps),
            task=tasks.get(("resident", resident)),
        )
        for resident, name, area_id, risk, area in rows
        if found[resident].gaps
    ]


def counts(session: Session, *, now: datetime, area_ids: Collection[str] | None = None) -> Counts:
    """The numbers above the list."""
    away = (
        select(Absence.resident_id)
        .where(Absence.since <= now, Absence.until > now, Absence.ended_at.is_(None))
        .distinct()
        .subquery()
    )
    open_now = (
        select(UnprotectedSpan.resident_id).where(UnprotectedSpan.until.is_(None)).distinct().subquery()
    )
    here = away.c.resident_id.is_(None)
    query = (
        select(
            func.coalesce(func.sum(case((here, 1), else_=0)), 0),
            func.coalesce(func.sum(case((here & (Resident.risk == "high"), 1), else_=0)), 0),
            func.coalesce(func.sum(case((here, 0), else_=1)), 0),
        )
        .select_from(Resident)
        .join(open_now, open_now.c.resident_id == Resident.id)
        .outerjoin(away, away.c.resident_id == Resident.id)
        .where(Resident.left_at.is_(None))
    )
    unprotected, high, gone = session.execute(_within(query, area_ids)).one()
    everybody = select(func.count()).where(Resident.left_at.is_(None), Resident.erased_at.is_(None))
    causes = (
        select(UnprotectedSpan.cause, func.count(UnprotectedSpan.resident_id.distinct()))
        .join(Resident, Resident.id == UnprotectedSpan.resident_id)
        .where(UnprotectedSpan.until.is_(None), Resident.left_at.is_(None))
        .group_by(UnprotectedSpan.cause)
    )
    by_cause: dict[str, int] = dict(session.execute(_within(causes, area_ids)).all())
    return Counts(
        residents=session.scalar(_within(everybody, area_ids)) or 0,
        unprotected=unprotected,
        high_risk=high,
        away=gone,
        by_cause={cause: by_cause[cause] for cause in Cause if cause in by_cause},
    )


def retests(
    session: Session,
    viewer: Viewer,
    *,
    ahead: timedelta,
    now: datetime,
    area_ids: Collection[str] | None = None,
    limit: int = 200,
) -> list[RetestView]:
    """Homes' sensors whose next test falls due within `ahead`, or is late: the latest first."""
    later = aliased(CommissioningTest)
    is_newest = ~exists().where(
        later.position_id == CommissioningTest.position_id,
        later.ended == SIGNED,
        later.id > CommissioningTest.id,
    )
    # EXISTS and no join, so that the index is walked in order and no further than the list goes: of a join on
    # two columns PostgreSQL expects next to nothing, and sorts everything.
    hangs_there = exists().where(
        Attachment.position_id == CommissioningTest.position_id,
        Attachment.device_id == CommissioningTest.device_id,
        Attachment.until.is_(None),
    )
    query = (
        select(Position.id, Position.name, Resident.id, Resident.name, Area.name, CommissioningTest.due_at)
        .join(Position, Position.id == CommissioningTest.position_id)
        .join(Resident, Resident.id == Position.resident_id)
        .join(Area, Area.id == Resident.area_id)
        .where(
            CommissioningTest.ended == SIGNED,
            ~CommissioningTest.superseded,
            CommissioningTest.due_at <= now + ahead,
            hangs_there,
            is_newest,
            Resident.left_at.is_(None),
        )
        .order_by(CommissioningTest.due_at, CommissioningTest.position_id)
        .limit(limit)
    )
    return [
        RetestView(
            position_id=row[0],
            position=row[1],
            resident_id=row[2],
            name=row[3] if viewer.unmasked else row[3][:1] + MASK,
            area=row[4],
            due_at=row[5],
            late=row[5] <= now,
        )
        for row in session.execute(_within(query, area_ids))
        if row[5] is not None
    ]


def names_of(session: Session, viewer: Viewer, resident_ids: Collection[str]) -> dict[str, tuple[str, str]]:
    """Name (masked where needed) and area of these residents."""
    query = (
        select(Resident.id, Resident.name, Area.name)
        .join(Area, Area.id == Resident.area_id)
        .where(Resident.id.in_(resident_ids))
    )
    return {
        row[0]: (row[1] if viewer.unmasked else row[1][:1] + MASK, row[2]) for row in session.execute(query)
    }


def _within(query: S, area_ids: Collection[str] | None) -> S:
    return query if area_ids is None else query.where(Resident.area_id.in_(area_ids))


def _gap(
    gap: Gap,
    names: dict[tuple[str, str], str],
    tasks: dict[tuple[str, str], TaskRef],
    ends: dict[str, tuple[str, datetime]],
) -> GapView:
    thing = (gap.thing_kind, gap.thing_id)
    return GapView(
        cause=gap.cause,
        since=gap.since,
        thing_kind=gap.thing_kind,
        thing_id=gap.thing_id,
        thing=_named(gap, names, ends),
        task=tasks.get(thing) if gap.thing_kind != "resident" else None,
        until=ends[gap.thing_id][1] if gap.thing_kind == "window" and gap.thing_id in ends else None,
    )


def _named(gap: Gap, names: dict[tuple[str, str], str], ends: dict[str, tuple[str, datetime]]) -> str:
    if gap.thing_kind == "resident":
        return ""
    if gap.thing_kind == "window":
        return ends[gap.thing_id][0] if gap.thing_id in ends else ""
    return names.get((gap.thing_kind, gap.thing_id), gap.thing_id)


def _ends(session: Session, standings: Collection[Standing]) -> dict[str, tuple[str, datetime]]:
    """By number of a window: why work is declared, and until when."""
    ids = _wanted(standings, "window")
    query = select(Window.id, Window.reason, Window.until).where(Window.id.in_({int(one) for one in ids}))
    return {str(row[0]): (row[1], row[2]) for row in session.execute(query)} if ids else {}


def _wanted(standings: Collection[Standing] | Any, kind: str) -> set[str]:
    return {gap.thing_id for one in standings for gap in one.gaps if gap.thing_kind == kind}


def _things(session: Session, standings: Collection[Standing]) -> dict[tuple[str, str], str]:
    found: dict[tuple[str, str], str] = {}
    for kind, model in (("position", Position), ("gateway", Gateway)):
        ids = _wanted(standings, kind)
        rows: Sequence[Any] = (
            session.execute(select(model.id, model.name).where(model.id.in_(ids))).all() if ids else ()
        )
        found |= {(kind, row[0]): row[1] for row in rows}
    return found


def _tasks(
    session: Session, viewer: Viewer, standings: Collection[Standing]
) -> dict[tuple[str, str], TaskRef]:
    """Open tasks about the residents, and open maintenance about what fails them."""
    things = _wanted(standings, "position") | _wanted(standings, "gateway")
    people = {one.resident_id for one in standings}
    query = (
        select(Task.id, Task.subject_kind, Task.subject_id, Task.kind, Task.state, User.name)
        .outerjoin(User, User.id == Task.assignee_id)
        .where(
            Task.closed_at.is_(None),
            ((Task.kind == "maintenance") & Task.subject_id.in_(things))
            | ((Task.subject_kind == "resident") & Task.subject_id.in_(people)),
        )
        .order_by(Task.id.desc())
    )
    return {
        (row[1], row[2]): TaskRef(
            id=row[0], state=row[4], assignee=row[5] or "", visible=row[3] in viewer.task_kinds
        )
        for row in session.execute(query)
    }
