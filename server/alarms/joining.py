"""Which task an alarm belongs to: that of the home, and the one that it comes back to after it was closed."""

from datetime import datetime, timedelta

from sqlalchemy import bindparam, exists, select
from sqlalchemy.orm import Session, aliased

from gateway.rules.model import TaskKind
from server.alarms.policy import JoiningPolicy
from server.db.models import Position, Resident, Task
from server.policies.service import current

_OWN = aliased(Resident)
_AT_HOME = (
    select(Task.subject_id, Task.last_at)
    .join(Resident, Resident.id == Task.subject_id)
    .join(_OWN, (_OWN.address == Resident.address) & (_OWN.area_id == Resident.area_id))
    .where(
        _OWN.id == bindparam("resident_id"),
        _OWN.address != "",
        Task.kind == TaskKind.CARE,
        Task.subject_kind == "resident",
        Task.closed_at.is_(None),
        Task.test.is_(False),
        Task.muted.is_(False),  # work at one's home keeps nobody else there quiet
    )
    .order_by(Task.last_at.desc())
)
_OTHER = aliased(Resident)
SHARED = (
    exists()
    .where(
        _OWN.id == Position.resident_id,
        _OWN.address != "",
        _OTHER.address == _OWN.address,
        _OTHER.area_id == _OWN.area_id,
        _OTHER.id != _OWN.id,
        Task.subject_id == _OTHER.id,
        Task.kind == TaskKind.CARE,
        Task.subject_kind == "resident",
        Task.closed_at.is_(None),
        Task.test.is_(False),
        Task.muted.is_(False),  # work at one's home keeps nobody else there quiet
    )
    .correlate(Position)
)
"""Whether somebody else at the address of a position's resident has an open care task: where nobody has,
`home_of` is the resident's own, and need not be asked."""
_ENDED = (
    select(Task.id, Task.closed_at)
    .where(
        Task.kind == bindparam("kind"),
        Task.subject_kind == bindparam("subject_kind"),
        Task.subject_id == bindparam("subject_id"),
        Task.state == "closed",
    )
    .order_by(Task.id.desc())
    .limit(1)
)


def home_of(session: Session, resident_id: str, *, now: datetime) -> str:
    """The resident whose open care task an alarm of `resident_id` joins: their own; else that of somebody at
    the same address whose task is young enough; else their own, to be opened."""
    window = timedelta(minutes=current(session, JoiningPolicy).home_minutes)
    if not window:
        return resident_id
    found = session.connection().execute(_AT_HOME, {"resident_id": resident_id}).all()
    if not found or any(row.subject_id == resident_id for row in found):
        return resident_id
    return found[0].subject_id if now - found[0].last_at < window else resident_id


def closed_before(
    session: Session, *, kind: str, subject_kind: str, subject_id: str, now: datetime
) -> int | None:
    """The task that a person closed so lately that a new alarm of the subject comes back to it."""
    asked = {"kind": kind, "subject_kind": subject_kind, "subject_id": subject_id}
    row = session.connection().execute(_ENDED, asked).one_or_none()
    if row is None or row.closed_at is None:
        return None
    window = timedelta(minutes=current(session, JoiningPolicy).refer_minutes)
    return row.id if now - row.closed_at <= window else None
