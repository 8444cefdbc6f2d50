"""Erasing what makes a resident a person: irreversible (个人信息保护法 art. 47).

Name, address, telephone, notes, access, contacts, absences, consents, the learned rhythm and photos go, and
what people wrote in the tasks' notes. Tasks, alarms and unprotected times keep their numbers under the id,
which then stands for nobody. Positions are detached from the id, so that readings belong to a place alone:
they hold no name, and go when the time-series store's own retention ends.
"""

from datetime import datetime
from typing import Any, Final

from sqlalchemy import delete, or_, select, update
from sqlalchemy.orm import Session

from server.audit import service as audit
from server.db.database import Change, announce
from server.db.models import (
    Absence,
    Attachment,
    AuditEntry,
    CommissioningTest,
    Consent,
    Contact,
    KeyHolder,
    Position,
    Resident,
    Rhythm,
    StoredPlaybook,
    Task,
    TaskEvent,
    TaskPhoto,
)
from server.db.sealed import WORDS
from server.errors import ConflictError, NotFoundError
from server.users.roles import Right
from server.users.viewer import Viewer

ERASED: Final = "已删除"
_OF_THE_RESIDENT: Final = (Contact, Absence, Consent, Rhythm, KeyHolder)


def erase(session: Session, viewer: Viewer, resident_id: str, *, now: datetime) -> list[str]:
    """Erases a resident's data, for a person who may; gives the names of photos to delete once this is
    committed. Raises NotFoundError; ConflictError where it was done, or devices are still at the home."""
    viewer.require(Right.PRIVACY)
    photos = erase_now(session, resident_id, now=now)
    audit.write(session, viewer, action="erased", subject=("resident", resident_id), now=now)
    return photos


def attached(session: Session, resident_id: str) -> list[str]:
    """The positions at the home that a device is still at."""
    query = (
        select(Position.id)
        .join(Attachment, (Attachment.position_id == Position.id) & Attachment.until.is_(None))
        .where(Position.resident_id == resident_id)
        .order_by(Position.id)
    )
    return list(session.scalars(query))


def open_task(session: Session, resident_id: str) -> int | None:
    """The number of a task at the home that is not closed, if there is one."""
    still_open = select(Task.id).where(Task.id.in_(_tasks(session, resident_id)), Task.closed_at.is_(None))
    return session.scalar(still_open.order_by(Task.id).limit(1))


def erase_now(session: Session, resident_id: str, *, now: datetime) -> list[str]:
    """The erasure itself. Raises NotFoundError, ConflictError."""
    row = session.get(Resident, resident_id, with_for_update=True)
    if row is None:
        raise NotFoundError(f"there is no resident {resident_id!r}")
    if row.erased_at is not None:
        raise ConflictError(f"the data of resident {resident_id!r} was erased already")
    if still := attached(session, resident_id):
        raise ConflictError(f"devices are still at {', '.join(still)}: take them away first", positions=still)
    if is_open := open_task(session, resident_id):
        raise ConflictError(f"task {is_open} is not closed: end it first", task=is_open)
    tasks = _tasks(session, resident_id)
    photos = _photos(session, resident_id, tasks)
    _forget_words(session, tasks)
    _forget_reasons(session, resident_id)
    for model in _OF_THE_RESIDENT:
        session.execute(delete(model).where(model.resident_id == resident_id))
    session.execute(
        update(StoredPlaybook)
        .where(StoredPlaybook.resident_id == resident_id, StoredPlaybook.ended_at.is_(None))
        .values(ended_at=now)
    )
    session.execute(
        update(Position)
        .where(Position.resident_id == resident_id)
        .values(resident_id=None, name=ERASED, latitude=None, longitude=None)
    )
    row.name, row.address, row.access, row.phone, row.notes = ERASED, "", "", "", ""
    row.born = row.latitude = row.longitude = None
    row.risk = "normal"
    row.left_at = row.left_at or now
    row.erased_at = now
    session.flush()
    announce(session, Change("resident", resident_id, "erased"))
    return photos


def _tasks(session: Session, resident_id: str) -> list[int]:
    homes = select(Position.id).where(Position.resident_id == resident_id)
    query = select(Task.id).where(
        or_(
            (Task.subject_kind == "resident") & (Task.subject_id == resident_id),
            (Task.subject_kind == "position") & Task.subject_id.in_(homes),
        )
    )
    return list(session.scalars(query))


def _photos(session: Session, resident_id: str, tasks: list[int]) -> list[str]:
    """Takes the photos of the home out of the record."""
    names = list(session.scalars(select(TaskPhoto.file).where(TaskPhoto.task_id.in_(tasks))))
    session.execute(delete(TaskPhoto).where(TaskPhoto.task_id.in_(tasks)))
    homes = select(Position.id).where(Position.resident_id == resident_id)
    for test in session.scalars(select(CommissioningTest).where(CommissioningTest.position_id.in_(homes))):
        names += [test.photo] if test.photo else []
        test.photo, test.note = None, ""
    return names


def _forget_words(session: Session, tasks: list[int]) -> None:
    """What people wrote about the person in the timelines."""
    for event in session.scalars(select(TaskEvent).where(TaskEvent.task_id.in_(tasks))):
        event.detail = _without_words(event.detail)


def _forget_reasons(session: Session, resident_id: str) -> None:
    """Takes the words out of the audit log's lines about a resident; who looked and when stays."""
    query = select(AuditEntry).where(
        AuditEntry.subject_kind == "resident", AuditEntry.subject_id == resident_id
    )
    for entry in session.scalars(query):
        entry.reason = entry.reason if entry.reason.isascii() and entry.reason.isidentifier() else ""
        entry.detail = _without_words(entry.detail)


def _without_words(detail: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in detail.items() if name not in WORDS}
