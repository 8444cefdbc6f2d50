"""Where residents stand now, as the record of unprotected times says: what the other parts ask."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from server.coverage.core import ORDER, Cause, Gap
from server.coverage.policy import CoveragePolicy
from server.db.models import Absence, Resident, UnprotectedSpan
from server.policies.service import current


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """One resident: protected where there is no gap. `away_until` while they are not at home."""

    resident_id: str
    gaps: tuple[Gap, ...] = ()
    away_until: datetime | None = None

    @property
    def protected(self) -> bool:
        """Whether all that protects them works."""
        return not self.gaps

    @property
    def since(self) -> datetime | None:
        """Since when they are unprotected: the oldest gap that still is one."""
        return min((gap.since for gap in self.gaps), default=None)


def standing(
    session: Session, *, resident_ids: Collection[str] | None = None, now: datetime
) -> dict[str, Standing]:
    """How these residents stand; without `resident_ids` all that are unprotected now. Two queries over open
    rows, whatever the number of homes."""
    query = select(
        UnprotectedSpan.resident_id,
        UnprotectedSpan.cause,
        UnprotectedSpan.thing_kind,
        UnprotectedSpan.thing_id,
        UnprotectedSpan.since,
    ).where(UnprotectedSpan.until.is_(None))
    if resident_ids is not None:
        query = query.where(UnprotectedSpan.resident_id.in_(resident_ids))
    found: dict[str, list[Gap]] = {}
    for row in session.execute(query):
        found.setdefault(row[0], []).append(Gap(row[0], Cause(row[1]), row[2], row[3], row[4]))
    asked = found if resident_ids is None else resident_ids
    away = away_now(session, resident_ids, now=now)
    return {
        resident: Standing(
            resident_id=resident,
            gaps=in_order(found.get(resident, ())),
            away_until=away.get(resident),
        )
        for resident in asked
    }


def in_order(gaps: Iterable[Gap]) -> tuple[Gap, ...]:
    """The most telling cause first, of one cause the oldest."""
    return tuple(sorted(gaps, key=lambda gap: (ORDER[gap.cause], gap.since, gap.thing_id)))


def away_now(
    session: Session, resident_ids: Collection[str] | None = None, *, now: datetime
) -> dict[str, datetime]:
    """Who is not at home, and until when."""
    query = select(Absence.resident_id, Absence.until).where(
        Absence.since <= now, Absence.until > now, Absence.ended_at.is_(None)
    )
    if resident_ids is not None:
        query = query.where(Absence.resident_id.in_(resident_ids))
    found: dict[str, datetime] = {}
    for resident, until in session.execute(query):
        found[resident] = max(until, found.get(resident, until))
    return found


def unprotected(
    session: Session, *, now: datetime, causes: Collection[str] | None = None, at_home: bool = True
) -> dict[str, datetime]:
    """Who is unprotected for one of these causes (the policy's `calls_for`, if none are named) and since
    when: whom somebody has to call. With `at_home` without those who are away."""
    wanted = current(session, CoveragePolicy).calls_for if causes is None else list(causes)
    rows = session.execute(
        select(UnprotectedSpan.resident_id, UnprotectedSpan.since)
        .join(Resident, Resident.id == UnprotectedSpan.resident_id)
        .where(
            UnprotectedSpan.until.is_(None),
            UnprotectedSpan.cause.in_(wanted),
            UnprotectedSpan.since <= now,
            Resident.left_at.is_(None),
        )
    )
    found: dict[str, datetime] = {}
    for resident, since in rows:
        found[resident] = min(since, found.get(resident, since))
    if at_home:
        for resident in away_now(session, found, now=now):
            found.pop(resident, None)
    return found
