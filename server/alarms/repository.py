"""SQL of alarms: open-or-join in one statement, look-ups by breach, lists."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from server.db.models import Alarm, Occurrence, Task
from server.db.models.alarms import OPEN_ALARM
from server.db.upsert import upsert


def is_recorded(session: Session, *, gateway_id: str, epoch: str, seq: int) -> bool:
    """Whether this message of this lane is already in the record."""
    query = select(Occurrence.id).where(
        Occurrence.gateway_id == gateway_id, Occurrence.epoch == epoch, Occurrence.seq == seq
    )
    return session.scalar(query) is not None


def open_or_join(session: Session, values: dict[str, Any]) -> tuple[Alarm, bool]:
    """The one open alarm of (source, rule), and whether this call opened it. The unique index decides."""
    statement = upsert(
        session,
        Alarm,
        values,
        index=("source_kind", "source_id", "rule"),
        where=OPEN_ALARM,
        change={
            "occurrences": Alarm.occurrences + 1,
            "last_at": values["last_at"],
            "breach": values["breach"],
            "task_id": values["task_id"],
        },
    )
    alarm = session.scalars(statement.returning(Alarm), execution_options={"populate_existing": True}).one()
    return alarm, alarm.occurrences == 1


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
