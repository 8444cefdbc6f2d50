"""Every look at a resident's details leaves a trace: who, when, why.

Outside a live task a reason is needed; given once, the details stay open for some minutes, and each look
still leaves its line. A live task is reason enough: its page leaves one line a person, task and hour.
"""

from collections.abc import Collection
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from sqlalchemy import ColumnElement, select
from sqlalchemy.orm import Session

from server.audit import service as audit
from server.db.database import Database
from server.db.models import AuditEntry, Resident, Task
from server.errors import InvalidError, NotFoundError
from server.policies.service import current
from server.residents.policy import ResidentPolicy
from server.users.roles import Right
from server.users.viewer import Viewer

READ: Final = "read"
TASK_READ: Final = "read_in_task"
OTHER: Final = "other"


def begin(
    session: Session, viewer: Viewer, resident_id: str, *, code: str, words: str = "", now: datetime
) -> Resident:
    """Opens somebody's details for a reason from the list; `other` needs words. Raises NotFoundError,
    ForbiddenError, InvalidError."""
    viewer.require(Right.VIEW_RESIDENTS)
    codes = [reason.code for reason in current(session, ResidentPolicy).reasons]
    if code not in codes:
        raise InvalidError(f"choose a reason: {', '.join(codes)}", where="reason")
    if code == OTHER and len(words.strip()) < 3:
        raise InvalidError("say the reason in a few words", where="words")
    return _read(session, viewer, resident_id, reason=code, words=words.strip()[:200], now=now)


def read_for(session: Session, viewer: Viewer, resident_id: str, *, reason: str, now: datetime) -> Resident:
    """One look for a reason in words, as programs give it. Raises NotFoundError, ForbiddenError."""
    viewer.require(Right.VIEW_RESIDENTS)
    return _read(session, viewer, resident_id, reason=reason, now=now)


def is_open(session: Session, viewer: Viewer, resident_id: str, *, now: datetime) -> str | None:
    """The reason for which this person has these details open, if they have."""
    if not viewer.may(Right.VIEW_RESIDENTS):
        return None
    since = now - timedelta(minutes=current(session, ResidentPolicy).open_minutes)
    query = (
        select(AuditEntry)
        .where(*_of(viewer, resident_id), AuditEntry.action == READ, AuditEntry.at > since)
        .order_by(AuditEntry.id.desc())
    )
    return next((row.reason for row in session.scalars(query) if not row.detail.get("again")), None)


def read_again(session: Session, viewer: Viewer, resident_id: str, *, reason: str, now: datetime) -> Resident:
    """A further look while the details are open. Raises NotFoundError, ForbiddenError."""
    viewer.require(Right.VIEW_RESIDENTS)
    return _read(session, viewer, resident_id, reason=reason, now=now, again=True)


def note_seen(
    database: Database,
    viewer: Viewer,
    resident_ids: Collection[str],
    *,
    now: datetime,
    task_id: int | None = None,
    page: str = "",
) -> None:
    """The lines for somebody who sees details without giving a reason: in a live task, or on a page whose
    work it is (`page`). One a person, resident, task or page, and hour of the clock, however many processes
    see it at once."""
    if not resident_ids:
        return
    why: dict[str, Any] = {"page": page} if task_id is None else {"task": task_id}
    place = f"{page or task_id}/{now.astimezone(UTC):%Y-%m-%dT%H}"
    keys = audit.once_keys(viewer, TASK_READ, ("resident", resident_ids), place)
    with database.read() as session:
        new = audit.not_yet(session, keys)
    if not new:
        return
    with database.write() as session:
        audit.write_once(session, viewer, action=TASK_READ, kind="resident", keys=new, now=now, **why)


def note_task(database: Database, viewer: Viewer, task_id: int, *, now: datetime) -> None:
    """The line for somebody who opens a live task about a resident (`note_seen`)."""
    if not viewer.unmasked:
        return
    with database.read() as session:
        query = select(Task.subject_id).where(
            Task.id == task_id,
            Task.subject_kind == "resident",
            Task.closed_at.is_(None),
            Task.kind.in_(viewer.task_kinds),
        )
        resident_id = session.scalar(query)
    if resident_id is not None:
        note_seen(database, viewer, [resident_id], now=now, task_id=task_id)


def _read(
    session: Session, viewer: Viewer, resident_id: str, *, reason: str, now: datetime, **detail: object
) -> Resident:
    resident = session.get(Resident, resident_id)
    if resident is None:
        raise NotFoundError(f"there is no resident {resident_id!r}")
    kept = {name: value for name, value in detail.items() if value}
    audit.write(
        session, viewer, action=READ, subject=("resident", resident_id), reason=reason, now=now, **kept
    )
    return resident


def _of(viewer: Viewer, resident_id: str) -> tuple[ColumnElement[bool], ...]:
    return (
        AuditEntry.subject_kind == "resident",
        AuditEntry.subject_id == resident_id,
        AuditEntry.user_id == viewer.user_id,
    )
