"""The register of absences: who is not at home, until when. An absence ends by itself: it is judged with now.

It suspends what is concluded from silence (no movement, no water), never a press, a fall or smoke.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import bindparam, func, or_, select, update
from sqlalchemy.orm import Session

from server.audit import service as audit
from server.db.database import Change, announce
from server.db.models import Absence, Occurrence, Position, Resident, Rhythm
from server.errors import ConflictError, InvalidError, NotFoundError
from server.policies.service import current
from server.residents.policy import ResidentPolicy
from server.residents.schemas import AbsenceIn
from server.users.roles import Right
from server.users.viewer import Viewer


@dataclass(frozen=True, slots=True, kw_only=True)
class Away:
    """A resident is not at home from `since` to `until` (when they came home early: to then)."""

    id: int
    resident_id: str
    kind: str
    since: datetime
    until: datetime


_END = func.coalesce(Absence.ended_at, Absence.until)
_COLUMNS = (Absence.id, Absence.resident_id, Absence.kind, Absence.since, _END.label("end"))
_SPANS = select(*_COLUMNS).where(
    Absence.resident_id.in_(bindparam("ids", expanding=True)),
    Absence.since < bindparam("before", type_=Absence.since.type),
    Absence.until > bindparam("after", type_=Absence.until.type),
    or_(Absence.ended_at.is_(None), Absence.ended_at > bindparam("after", type_=Absence.until.type)),
)  # fmt: skip
_AT_ONCE = 500
"""Ids in one statement: some databases take no more than a few thousand."""


def away(session: Session, resident_ids: Collection[str], at: datetime) -> dict[str, Away]:
    """Those of the residents who are not at home at this moment; where two absences overlap, the one that
    ends last."""
    found: dict[str, Away] = {}
    for one in spans(session, resident_ids, since=at, until=at + timedelta(microseconds=1)):
        if one.since <= at and (one.resident_id not in found or found[one.resident_id].until < one.until):
            found[one.resident_id] = one
    return found


def spans(session: Session, resident_ids: Collection[str], *, since: datetime, until: datetime) -> list[Away]:
    """The absences that touch the time from `since` up to before `until`, by beginning."""
    ids = list(resident_ids)
    found: list[Away] = []
    for start in range(0, len(ids), _AT_ONCE):
        values = {"ids": ids[start : start + _AT_ONCE], "before": until, "after": since}
        rows = session.connection().execute(_SPANS, values)
        found += [
            Away(id=row.id, resident_id=row.resident_id, kind=row.kind, since=row.since, until=row.end)
            for row in rows
        ]
    return sorted(found, key=lambda one: (one.since, one.id))


def of(session: Session, resident_id: str) -> Sequence[Absence]:
    """A resident's absences, the newest first."""
    query = select(Absence).where(Absence.resident_id == resident_id)
    return session.scalars(query.order_by(Absence.since.desc(), Absence.id.desc())).all()


def put(session: Session, viewer: Viewer, resident_id: str, wanted: AbsenceIn, *, now: datetime) -> Absence:
    """Notes an absence. Raises NotFoundError; InvalidError where it is over already or too long;
    ConflictError where one is noted for a part of that time: extend that one."""
    viewer.require(Right.VIEW_RESIDENTS)
    resident = session.get(Resident, resident_id, with_for_update=True)  # two at once: one after the other
    if resident is None or resident.erased_at is not None:
        raise NotFoundError(f"there is no resident {resident_id!r}")
    _check_end(session, wanted.since, wanted.until, now=now)
    for other in spans(session, [resident_id], since=wanted.since, until=wanted.until):
        raise ConflictError(
            f"an absence is noted from {other.since:%Y-%m-%d} to {other.until:%Y-%m-%d}: extend or end it",
            absence=other.id,
        )
    row = Absence(
        resident_id=resident_id,
        kind=wanted.kind,
        since=wanted.since,
        until=wanted.until,
        note=wanted.note,
        created_at=now,
        created_by=viewer.user_id,
    )
    session.add(row)
    session.flush()
    _written(session, viewer, "absence", row, now=now)
    return row


def extend(session: Session, viewer: Viewer, absence_id: int, *, until: datetime, now: datetime) -> Absence:
    """Gives an absence that is not over another end. Raises NotFoundError, ConflictError, InvalidError."""
    viewer.require(Right.VIEW_RESIDENTS)
    row = _open(session, absence_id, now=now)
    _check_end(session, row.since, until, now=now)
    row.until = until
    _look_anew(session, row.resident_id, now=now)
    _written(session, viewer, "absence_extended", row, now=now)
    return row


def end(session: Session, viewer: Viewer, absence_id: int, *, now: datetime) -> Absence:
    """The resident is home again, earlier than was noted. Raises NotFoundError, ConflictError."""
    viewer.require(Right.VIEW_RESIDENTS)
    row = _open(session, absence_id, now=now)
    row.ended_at, row.ended_by = now, viewer.user_id
    session.flush()
    _look_anew(session, row.resident_id, now=now)
    _count_anew(session, row.resident_id, now=now)
    _written(session, viewer, "absence_ended", row, now=now)
    return row


def _look_anew(session: Session, resident_id: str, *, now: datetime) -> None:
    """Whether they are missed was not to be looked at before the end that was noted first."""
    session.execute(update(Rhythm).where(Rhythm.resident_id == resident_id).values(due_at=now))


def _count_anew(session: Session, resident_id: str, *, now: datetime) -> None:
    """What gateways concluded from quiet meanwhile is looked at sooner: home earlier than was noted."""
    anew = now + timedelta(hours=current(session, ResidentPolicy).away_anew_hours)
    places = select(Position.id).where(Position.resident_id == resident_id)
    session.execute(
        update(Occurrence)
        .where(Occurrence.suspended_until > anew, Occurrence.position_id.in_(places))
        .values(suspended_until=anew)
    )


def _open(session: Session, absence_id: int, *, now: datetime) -> Absence:
    row = session.get(Absence, absence_id, with_for_update=True)
    if row is None:
        raise NotFoundError(f"there is no absence {absence_id}")
    if row.ended_at is not None or row.until <= now:
        raise ConflictError("this absence is over: note a new one", absence=absence_id)
    return row


def _check_end(session: Session, since: datetime, until: datetime, *, now: datetime) -> None:
    if until <= now or until <= since:
        raise InvalidError("the end has to be after now and after the beginning", where="until")
    longest = current(session, ResidentPolicy).longest_absence_days
    if until - since > timedelta(days=longest):
        raise InvalidError(f"at most {longest} days at once: extend it when it is needed", where="until")


def _written(session: Session, viewer: Viewer, action: str, row: Absence, *, now: datetime) -> None:
    subject = ("resident", row.resident_id)
    audit.write(session, viewer, action=action, subject=subject, now=now, absence=row.id)
    announce(session, Change("resident", row.resident_id, "absence"))
