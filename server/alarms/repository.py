"""SQL of alarms: open-or-join in one statement, look-ups by breach, lists."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import bindparam, exists, select, update
from sqlalchemy.orm import Session

from gateway.rules.model import is_worse
from gateway.wire import AlarmMessage
from server.alarms.joining import SHARED
from server.db.models import Alarm, Attachment, CommissioningTest, Device, Occurrence, Position, Task
from server.db.models.alarms import OPEN_ALARM
from server.db.upsert import upsert
from server.tasks.intake import NOTHING_SEEN, Seen
from server.windows.repository import RUNS

_KNOWN = select(
    Position.id,
    Position.area_id,
    Position.resident_id,
    Position.well_id,
    exists()
    .where(
        Occurrence.gateway_id == bindparam("gateway_id"),
        Occurrence.epoch == bindparam("epoch"),
        Occurrence.seq == bindparam("seq"),
    )
    .label("recorded"),
    exists()
    .where(
        Attachment.position_id == Position.id,
        Attachment.device_id == Device.id,
        Device.gateway_id == bindparam("gateway_id"),
    )
    .correlate(Position)
    .label("reached"),
    exists()
    .where(
        CommissioningTest.position_id == Position.id,
        CommissioningTest.device_id == bindparam("device_id"),
        CommissioningTest.ended_at.is_(None),
    )
    .correlate(Position)
    .label("tested"),
    exists()
    .where(
        Attachment.position_id == Position.id,
        Attachment.device_id == bindparam("device_id"),
        Attachment.until.is_not(None),
    )
    .correlate(Position)
    .label("was_here"),
    select(Attachment.device_id)
    .where(Attachment.position_id == Position.id, Attachment.until.is_(None))
    .correlate(Position)
    .scalar_subquery()
    .label("holder"),
    SHARED.label("shared"),
    RUNS.label("windows"),
).where(Position.id == bindparam("position_id"))
"""Built once: building a statement costs more than SQLite needs to answer it."""


def is_recorded(session: Session, *, gateway_id: str, epoch: str, seq: int) -> bool:
    """Whether this message of this lane is already in the record."""
    query = select(Occurrence.id).where(
        Occurrence.gateway_id == gateway_id, Occurrence.epoch == epoch, Occurrence.seq == seq
    )
    return session.scalar(query) is not None


def is_same(session: Session, *, gateway_id: str, message: AlarmMessage) -> bool:
    """Whether what is in the record under this message's number is this message."""
    query = select(Occurrence.id).where(
        Occurrence.gateway_id == gateway_id,
        Occurrence.epoch == message.epoch,
        Occurrence.seq == message.seq,
        Occurrence.breach == message.breach,
        Occurrence.event == message.event,
    )
    return session.scalar(query) is not None


@dataclass(frozen=True, slots=True)
class Place:
    """Where a position is, and whose."""

    id: str
    area_id: str
    resident_id: str | None
    well_id: str | None


@dataclass(frozen=True, slots=True)
class Known:
    """What the record knows of a message: its position, if there is such a one; whether the message is in
    the record already; whether the position is or was read through its gateway; whether a commissioning test
    of its device runs there; whether its device was replaced by another there; and what need not be
    looked at again."""

    position: Place | None
    recorded: bool
    reached: bool
    tested: bool = False
    replaced: bool = False
    seen: Seen = NOTHING_SEEN


def known(
    session: Session,
    *,
    gateway_id: str,
    epoch: str,
    seq: int,
    position_id: str,
    device_id: str,
    now: datetime,
) -> Known:
    """All that has to be looked up before a message is recorded, in one statement."""
    asked = {
        "gateway_id": gateway_id,
        "epoch": epoch,
        "seq": seq,
        "position_id": position_id,
        "device_id": device_id,
        "now": now,
    }
    row = session.connection().execute(_KNOWN, asked).one_or_none()
    if row is not None:
        place = Place(row.id, row.area_id, row.resident_id, row.well_id)
        replaced = row.was_here and row.holder is not None and row.holder != device_id
        seen = Seen(alone=not row.shared, calm=not row.windows)
        return Known(place, row.recorded, row.reached, row.tested, replaced, seen)
    return Known(None, is_recorded(session, gateway_id=gateway_id, epoch=epoch, seq=seq), reached=False)


def open_or_join(session: Session, values: dict[str, Any]) -> tuple[int, bool]:
    """The number of the one open alarm of (source, rule), and whether this call opened it. The unique index
    decides. The worst severity stays."""
    alarm = upsert(
        session,
        Alarm,
        values,
        index=("source_kind", "source_id", "rule"),
        where=OPEN_ALARM,
        take=("last_at", "breach", "task_id"),
        count=("occurrences",),
        back=("id", "occurrences", "severity"),
    )
    if is_worse(values["severity"], alarm.severity):
        session.execute(update(Alarm).where(Alarm.id == alarm.id).values(severity=values["severity"]))
    return alarm.id, alarm.occurrences == 1


def open_alarm(session: Session, *, source_kind: str, source_id: str, rule: str) -> Alarm | None:
    """The open alarm of (source, rule), if there is one."""
    return session.scalar(
        select(Alarm).where(
            Alarm.source_kind == source_kind,
            Alarm.source_id == source_id,
            Alarm.rule == rule,
            Alarm.cleared_at.is_(None),
        )
    )


def end_of(session: Session, breach: str) -> datetime | None:
    """When the breach ended, by its own clock, if its end has arrived (perhaps before its beginning)."""
    return session.scalar(
        select(Occurrence.device_at).where(Occurrence.breach == breach, Occurrence.event == "cleared")
    )


def of_task(session: Session, task_id: int) -> Sequence[Alarm]:
    """The alarms of a task, oldest first."""
    return session.scalars(select(Alarm).where(Alarm.task_id == task_id).order_by(Alarm.id)).all()


def occurrences_of(session: Session, alarm_ids: Sequence[int], *, limit: int = 200) -> Sequence[Occurrence]:
    """The newest occurrences under these alarms."""
    return session.scalars(
        select(Occurrence)
        .where(Occurrence.alarm_id.in_(alarm_ids))
        .order_by(Occurrence.id.desc())
        .limit(limit)
    ).all()


def listed(
    session: Session,
    *,
    only_open: bool,
    kinds: Collection[str],
    source_ids: Sequence[str] | None = None,
    limit: int = 100,
) -> Sequence[Alarm]:
    """Alarms whose task is of one of `kinds`, newest first."""
    query = select(Alarm).join(Task).where(Task.kind.in_(kinds)).order_by(Alarm.id.desc()).limit(limit)
    if only_open:
        query = query.where(Alarm.cleared_at.is_(None))
    if source_ids is not None:
        query = query.where(Alarm.source_id.in_(source_ids))
    return session.scalars(query).all()
