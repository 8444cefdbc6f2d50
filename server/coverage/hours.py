"""Unprotected hours over a stretch of time, per resident and in all. Overlapping gaps count once.

The sums are made in SQL: each span, cut to the stretch, adds what no earlier one of the same resident has
covered. Hours in which the resident was away are in the sums, and told apart beside them.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Row, Select, Subquery, and_, case, func, literal, or_, select
from sqlalchemy.orm import Session

from server.coverage.core import Span, both
from server.db import moments
from server.db.among import among
from server.db.models import Absence, Position, Resident, UnprotectedSpan
from server.db.moments import MICROSECOND, micros, micros_between


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
    each = (
        select(looked.c.resident_id, looked.c.total, cut.label("lost"))
        .select_from(looked.outerjoin(lost, lost.c.resident_id == looked.c.resident_id))
        .subquery()
    )
    rows = session.execute(_with_sums(each, limit)).all()
    count, looked_after, unprotected = rows[0][3:] if rows else (0, 0, 0)
    away = _away(session, start, end)
    shares = [_share(session, row, away, start, end) for row in rows if row.lost > 0]
    gone = [
        _share(session, row, away, start, end)
        for row in (session.execute(select(each).where(among(each.c.resident_id, away))) if away else ())
    ]
    return Hours(
        residents=count,
        looked_after=int(looked_after) * MICROSECOND,
        unprotected=int(unprotected) * MICROSECOND,
        away=sum((one.away for one in gone), timedelta(0)),
        unprotected_away=sum((one.unprotected_away for one in gone), timedelta(0)),
        shares=tuple(shares),
    )


def _with_sums(each: Subquery, limit: int | None) -> Select[*tuple[Any, ...]]:
    """Those with anything lost, most first, and beside each of them how many there are and the sums of all;
    where nobody lost anything the sums beside one of them. One pass: making the rows takes the time."""
    ranked = select(
        each.c.resident_id,
        each.c.total,
        each.c.lost,
        func.count().over().label("residents"),
        func.sum(each.c.total).over().label("looked_after"),
        func.sum(each.c.lost).over().label("unprotected"),
        func.row_number().over(order_by=(each.c.lost.desc(), each.c.resident_id)).label("place"),
    ).subquery()
    columns = [column for column in ranked.c if column.name != "place"]
    shown = (ranked.c.lost > 0) if limit is None else and_(ranked.c.lost > 0, ranked.c.place <= limit)
    return select(*columns).where(or_(shown, ranked.c.place == 1)).order_by(ranked.c.place)


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
    place, gap, left = first_place.c.at, first_gap.c.at, Resident.left_at
    low, high = literal(start, left.type), literal(end, left.type)
    first = case((place.is_(None), gap), (gap.is_(None), place), (gap < place, gap), else_=place)
    begin = case((first < low, low), else_=first)
    until = case((left.is_(None), high), (left > high, high), else_=left)
    query = (
        select(Resident.id.label("resident_id"), micros_between(begin, until).label("total"))
        .outerjoin(first_place, first_place.c.resident_id == Resident.id)
        .outerjoin(first_gap, first_gap.c.resident_id == Resident.id)
        .where(
            or_(place.is_not(None), gap.is_not(None)),
            or_(left.is_(None), left > start),
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
