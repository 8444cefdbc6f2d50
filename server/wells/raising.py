"""Alarms that the server itself raises about wells."""

from datetime import datetime
from typing import Any

from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from gateway.rules.model import TaskKind
from server.alarms import repository
from server.alarms import service as alarms
from server.clock import to_ms
from server.db.models import Alarm, Well

LANE = "server"
"""The gateway that the server's own occurrences bear."""


def prefix(rule: str, source_id: str) -> str:
    """With what the breaches begin that the server itself saw."""
    return f"{LANE}:{rule}:{source_id}:"


def raise_once(
    session: Session,
    well: Well,
    *,
    rule: str,
    severity: str,
    source: tuple[str, str],
    value: dict[str, Any],
    at: datetime,
    now: datetime,
) -> bool:
    """Opens or joins the alarm `rule` at the source ("well" or "position", id), under the well's task. The
    same (rule, source, at) counts once, however many servers say so; says whether it was the first."""
    epoch, seq = f"{rule}:{source[1]}", to_ms(at)
    if repository.is_recorded(session, gateway_id=LANE, epoch=epoch, seq=seq):
        return False
    breach = f"{prefix(rule, source[1])}{seq}"
    try:
        with session.begin_nested():
            alarms.raise_alarm(
                session,
                alarms.Breach(
                    source_kind=source[0],
                    source_id=source[1],
                    rule=rule,
                    severity=severity,
                    task_kind=TaskKind.WELL,
                    subject_kind="well",
                    subject_id=well.id,
                    area_id=well.area_id,
                    breach=breach,
                    device_at=at,
                    gateway_at=at,
                    clock_trusted=True,
                ),
                {
                    "gateway_id": LANE,
                    "epoch": epoch,
                    "seq": seq,
                    "event": "occurred",
                    "breach": breach,
                    "position_id": source[1] if source[0] == "position" else None,
                    "rule": rule,
                    "value": {"ends": True, **value},
                    "device_at": at,
                    "gateway_at": at,
                    "server_at": now,
                    "late": False,
                },
                now=now,
            )
    except IntegrityError:
        return False  # another server has just said the same
    return True


def end_own(session: Session, *, rule: str, source: tuple[str, str], now: datetime) -> bool:
    """Ends the alarm where it is the server's own; a gateway's ends when the gateway says so."""
    found: Alarm | None = repository.open_alarm(
        session, source_kind=source[0], source_id=source[1], rule=rule
    )
    if found is None or not found.breach.startswith(prefix(rule, source[1])):
        return False
    return alarms.end_alarm(
        session, source_kind=source[0], source_id=source[1], rule=rule, by="server", now=now
    )
