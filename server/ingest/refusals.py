"""An alarm that cannot be used is an alarm still: somebody is told that it came, and from which gateway."""

from datetime import datetime, timedelta
from typing import Final

import msgspec
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from gateway.rules.model import Severity, TaskKind
from server.alarms.texts import ALARM_REFUSED, CALL_REFUSED
from server.clock import to_ms
from server.db.models import Gateway, Occurrence
from server.gateways import faults

EVERY: Final = timedelta(minutes=1)
"""A gateway that sends nothing but what cannot be used is told of so often, as a gateway repeats an alarm."""


def tell(session: Session, gateway_id: str, payload: bytes, *, now: datetime) -> None:
    """Raises an alarm about the gateway: of a call for help one for those who care, of the severity that the
    message has; of anything else one for maintenance. Nothing for the end of an alarm, nor for a gateway that
    is not registered."""
    gateway = session.get(Gateway, gateway_id)
    gist = _gist(payload)
    if gateway is None or (gist is not None and gist.event == "cleared"):
        return
    rule, severity, kind = ALARM_REFUSED, Severity.MAJOR, TaskKind.MAINTENANCE
    if gist is not None:
        severity = gist.severity
        if gist.task_kind is TaskKind.CARE:
            rule, kind = CALL_REFUSED, TaskKind.CARE
    lane = f"server:{rule}:{severity}"
    last = session.scalar(
        select(func.max(Occurrence.seq)).where(Occurrence.gateway_id == gateway_id, Occurrence.epoch == lane)
    )
    if last is not None and abs(to_ms(now) - last) < EVERY / timedelta(milliseconds=1):
        return
    faults.raise_fault(
        session, gateway, rule=rule, since=now, value={"ends": False}, epoch=lane, severity=severity,
        task_kind=kind, now=now,
    )  # fmt: skip


class _Gist(msgspec.Struct):
    """As much of an alarm message as tells whom it concerns, whatever is wrong with the rest."""

    event: str
    severity: Severity
    task_kind: TaskKind


def _gist(payload: bytes) -> _Gist | None:
    try:
        return msgspec.json.decode(payload, type=_Gist)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
