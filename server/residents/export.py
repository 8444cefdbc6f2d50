"""Everything that is kept about a resident, as one document for the person's right of access (个人信息保护法
art. 45). The bytes of photos are named, not carried along. Readings come beside it, in the ZIP that
`server.residents.copying` packs; `readings` says where the API has them."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from server.audit import service as audit
from server.db.base import Base
from server.db.models import (
    Absence,
    Alarm,
    Area,
    Attachment,
    AuditEntry,
    CommissioningTest,
    Consent,
    Contact,
    Device,
    Occurrence,
    Position,
    Resident,
    Rhythm,
    Task,
    TaskEvent,
    TaskPhoto,
    UnprotectedSpan,
    User,
)
from server.errors import NotFoundError
from server.residents.details import names
from server.users.roles import Right
from server.users.viewer import Viewer

VERSION: Final = 1
_OWN: Final[tuple[tuple[str, type[Any]], ...]] = (
    ("contacts", Contact),
    ("absences", Absence),
    ("consents", Consent),
    ("rhythm", Rhythm),
    ("unprotected", UnprotectedSpan),
    ("positions", Position),
)


def everything(session: Session, viewer: Viewer, resident_id: str, *, now: datetime) -> dict[str, Any]:
    """The document, ready for JSON. Writes a line to the audit log. Raises NotFoundError, ForbiddenError."""
    viewer.require(Right.PRIVACY)
    resident = session.get(Resident, resident_id)
    if resident is None:
        raise NotFoundError(f"there is no resident {resident_id!r}")
    audit.write(session, viewer, action="export", subject=("resident", resident_id), now=now)
    found: dict[str, Any] = {
        "version": VERSION,
        "made_at": now.isoformat(),
        "resident": _plain(resident) | {"area": session.get_one(Area, resident.area_id).name},
    }
    for name, model in _OWN:
        query = select(model).where(model.resident_id == resident_id)
        found[name] = _rows(session.scalars(query).all())
    positions = [position["id"] for position in found["positions"]]
    devices = select(Device, Attachment).join(Attachment, Attachment.device_id == Device.id)
    found["devices"] = [
        {
            "id": device.id,
            "profile": device.profile,
            "position_id": held.position_id,
            "since": held.since.isoformat(),
            "until": held.until.isoformat() if held.until else None,
        }
        for device, held in session.execute(devices.where(Attachment.position_id.in_(positions)))
    ]
    tests = session.scalars(select(CommissioningTest).where(CommissioningTest.position_id.in_(positions)))
    found["installation_tests"] = _rows(tests.all())
    found["tasks"] = [_task(session, task) for task in _tasks(session, resident_id, positions)]
    found["looked_at"] = _looks(session, resident_id)
    found["readings"] = [f"/api/v1/readings?position={position}" for position in positions]
    return found


def _tasks(session: Session, resident_id: str, positions: Sequence[str]) -> Sequence[Task]:
    query = select(Task).where(
        or_(
            (Task.subject_kind == "resident") & (Task.subject_id == resident_id),
            (Task.subject_kind == "position") & Task.subject_id.in_(positions),
        )
    )
    return session.scalars(query.order_by(Task.id)).all()


def _task(session: Session, task: Task) -> dict[str, Any]:
    people = names(session)
    events = session.scalars(select(TaskEvent).where(TaskEvent.task_id == task.id).order_by(TaskEvent.id))
    alarms = session.scalars(select(Alarm).where(Alarm.task_id == task.id)).all()
    occurrences = session.scalars(
        select(Occurrence).where(Occurrence.alarm_id.in_([alarm.id for alarm in alarms]))
    )
    return _plain(task) | {
        "timeline": [_plain(event) | {"actor": people.get(event.actor_id or 0)} for event in events],
        "alarms": _rows(alarms),
        "occurrences": _rows(occurrences.all()),
        "photos": _rows(session.scalars(select(TaskPhoto).where(TaskPhoto.task_id == task.id)).all()),
    }


def _looks(session: Session, resident_id: str) -> list[dict[str, Any]]:
    query = (
        select(AuditEntry, User.name)
        .outerjoin(User, User.id == AuditEntry.user_id)
        .where(AuditEntry.subject_kind == "resident", AuditEntry.subject_id == resident_id)
        .order_by(AuditEntry.id)
    )
    return [_plain(entry) | {"person": name} for entry, name in session.execute(query)]


def _rows(rows: Sequence[Base]) -> list[dict[str, Any]]:
    return [_plain(row) for row in rows]


def _plain(row: Base) -> dict[str, Any]:
    columns = row.__mapper__.column_attrs
    values = {column.key: getattr(row, column.key) for column in columns}
    return {
        name: value.isoformat() if isinstance(value, datetime) else value for name, value in values.items()
    }
