"""The list of residents: found by name, address or id, without their details."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Literal

from sqlalchemy import Row, and_, exists, or_, select
from sqlalchemy.orm import Session

from server.db.models import Absence, Area, Consent, Resident, UnprotectedSpan
from server.residents.absences import Away, away
from server.residents.consents import given
from server.tasks.views import MASK
from server.users import areas
from server.users.viewer import Viewer

AT_ONCE: Final = 100
Care = Literal["now", "ended", "all"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What is looked for. Empty: everybody who is looked after now."""

    search: str = ""
    area_id: str = ""
    risk: str = ""
    away: bool = False
    no_consent: bool = False
    unprotected: bool = False
    care: Care = "now"


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """A resident in the list; name and address only for those who care for people. `unprotected` are the
    causes for which nothing protects them now."""

    id: str
    name: str
    address: str
    area_id: str
    area: str
    risk: str
    away: Away | None
    consent: bool
    unprotected: tuple[str, ...]
    left_at: datetime | None


def listed(
    session: Session,
    viewer: Viewer,
    wanted: Wanted,
    *,
    now: datetime,
    after: str = "",
    limit: int = AT_ONCE,
) -> list[Line]:
    """The residents by id, from after `after` on; at most `limit`."""
    query = (
        select(
            Resident.id,
            Resident.name,
            Resident.address,
            Resident.area_id,
            Resident.risk,
            Resident.left_at,
            Area.name.label("area"),
        )
        .join(Area, Area.id == Resident.area_id)
        .where(Resident.id > after, Resident.erased_at.is_(None))
        .order_by(Resident.id)
        .limit(limit)
    )
    if wanted.care != "all":
        query = query.where(
            Resident.left_at.is_(None) if wanted.care == "now" else Resident.left_at.is_not(None)
        )
    if wanted.search:
        columns = (Resident.id, Resident.name, Resident.address) if viewer.unmasked else (Resident.id,)
        query = query.where(or_(*(one.icontains(wanted.search, autoescape=True) for one in columns)))
    if wanted.area_id:
        query = query.where(Resident.area_id.in_(areas.subtree(session, wanted.area_id)))
    if wanted.risk:
        query = query.where(Resident.risk == wanted.risk)
    if wanted.away:
        lasts = and_(
            Absence.resident_id == Resident.id,
            Absence.since <= now,
            Absence.until > now,
            or_(Absence.ended_at.is_(None), Absence.ended_at > now),
        )
        query = query.where(exists().where(lasts))
    if wanted.no_consent:
        stands = and_(
            Consent.resident_id == Resident.id, Consent.kind == "care", Consent.withdrawn_at.is_(None)
        )
        query = query.where(~exists().where(stands))
    if wanted.unprotected:
        bare = and_(UnprotectedSpan.resident_id == Resident.id, UnprotectedSpan.until.is_(None))
        query = query.where(exists().where(bare))
    rows: Sequence[Row[Any]] = [*session.execute(query)]
    return _lines(session, viewer, rows, now=now)


def causes(session: Session, resident_ids: Collection[str]) -> dict[str, tuple[str, ...]]:
    """Why those of the residents are unprotected who are so now."""
    query = select(UnprotectedSpan.resident_id, UnprotectedSpan.cause).where(
        UnprotectedSpan.until.is_(None), UnprotectedSpan.resident_id.in_(resident_ids)
    )
    found: dict[str, tuple[str, ...]] = {}
    for resident_id, cause in session.execute(query.distinct().order_by(UnprotectedSpan.cause)):
        found[resident_id] = (*found.get(resident_id, ()), cause)
    return found


def _lines(session: Session, viewer: Viewer, rows: Sequence[Row[Any]], *, now: datetime) -> list[Line]:
    ids = [row.id for row in rows]
    absent = away(session, ids, now)
    agreed = given(session, ids)
    bare = causes(session, ids)
    return [
        Line(
            id=row.id,
            name=row.name if viewer.unmasked else row.name[:1] + MASK,
            address=row.address if viewer.unmasked else MASK,
            area_id=row.area_id,
            area=row.area,
            risk=row.risk,
            away=absent.get(row.id),
            consent=row.id in agreed,
            unprotected=bare.get(row.id, ()),
            left_at=row.left_at,
        )
        for row in rows
    ]
