"""Asking for welfare calls, repeating them while the fault lasts, and ending them when it is over.

Several processes may look at once: each call has a number made of since when and which repeat it is, and the
record keeps a number once.
"""

from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from gateway.rules.model import Severity, TaskKind
from server.alarms import service as alarms
from server.alarms.repository import is_recorded
from server.alarms.texts import WELFARE_CALL
from server.clock import to_ms
from server.context import Context
from server.coverage.standing import unprotected
from server.db.models import Alarm, Resident, Task
from server.policies.service import current
from server.supervision import apart
from server.tasks import intake
from server.welfare.policy import WelfarePolicy

PROTECTED: Final = "protected_again"
AWAY: Final = "away"
_MINUTE_MS: Final = 60_000


def look(context: Context, _started: datetime, at: datetime) -> None:
    """One round, for the sweeps."""
    with context.database.read() as session:
        idle = not unprotected(session, now=at) and not _open_calls(session)
    if not idle:
        with context.database.write() as session:
            sweep(session, now=at)


def sweep(session: Session, *, now: datetime) -> None:
    """Asks for the calls that are due and ends those that nobody needs any more."""
    policy = current(session, WelfarePolicy)
    at_home = unprotected(session, now=now)
    due = {
        resident_id: since
        for resident_id, since in at_home.items()
        if now - since >= timedelta(minutes=policy.after_minutes)
    }
    calls = _open_calls(session)
    for resident in _residents(session, set(due), policy.risks):
        repeat = (now - due[resident.id] - timedelta(minutes=policy.after_minutes)) // timedelta(
            hours=policy.again_hours
        )
        since, open_ = due[resident.id], resident.id in calls
        with apart(session, "welfare_call_not_asked", resident=resident.id):
            _ask(session, resident, since=since, repeat=repeat, open_=open_, now=now)
    everybody = unprotected(session, now=now, at_home=False)
    for resident_id, alarm in calls.items():
        if resident_id in at_home:
            continue
        with apart(session, "welfare_call_not_ended", resident=resident_id):
            _end(session, alarm, reason=AWAY if resident_id in everybody else PROTECTED, now=now)


def _open_calls(session: Session) -> dict[str, Alarm]:
    query = select(Alarm).where(
        Alarm.source_kind == "resident", Alarm.rule == WELFARE_CALL, Alarm.cleared_at.is_(None)
    )
    return {alarm.source_id: alarm for alarm in session.scalars(query.order_by(Alarm.task_id))}


def _residents(session: Session, ids: set[str], risks: list[str]) -> list[Resident]:
    query = select(Resident).where(Resident.id.in_(ids), Resident.risk.in_(risks), Resident.left_at.is_(None))
    return list(session.scalars(query.order_by(Resident.id)))


def _ask(
    session: Session, resident: Resident, *, since: datetime, repeat: int, open_: bool, now: datetime
) -> None:
    epoch, seq = f"{WELFARE_CALL}:{resident.id}", to_ms(since) + repeat
    if is_recorded(session, gateway_id="server", epoch=epoch, seq=seq):
        if open_:
            return
        # It ended while they were away, and they are back in a home that still is unprotected.
        seq = to_ms(now) // _MINUTE_MS * _MINUTE_MS
        if is_recorded(session, gateway_id="server", epoch=epoch, seq=seq):
            return
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
    alarms.end_alarm(
        session, source_kind="resident", source_id=alarm.source_id, rule=WELFARE_CALL, by="server", now=now
    )
    more = select(Alarm.id).where(Alarm.task_id == task.id, Alarm.id != alarm.id).limit(1)
    if task.closed_at is None and session.scalar(more) is None:
        intake.withdraw(session, task, reason=reason, now=now)
