"""Alarms of the server's own: about itself, where no gateway could tell."""

from datetime import datetime
from uuid import uuid4

from sqlalchemy import select
from sqlalchemy.orm import Session

from gateway.rules.model import Severity, TaskKind
from server.alarms import repository, service
from server.db.models import Area, Task
from server.tasks.states import OPEN_STATES


def raise_own(
    session: Session,
    kind: str,
    key: str,
    rule: str,
    severity: Severity,
    *,
    point: str,
    value: float,
    now: datetime,
) -> None:
    """Raises a maintenance alarm about (`kind`, `key`), a part of the server, unless it is open with a task
    that is: who ended the task while the trouble stands is told again. Its task stands in the whole
    subdistrict. Nothing happens while there is no area yet."""
    open_one = repository.open_alarm(session, source_kind=kind, source_id=key, rule=rule)
    area_id = session.scalar(select(Area.id).order_by(Area.parent_id.is_not(None), Area.id).limit(1))
    is_told = open_one is not None and session.get_one(Task, open_one.task_id).state in OPEN_STATES
    if is_told or area_id is None:
        return
    breach = f"{rule}:{key}:{uuid4()}"  # it may end and begin again within one tick of the clock
    service.raise_alarm(
        session,
        service.Breach(
            source_kind=kind,
            source_id=key,
            rule=rule,
            severity=severity,
            task_kind=TaskKind.MAINTENANCE,
            subject_kind=kind,
            subject_id=key,
            area_id=area_id,
            breach=breach,
            device_at=now,
            gateway_at=now,
            clock_trusted=True,
        ),
        {
            "gateway_id": "server",
            "epoch": breach,
            "seq": 1,
            "event": "occurred",
            "breach": breach,
            "rule": rule,
            "value": {"point": point, "value": value, "ends": True},
            "device_at": now,
            "gateway_at": now,
            "server_at": now,
            "late": False,
        },
        now=now,
    )


def end(session: Session, kind: str, key: str, rule: str, *, now: datetime) -> None:
    """Ends it, if it is open."""
    service.end_alarm(session, source_kind=kind, source_id=key, rule=rule, by="server", now=now)
