"""Unprotected hours over a stretch of time, per resident and in all. Overlapping gaps count once.

The sums are made in SQL: each span, cut to the stretch, adds what no earlier one of the same resident has
covered. Hours in which the resident was away are in the sums, and told apart beside them.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, and_, case, func, literal, or_, select
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
) -> Hours:
    """The hours from `start` to `end`, at the latest until `now`; `shares` those with any, most first."""
    end = min(end, now)
    looked_after = _looked_after(session, start, end, area_ids)
    unprotected = _unprotected(session, start, end, looked_after.keys() if area_ids is not None else None)
    away = _away(session, start, end)
    shares = []
    for resident, total in looked_after.items():
        absences = away.get(resident, ())
        gone = min(both(absences, [(start, end)]), total) if absences else timedelta(0)
        lost = min(unprotected.get(resident, timedelta(0)), total)
        lost_away = _spans_of(session, resident, start, end, absences) if absences and lost else timedelta(0)
        shares.append(
            Share(
                resident_id=resident,
                looked_after=total,
                unprotected=lost,
                away=gone,
                unprotected_away=min(lost_away, lost),
            )
        )
    zero = timedelta(0)
    return Hours(
        residents=len(shares),
        looked_after=sum((one.looked_after for one in shares), zero),
        unprotected=sum((one.unprotected for one in shares), zero),
        away=sum((one.away for one in shares), zero),
        unprotected_away=sum((one.unprotected_away for one in shares), zero),
        shares=tuple(
            sorted(
                (one for one in shares if one.unprotected),
                key=lambda one: (-one.unprotected, one.resident_id),
            )
        ),
    )


def _looked_after(
    session: Session, start: datetime, end: datetime, area_ids: Collection[str] | None
) -> dict[str, timedelta]:
    """How long each resident was looked after: from the first place in the home on, or, where there is none,
    from the first gap, until they left."""
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
    query = (
        select(Resident.id, Resident.left_at, first_place.c.at, first_gap.c.at)
        .outerjoin(first_place, first_place.c.resident_id == Resident.id)
        .outerjoin(first_gap, first_gap.c.resident_id == Resident.id)
        .where(or_(Resident.left_at.is_(None), Resident.left_at > start))
    )
    if area_ids is not None:
        query = query.where(Resident.area_id.in_(area_ids))
    found = {}
    for resident, left_at, place_at, gap_at in session.execute(query):
        first = min((at for at in (place_at, gap_at) if at is not None), default=None)
        if first is None:
            continue
        span = min(end, left_at or end) - max(start, first)
        if span > timedelta(0):
            found[resident] = span
    return found


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


def _unprotected(
    session: Session, start: datetime, end: datetime, residents: Collection[str] | None
) -> dict[str, timedelta]:
    first, last = (literal(moments.of(moment)) for moment in (start, end))
    since, until = micros(UnprotectedSpan.since), micros(UnprotectedSpan.until)
    cut = (
        select(
            UnprotectedSpan.id,
            UnprotectedSpan.resident_id,
            case((since < first, first), else_=since).label("since"),
            case((UnprotectedSpan.until.is_(None), last), (until > last, last), else_=until).label("until"),
        )
        .where(
            and_(
                UnprotectedSpan.since < end,
                or_(UnprotectedSpan.until.is_(None), UnprotectedSpan.until > start),
            )
        )
        .subquery()
    )
    added = select(
        cut.c.resident_id,
        covered(cut.c.since, cut.c.until, cut.c.resident_id, cut.c.id).label("added"),
    ).subquery()
    query = select(added.c.resident_id, func.sum(added.c.added)).group_by(added.c.resident_id)
    found = {resident: int(total) * MICROSECOND for resident, total in session.execute(query)}
    return found if residents is None else {one: total for one, total in found.items() if one in residents}


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
