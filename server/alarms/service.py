"""From an alarm message to the record: one occurrence kept, one alarm open, one task for its subject.

Everything happens in the caller's one transaction. The task comes first, then the alarm, then the
occurrence: the same order as when a task is closed, so that two transactions never wait for each other.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from msgspec.structs import replace
from sqlalchemy.orm import Session

from gateway.rules.model import TaskKind
from gateway.wire import EARLIEST_MS, LATEST_MS, AlarmMessage
from server.alarms import folding, repository, suspending
from server.clock import from_ms, to_ms
from server.commissioning import witness
from server.db.append import append
from server.db.models import Alarm, Occurrence, Position
from server.errors import InvalidError
from server.tasks import intake

LATE = timedelta(seconds=60)
"""An occurrence that reaches the server this long after it happened is late. The field's own answer-time
targets are 60 s and 180 s: after that it can no longer be answered in time."""
PLAUSIBLE_PAST = timedelta(days=366)
PLAUSIBLE_FUTURE = timedelta(hours=24)
"""Device times outside these bounds are a broken clock's: the gateway's time stands in, and it is flagged."""


class Recorded(StrEnum):
    """What a message led to."""

    DUPLICATE = "duplicate"
    OPENED = "opened"
    JOINED = "joined"
    CLEARED = "cleared"
    TEST = "test"  # held for a commissioning test: an alarm unless somebody signs for it
    REPLACED = "replaced"  # from hardware that is not there any more
    SUSPENDED = "suspended"  # concluded from quiet while the resident is away


@dataclass(frozen=True, slots=True, kw_only=True)
class Breach:
    """A breach from any source, in the server's terms. `subject_*` is who or what the task is about."""

    source_kind: str
    source_id: str
    rule: str
    severity: str
    task_kind: TaskKind
    subject_kind: str
    subject_id: str
    area_id: str
    breach: str
    device_at: datetime
    gateway_at: datetime
    clock_trusted: bool


def with_possible_time(message: AlarmMessage, *, now: datetime) -> AlarmMessage:
    """The message, `now` in the place of a gateway's time that no calendar has, and its clock not trusted."""
    if EARLIEST_MS <= message.gateway_ms <= LATEST_MS:
        return message
    return replace(message, gateway_ms=to_ms(now), clock_trusted=False)


def record(session: Session, *, gateway_id: str, message: AlarmMessage, now: datetime) -> Recorded:
    """Keeps one message of a gateway's alarm lane. A message that is already kept changes nothing.

    Raises InvalidError where the position is unknown or is not this gateway's.
    """
    known = repository.known(
        session,
        gateway_id=gateway_id,
        epoch=message.epoch,
        seq=message.seq,
        position_id=message.position,
        device_id=message.device,
        now=now,
    )
    if known.recorded:
        if repository.is_same(session, gateway_id=gateway_id, message=message):
            return Recorded.DUPLICATE
        # Two gateways count in one epoch: a card was copied. Neither's alarm may pass for the other's.
        other = replace(message, epoch=f"{message.epoch}~{message.breach}")
        return record(session, gateway_id=gateway_id, message=other, now=now)
    position = _position(known, gateway_id=gateway_id, message=message)
    device_at, trusted = _plausible(message, now=now)
    occurrence: dict[str, Any] = {
        "gateway_id": gateway_id,
        "epoch": message.epoch,
        "seq": message.seq,
        "event": message.event,
        "breach": message.breach,
        "position_id": message.position,
        "device_id": message.device,
        "rule": message.rule,
        "value": {"point": message.point, "value": message.value, "ends": message.ends},
        "device_at": device_at,
        "gateway_at": from_ms(message.gateway_ms),
        "server_at": now,
        "clock_trusted": trusted,
        "late": now - device_at > LATE,
    }
    if message.event == "cleared":
        return _record_end(session, message, occurrence, now=now)
    kept = _without_alarm(session, known, position, message, occurrence, now=now)
    if kept is not None:
        return kept
    subject_kind, subject_id = _subject(position, message.task_kind)
    if message.point is None and message.task_kind is TaskKind.MAINTENANCE:
        fault = folding.fault_over(session, gateway_id=gateway_id, device_id=message.device)
        if fault is not None:
            subject_kind, subject_id = "gateway", gateway_id
    breach = Breach(
        source_kind="position",
        source_id=position.id,
        rule=message.rule,
        severity=message.severity,
        task_kind=message.task_kind,
        subject_kind=subject_kind,
        subject_id=subject_id,
        area_id=position.area_id,
        breach=message.breach,
        device_at=device_at,
        gateway_at=from_ms(message.gateway_ms),
        clock_trusted=trusted,
    )
    return raise_alarm(session, breach, occurrence, now=now, seen=known.seen)


def _without_alarm(
    session: Session,
    known: repository.Known,
    position: repository.Place,
    message: AlarmMessage,
    occurrence: dict[str, Any],
    *,
    now: datetime,
) -> Recorded | None:
    """Keeps an occurrence that is no alarm, or none yet; None where it is one."""
    if known.replaced and message.point is not None:
        # Without a point it is silence: that is the position's, whoever spoke there last.
        append(session, Occurrence, {**occurrence, "removed": True})
        return Recorded.REPLACED
    if known.tested and _is_test(session, message, occurrence, now=now):
        return Recorded.TEST
    away = suspending.until(
        session,
        position.resident_id,
        rule=message.rule,
        severity=message.severity,
        task_kind=message.task_kind,
        now=now,
    )
    if away is not None:
        value = {**occurrence["value"], "held": _held(message)}
        append(session, Occurrence, {**occurrence, "value": value, "suspended_until": away})
        return Recorded.SUSPENDED
    return None


def raise_alarm(
    session: Session,
    breach: Breach,
    occurrence: dict[str, Any],
    *,
    now: datetime,
    seen: intake.Seen = intake.NOTHING_SEEN,
) -> Recorded:
    """Opens or joins the task and the alarm of `breach` and keeps `occurrence` (values of its row) under
    them."""
    alarm_id, opened = _raise(
        session, breach, value=occurrence["value"], late=occurrence["late"], now=now, seen=seen
    )
    append(session, Occurrence, {**occurrence, "alarm_id": alarm_id})
    if occurrence["value"]["ends"] and repository.end_of(session, breach.breach) is not None:
        _clear(session, session.get_one(Alarm, alarm_id), by="gateway", now=now)
    return Recorded.OPENED if opened else Recorded.JOINED


def raise_held(session: Session, occurrence: Occurrence, *, live: bool = False, now: datetime) -> None:
    """Makes an alarm of an occurrence that was held: for a test, and nobody has signed for it; or while the
    resident was away. Told late, like any that arrives late, unless it holds only from now on (`live`)."""
    assert occurrence.position_id is not None
    place = session.get_one(Position, occurrence.position_id)
    kind = TaskKind(occurrence.value["held"]["task_kind"])
    where = repository.Place(place.id, place.area_id, place.resident_id, place.well_id)
    subject_kind, subject_id = _subject(where, kind)
    breach = Breach(
        source_kind="position",
        source_id=place.id,
        rule=occurrence.rule,
        severity=occurrence.value["held"]["severity"],
        task_kind=kind,
        subject_kind=subject_kind,
        subject_id=subject_id,
        area_id=place.area_id,
        breach=occurrence.breach,
        device_at=occurrence.device_at,
        gateway_at=occurrence.gateway_at,
        clock_trusted=occurrence.clock_trusted,
    )
    late = not live and now - occurrence.device_at > LATE
    occurrence.alarm_id, _ = _raise(session, breach, value=occurrence.value, late=late, now=now)
    session.flush()
    if occurrence.value["ends"] and repository.end_of(session, breach.breach) is not None:
        _clear(session, session.get_one(Alarm, occurrence.alarm_id), by="gateway", now=now)


def _held(message: AlarmMessage) -> dict[str, Any]:
    """What an alarm would need, kept with an occurrence that is none yet."""
    return {"severity": message.severity, "task_kind": message.task_kind}


def _is_test(session: Session, message: AlarmMessage, occurrence: dict[str, Any], *, now: datetime) -> bool:
    """Keeps the occurrence for the test that runs, if it is the test's. With it is kept what an alarm would
    need: it becomes one unless a person signs that the press was theirs."""
    test_id = witness.claim(
        session,
        message,
        device_at=occurrence["device_at"],
        gateway_at=occurrence["gateway_at"],
        trusted=occurrence["clock_trusted"],
        now=now,
    )
    if test_id is None:
        return False
    value = {**occurrence["value"], "held": _held(message)}
    append(session, Occurrence, {**occurrence, "value": value, "test_id": test_id})
    return True


def _raise(
    session: Session,
    breach: Breach,
    *,
    value: dict[str, Any],
    late: bool,
    now: datetime,
    seen: intake.Seen = intake.NOTHING_SEEN,
) -> tuple[int, bool]:
    task_id = intake.open_or_join(
        session,
        intake.Need(
            kind=breach.task_kind,
            subject_kind=breach.subject_kind,
            subject_id=breach.subject_id,
            area_id=breach.area_id,
            severity=breach.severity,
            rule=breach.rule,
            device_at=breach.device_at,
            gateway_at=breach.gateway_at,
            clock_trusted=breach.clock_trusted,
            late=late,
            source_kind=breach.source_kind,
            source_id=breach.source_id,
            value={name: value[name] for name in ("point", "value", "ends", "why") if name in value},
            seen=seen,
        ),
        now=now,
    )
    return repository.open_or_join(session, _alarm_values(breach, task_id, now))


def end_alarm(
    session: Session, *, source_kind: str, source_id: str, rule: str, by: str, now: datetime
) -> bool:
    """Clears the open alarm of (source, rule), if there is one; the task stays for people to close."""
    alarm = repository.open_alarm(session, source_kind=source_kind, source_id=source_id, rule=rule)
    if alarm is None:
        return False
    _clear(session, alarm, by=by, now=now)
    return True


def _record_end(
    session: Session, message: AlarmMessage, occurrence: dict[str, Any], *, now: datetime
) -> Recorded:
    alarm = repository.open_alarm(
        session, source_kind="position", source_id=message.position, rule=message.rule
    )
    if alarm is not None and alarm.breach != message.breach:
        alarm = None
    append(session, Occurrence, {**occurrence, "alarm_id": None if alarm is None else alarm.id})
    if alarm is not None:
        _clear(session, alarm, by="gateway", now=now)
    return Recorded.CLEARED


def _clear(session: Session, alarm: Alarm, *, by: str, now: datetime) -> None:
    alarm.cleared_at = now
    alarm.cleared_by = by
    intake.note_cleared(session, task_id=alarm.task_id, rule=alarm.rule, source_id=alarm.source_id, now=now)


def _position(known: repository.Known, *, gateway_id: str, message: AlarmMessage) -> repository.Place:
    if known.position is None:
        raise InvalidError(
            f"position {message.position!r} is not known: register it, then release the message"
        )
    if not known.reached:
        raise InvalidError(
            f"position {message.position!r} has never been read through gateway {gateway_id!r}"
        )
    return known.position


def _plausible(message: AlarmMessage, *, now: datetime) -> tuple[datetime, bool]:
    try:
        device_at = from_ms(message.device_ms)
    except (OverflowError, ValueError, OSError):
        return from_ms(message.gateway_ms), False
    if now - PLAUSIBLE_PAST <= device_at <= now + PLAUSIBLE_FUTURE:
        return device_at, message.clock_trusted
    return from_ms(message.gateway_ms), False


def _subject(position: repository.Place, kind: TaskKind) -> tuple[str, str]:
    if kind is TaskKind.CARE and position.resident_id is not None:
        return "resident", position.resident_id
    if kind is TaskKind.WELL and position.well_id is not None:
        return "well", position.well_id
    return "position", position.id


def _alarm_values(breach: Breach, task_id: int, now: datetime) -> dict[str, object]:
    return {
        "source_kind": breach.source_kind,
        "source_id": breach.source_id,
        "rule": breach.rule,
        "severity": breach.severity,
        "area_id": breach.area_id,
        "task_id": task_id,
        "breach": breach.breach,
        "began_at": breach.device_at,
        "opened_at": now,
        "last_at": now,
        "occurrences": 1,
    }
