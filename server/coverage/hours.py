"""Unprotected hours over a stretch of time, per resident and in all. Overlapping gaps count once.

The sums are made in SQL: each span, cut to the stretch, adds what no earlier one of the same resident has
covered. Hours in which the resident was away are in the sums, and told apart beside them.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Row, Subquery, case, func, literal, or_, select
from sqlalchemy.orm import Session

from server.coverage.core import Span, both
from server.db import moments
from server.db.models import Absence, Position, Resident, UnprotectedSpan
from server.db.moments import MICROSECOND, micros


@dataclass(frozen=True, slots=True, kw_only=True)
class Share:
    """One resident's time in the stretch: looked after, unprotected, and of each while away from home."""

    resident_id: str
    looked_after: timedelta
    unprotected: timedelta = timedelta(0)
    away: timedelta = timedelta(0)
    unprotected_away: timedelta = timedelta(0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Hours:
    """All residents of the question. Away from home nobody needs their sensors: those times are not in
    `protected_share`."""

    residents: int
    looked_after: timedelta
    unprotected: timedelta
    away: timedelta
    unprotected_away: timedelta
    shares: tuple[Share, ...]

    @property
    def protected_share(self) -> float | None:
        """Of the time at home, how much was protected (0 to 1); None where there was none."""
        at_home = self.looked_after - self.away
        if at_home <= timedelta(0):
            return None
        return 1 - (self.unprotected - self.unprotected_away) / at_home


def hours(
    session: Session,
    *,
    start: datetime,
    end: datetime,
    now: datetime,
    area_ids: Collection[str] | None = None,
    limit: int | None = None,
) -> Hours:
    """The hours from `start` to `end`, at the latest until `now`; `shares` those with any, most first, at
    most `limit`."""
    end = min(end, now)
    looked = _looked_after(start, end, area_ids)
    lost = _unprotected(start, end)
    known = func.coalesce(lost.c.total, 0)
    cut = case((known > looked.c.total, looked.c.total), else_=known)
    joined = looked.outerjoin(lost, lost.c.resident_id == looked.c.resident_id)
    count, looked_after, unprotected = session.execute(
        select(
            func.count(), func.coalesce(func.sum(looked.c.total), 0), func.coalesce(func.sum(cut), 0)
        ).select_from(joined)
    ).one()
    away = _away(session, start, end)
    each = select(looked.c.resident_id, looked.c.total, cut).select_from(joined)
    query = each.where(cut > 0).order_by(cut.desc(), looked.c.resident_id).limit(limit)
    shares = [_share(session, row, away, start, end) for row in session.execute(query)]
    gone = [
        _share(session, row, away, start, end)
        for row in session.execute(each.where(looked.c.resident_id.in_(list(away))))
    ]
    return Hours(
        residents=count,
        looked_after=int(looked_after) * MICROSECOND,
        unprotected=int(unprotected) * MICROSECOND,
        away=sum((one.away for one in gone), timedelta(0)),
        unprotected_away=sum((one.unprotected_away for one in gone), timedelta(0)),
        shares=tuple(shares),
    )


def _share(
    session: Session,
    row: Row[*tuple[Any, ...]],
    away: Mapping[str, list[Span]],
    start: datetime,
    end: datetime,
) -> Share:
    resident, total, lost = row[0], int(row[1]) * MICROSECOND, int(row[2]) * MICROSECOND
    absences = away.get(resident, [])
    return Share(
        resident_id=resident,
        looked_after=total,
        unprotected=lost,
        away=min(both(absences, [(start, end)]), total),
        unprotected_away=(
            min(_spans_of(session, resident, start, end, absences), lost)
            if absences and lost
            else timedelta(0)
        ),
    )


def _looked_after(start: datetime, end: datetime, area_ids: Collection[str] | None) -> Subquery:
    """How long each resident was looked after: from the first place in the home on, or, where there is none
    or it is older, from the first gap, until they left."""
    first_place = (
        select(Position.resident_id, func.min(Position.created_at).label("at"))
        .group_by(Position.resident_id)
        .subquery()
    )
    first_gap = (
        select(UnprotectedSpan.resident_id, func.min(UnprotectedSpan.since).label("at"))
        .group_by(UnprotectedSpan.resident_id)
        .subquery()
    )
    place, gap = micros(first_place.c.at), micros(first_gap.c.at)
    low, high = literal(moments.of(start)), literal(moments.of(end))
    first = case(
        (first_place.c.at.is_(None), gap), (first_gap.c.at.is_(None), place), (gap < place, gap), else_=place
    )
    left = micros(Resident.left_at)
    begin = case((first < low, low), else_=first)
    until = case((Resident.left_at.is_(None), high), (left > high, high), else_=left)
    query = (
        select(Resident.id.label("resident_id"), (until - begin).label("total"))
        .outerjoin(first_place, first_place.c.resident_id == Resident.id)
        .outerjoin(first_gap, first_gap.c.resident_id == Resident.id)
        .where(
            or_(first_place.c.at.is_not(None), first_gap.c.at.is_not(None)),
            or_(Resident.left_at.is_(None), Resident.left_at > start),
            until > begin,
        )
    )
    if area_ids is not None:
        query = query.where(Resident.area_id.in_(area_ids))
    return query.subquery()


def covered(
    since: ColumnElement[Any], until: ColumnElement[Any], owner: ColumnElement[Any], order: ColumnElement[Any]
) -> ColumnElement[int]:
    """What a span adds to its owner's sum beyond all earlier ones, in microseconds."""
    reach = func.max(until).over(partition_by=owner, order_by=(since, order), rows=(None, -1))
    return case(
        (or_(reach.is_(None), reach <= since), until - since),
        (reach < until, until - reach),
        else_=literal(0),
    )


def _unprotected(start: datetime, end: datetime) -> Subquery:
    first, last = literal(moments.of(start)), literal(moments.of(end))
    since, until = micros(UnprotectedSpan.since), micros(UnprotectedSpan.until)
    cut = (
        select(
            UnprotectedSpan.id,
            UnprotectedSpan.resident_id,
            case((since < first, first), else_=since).label("since"),
            case((UnprotectedSpan.until.is_(None), last), (until > last, last), else_=until).label("until"),
        )
        .where(
            UnprotectedSpan.since < end,
            or_(UnprotectedSpan.until.is_(None), UnprotectedSpan.until > start),
        )
        .subquery()
    )
    added = select(
        cut.c.resident_id,
        covered(cut.c.since, cut.c.until, cut.c.resident_id, cut.c.id).label("added"),
    ).subquery()
    total = func.sum(added.c.added).label("total")
    return select(added.c.resident_id, total).group_by(added.c.resident_id).subquery()


def _away(session: Session, start: datetime, end: datetime) -> dict[str, list[Span]]:
    found: dict[str, list[Span]] = {}
    query = select(Absence.resident_id, Absence.since, Absence.until, Absence.ended_at).where(
        Absence.since < end, Absence.until > start
    )
    for resident, since, until, ended_at in session.execute(query):
        over = min(until, ended_at or until)
        found.setdefault(resident, []).append((max(since, start), min(over, end)))
    return found


def _spans_of(
    session: Session, resident: str, start: datetime, end: datetime, absences: Collection[Span]
) -> timedelta:
    query = select(UnprotectedSpan.since, UnprotectedSpan.until).where(
        UnprotectedSpan.resident_id == resident, UnprotectedSpan.since < end
    )
    spans = [(max(since, start), min(until or end, end)) for since, until in session.execute(query)]
    return both(spans, absences)
