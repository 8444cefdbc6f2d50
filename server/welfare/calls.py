"""Asking for welfare calls, repeating them while the fault lasts, and ending them when it is over.

Several processes may look at once: each call has a number made of since when and which repeat it is, and the
record keeps a number once.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from gateway.rules.model import Severity, TaskKind
from server.alarms import service as alarms
from server.alarms.repository import is_recorded, open_alarm
from server.alarms.texts import WELFARE_CALL
from server.clock import to_ms
from server.context import Context
from server.coverage.standing import unprotected
from server.db.database import Database
from server.db.models import Alarm, Resident, Task
from server.policies.service import current
from server.supervision import survived
from server.tasks import intake
from server.welfare.policy import WelfarePolicy

PROTECTED: Final = "protected_again"
AWAY: Final = "away"
_MINUTE_MS: Final = 60_000


@dataclass(frozen=True, slots=True)
class _Call:
    """A call that is due: unprotected since when, and which repeat it is."""

    resident: Resident
    since: datetime
    repeat: int

    @property
    def epoch(self) -> str:
        return f"{WELFARE_CALL}:{self.resident.id}"


def look(context: Context, _started: datetime, at: datetime) -> None:
    """One round, for the sweeps."""
    sweep(context.database, now=at)


def sweep(database: Database, *, now: datetime) -> None:
    """Asks for the calls that are due and ends those that nobody needs any more: a short transaction each, so
    that the press of one of them does not wait for all."""
    with database.read() as session:
        at_home = unprotected(session, now=now)
        calls = _open_calls(session)
        if not at_home and not calls:
            return
        policy = current(session, WelfarePolicy)
        patience, again = timedelta(minutes=policy.after_minutes), timedelta(hours=policy.again_hours)
        due = {resident_id: since for resident_id, since in at_home.items() if now - since >= patience}
        asked = [
            _Call(resident, since, (now - since - patience) // again)
            for resident in _residents(session, set(due), policy.risks)
            for since in (due[resident.id],)
        ]
        news = [call for call in asked if _number(session, call, now=now) is not None]
        everybody = unprotected(session, now=now, at_home=False)
    for call in news:
        with (
            survived("welfare_call_not_asked", outages=False, resident=call.resident.id),
            database.write() as session,
        ):
            _ask(session, call, now=now)
    for resident_id, alarm in calls.items():
        if resident_id in at_home:
            continue
        with (
            survived("welfare_call_not_ended", outages=False, resident=resident_id),
            database.write() as session,
        ):
            _end(session, alarm, reason=AWAY if resident_id in everybody else PROTECTED, now=now)


def _open_calls(session: Session) -> dict[str, Alarm]:
    query = select(Alarm).where(
        Alarm.source_kind == "resident", Alarm.rule == WELFARE_CALL, Alarm.cleared_at.is_(None)
    )
    return {alarm.source_id: alarm for alarm in session.scalars(query.order_by(Alarm.task_id))}


def _residents(session: Session, ids: set[str], risks: list[str]) -> list[Resident]:
    query = select(Resident).where(Resident.id.in_(ids), Resident.risk.in_(risks), Resident.left_at.is_(None))
    return list(session.scalars(query.order_by(Resident.id)))


def _number(session: Session, call: _Call, *, now: datetime) -> int | None:
    """The number of the call in the record; None where it is there already."""
    seq = to_ms(call.since) + call.repeat
    if not is_recorded(session, gateway_id="server", epoch=call.epoch, seq=seq):
        return seq
    source = {"source_kind": "resident", "source_id": call.resident.id}
    if open_alarm(session, **source, rule=WELFARE_CALL) is not None:
        return None
    # It ended while they were away, and they are back in a home that still is unprotected.
    seq = to_ms(now) // _MINUTE_MS * _MINUTE_MS
    return None if is_recorded(session, gateway_id="server", epoch=call.epoch, seq=seq) else seq


def _ask(session: Session, call: _Call, *, now: datetime) -> None:
    seq = _number(session, call, now=now)
    if seq is None:
        return
    resident, since, repeat, epoch = call.resident, call.since, call.repeat, call.epoch
    breach = f"{epoch}:{to_ms(since)}"
    facts = {"breach": breach, "rule": WELFARE_CALL}
    try:
        with session.begin_nested():
            alarms.raise_alarm(
                session,
                alarms.Breach(
                    source_kind="resident",
                    source_id=resident.id,
                    severity=Severity.MINOR,
                    task_kind=TaskKind.CARE,
                    subject_kind="resident",
                    subject_id=resident.id,
                    area_id=resident.area_id,
                    device_at=now,
                    gateway_at=now,
                    clock_trusted=True,
                    **facts,
                ),
                {
                    "gateway_id": "server",
                    "epoch": epoch,
                    "seq": seq,
                    "event": "occurred",
                    "value": {"ends": True, "since": since.isoformat(), "repeat": repeat},
                    "device_at": now,
                    "gateway_at": now,
                    "server_at": now,
                    "late": False,
                    **facts,
                },
                now=now,
            )
    except IntegrityError:
        return  # another server has just asked for it


def _end(session: Session, alarm: Alarm, *, reason: str, now: datetime) -> None:
    task = session.get_one(Task, alarm.task_id, with_for_update=True, populate_existing=True)
    if not alarms.end_alarm(
        session, source_kind="resident", source_id=alarm.source_id, rule=WELFARE_CALL, by="server", now=now
    ):
        return  # another server has just ended it
    more = select(Alarm.id).where(Alarm.task_id == task.id, Alarm.id != alarm.id).limit(1)
    if task.closed_at is None and session.scalar(more) is None:
        intake.withdraw(session, task, reason=reason, now=now)
