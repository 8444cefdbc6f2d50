"""What is wrong with a gateway by its own report: one maintenance fault each, ended when it is well again."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final

from msgspec import UnsetType
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from gateway.rules.model import Severity, TaskKind
from gateway.wire import Health
from server.alarms import folding
from server.alarms import service as alarms
from server.alarms.repository import is_recorded, open_alarm
from server.alarms.texts import GATEWAY_DRIVER, GATEWAY_STORAGE, GATEWAY_TWIN
from server.clock import from_ms, to_ms
from server.db.models import Alarm, Gateway

TWIN_FOR: Final = timedelta(minutes=10)
"""Two gateways with one identity throw each other out again and again; after this long it is over."""


@dataclass(slots=True)
class Sessions:
    """The sessions that gateways reported lately. A new run of a gateway has a new session; one that comes
    back after another was heard belongs to a second gateway of the same name."""

    _heard: dict[str, list[str]] = field(default_factory=dict)
    _twin_at: dict[str, datetime] = field(default_factory=dict)

    def hear(self, gateway_id: str, session: str, now: datetime) -> datetime | None:
        """Takes note of a report; when two gateways of this name were last noticed, if lately."""
        heard = self._heard.setdefault(gateway_id, [])
        if session in heard[:-1]:
            self._twin_at[gateway_id] = now
        if session in heard:
            heard.remove(session)
        heard.append(session)
        del heard[:-4]
        twin_at = self._twin_at.get(gateway_id)
        return twin_at if twin_at is not None and now - twin_at < TWIN_FOR else None


def judge(
    session: Session, gateway: Gateway, health: Health, *, twin_at: datetime | None, now: datetime
) -> None:
    """Raises a fault for what the report says is wrong, and ends those that it does not say any more."""
    found = {rule: find(health) for rule, find in _FAULTS.items()}
    found[GATEWAY_TWIN] = None if twin_at is None else (twin_at, {})
    open_rules = set(open_faults(session, gateway.id))
    for rule, fault in found.items():
        if fault is None and rule in open_rules:
            alarms.end_alarm(
                session, source_kind="gateway", source_id=gateway.id, rule=rule, by="gateway", now=now
            )
        elif fault is not None and rule not in open_rules:
            since, value = fault
            raise_fault(session, gateway, rule=rule, since=since, value=value, now=now)


def open_faults(session: Session, gateway_id: str) -> list[str]:
    """The rules of the gateway's open faults, oldest first."""
    query = select(Alarm.rule).where(
        Alarm.source_kind == "gateway", Alarm.source_id == gateway_id, Alarm.cleared_at.is_(None)
    )
    return list(session.scalars(query.order_by(Alarm.id)))


def raise_fault(
    session: Session,
    gateway: Gateway,
    *,
    rule: str,
    since: datetime,
    now: datetime,
    value: dict[str, Any] | None = None,
    epoch: str | None = None,
    severity: Severity = Severity.MAJOR,
    task_kind: TaskKind = TaskKind.MAINTENANCE,
) -> None:
    """Opens the fault `rule` of the gateway, or joins it; the same (rule, since) counts once, however many
    servers say so."""
    lane, seq = epoch or f"server:{rule}", to_ms(since)
    if is_recorded(session, gateway_id=gateway.id, epoch=lane, seq=seq):
        return
    breach = f"{rule}:{gateway.id}:{seq}"
    try:
        with session.begin_nested():
            alarms.raise_alarm(
                session,
                alarms.Breach(
                    source_kind="gateway",
                    source_id=gateway.id,
                    rule=rule,
                    severity=severity,
                    task_kind=task_kind,
                    subject_kind="gateway",
                    subject_id=gateway.id,
                    area_id=gateway.area_id,
                    breach=breach,
                    device_at=since,
                    gateway_at=since,
                    clock_trusted=True,
                ),
                {
                    "gateway_id": gateway.id,
                    "epoch": lane,
                    "seq": seq,
                    "event": "occurred",
                    "breach": breach,
                    "rule": rule,
                    "value": {"ends": True, **(value or {})},
                    "device_at": since,
                    "gateway_at": since,
                    "server_at": now,
                    "late": False,
                },
                now=now,
            )
    except IntegrityError:
        return  # another server has just said the same
    fault = open_alarm(session, source_kind="gateway", source_id=gateway.id, rule=rule)
    if fault is not None:
        folding.fold(session, fault, now=now)


Fault = tuple[datetime, dict[str, Any]]


def _storage(health: Health) -> Fault | None:
    found = next((one for one in health.troubles if (one.source, one.reason) == ("lane", "disk")), None)
    return None if found is None else (from_ms(found.last_ms), {"detail": found.detail})


def _driver(health: Health) -> Fault | None:
    away = [(one.away, one.name) for one in health.drivers if not isinstance(one.away, UnsetType)]
    if not away:
        return None
    return from_ms(min(one.since_ms for one, _ in away)), {"drivers": [name for _, name in away]}


_FAULTS: Final[dict[str, Callable[[Health], Fault | None]]] = {
    GATEWAY_STORAGE: _storage,
    GATEWAY_DRIVER: _driver,
}
