"""SQL of rhythms: what is kept of a resident, who is due, and the times in which nothing can be concluded."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

import msgspec
from sqlalchemy import Row, case, func, or_, select, update
from sqlalchemy.orm import Session

from server.alarms.texts import GATEWAY_OFFLINE, INACTIVITY
from server.db.base import table_of
from server.db.models import (
    Alarm,
    Gateway,
    Position,
    Resident,
    Rhythm,
    Task,
    UnheardSensor,
    UnprotectedSpan,
)
from server.db.upsert import insert_into
from server.residents import absences as register
from server.rhythm.core import Fixed
from server.rhythm.traces import Span
from server.rhythm.usual import Day, Learned

SILENT: Final = "silent"
"""The rule of a device that was not heard: every profile with a heartbeat has it."""
WITHOUT_DATA: Final = ("gateway", "driver", "silent", "removed")
"""Causes of being unprotected by which no readings came."""


def due(session: Session, *, now: datetime, limit: int) -> Sequence[Row[Any]]:
    """Residents who could be missed by now, the longest due first: id, learned, fixed, last_active_at."""
    query = (
        select(Rhythm.resident_id, Rhythm.learned, Rhythm.fixed, Rhythm.last_active_at)
        .where(Rhythm.due_at <= now)
        .order_by(Rhythm.due_at)
        .limit(limit)
    )
    return session.execute(query).all()


def unlearned(session: Session, *, until: datetime, limit: int) -> list[str]:
    """Residents with a position whose rhythm does not reach up to `until`."""
    query = (
        select(Resident.id)
        .outerjoin(Rhythm, Rhythm.resident_id == Resident.id)
        .where(
            Resident.left_at.is_(None),
            or_(Rhythm.learned_until.is_(None), Rhythm.learned_until < until),
            select(Position.id).where(Position.resident_id == Resident.id).exists(),
        )
        .order_by(Resident.id)
        .limit(limit)
    )
    return list(session.scalars(query))


def kept_days(session: Session, residents: Collection[str]) -> dict[str, dict[str, Any]]:
    """By resident: the days as they are kept."""
    query = select(Rhythm.resident_id, Rhythm.days).where(Rhythm.resident_id.in_(list(residents)))
    return {row.resident_id: row.days for row in session.execute(query)}


def put_learned(session: Session, rows: Sequence[dict[str, Any]]) -> None:
    """Keeps what was learned: rows of resident_id, learned, days, learned_until, updated_at, due_at. When
    somebody is due stays as it was, where that is known."""
    if not rows:
        return
    table = table_of(Rhythm)
    insert = insert_into(session, Rhythm)
    change: dict[str, Any] = {
        name: insert.excluded[name] for name in ("learned", "days", "learned_until", "updated_at")
    }
    change["due_at"] = func.coalesce(table.c.due_at, insert.excluded["due_at"])
    session.connection().execute(
        insert.on_conflict_do_update(index_elements=["resident_id"], set_=change),
        [{"fixed": {}, "last_active_point": "", **row} for row in rows],
    )


def put_active(session: Session, rows: Sequence[dict[str, Any]]) -> None:
    """Keeps newest activity: rows of resident_id, last_active_at, last_active_point, due_at, updated_at. What
    is older than what is known changes nothing."""
    table = table_of(Rhythm)
    insert = insert_into(session, Rhythm)
    change = {
        name: insert.excluded[name]
        for name in ("last_active_at", "last_active_point", "due_at", "updated_at")
    }
    session.connection().execute(
        insert.on_conflict_do_update(
            index_elements=["resident_id"],
            set_=change,
            where=or_(
                table.c.last_active_at.is_(None), table.c.last_active_at < insert.excluded["last_active_at"]
            ),
        ),
        [{"fixed": {}, "learned": {}, "days": {}, **row} for row in rows],
    )


def set_due(session: Session, looks: Mapping[str, datetime]) -> None:
    """When to look at these residents again."""
    for resident_id, at in looks.items():
        session.execute(update(Rhythm).where(Rhythm.resident_id == resident_id).values(due_at=at))


def last_active(session: Session, resident_id: str) -> datetime | None:
    """The newest activity that was heard."""
    return session.scalar(select(Rhythm.last_active_at).where(Rhythm.resident_id == resident_id))


def absences(
    session: Session, residents: Collection[str], *, since: datetime, until: datetime
) -> dict[str, list[Span]]:
    """By resident: when they are or were not at home, after `since` and before `until`."""
    found: dict[str, list[Span]] = {}
    for away in register.spans(session, residents, since=since, until=until):
        found.setdefault(away.resident_id, []).append(Span(away.since, away.until))
    return found


def silent_spans(
    session: Session,
    *,
    residents: Collection[str],
    gateways: Collection[str],
    positions: Collection[str],
    since: datetime,
    now: datetime,
) -> dict[str, list[Span]]:
    """By resident, gateway or position: when the record says that something was silent, after `since`. Alarms
    say it at once; spans of coverage also say it of what was not worth an alarm of its own."""
    alarms = select(Alarm.source_id, Alarm.began_at, Alarm.cleared_at).where(
        or_(
            (Alarm.source_kind == "gateway")
            & (Alarm.rule == GATEWAY_OFFLINE)
            & Alarm.source_id.in_(list(gateways)),
            (Alarm.source_kind == "position") & (Alarm.rule == SILENT) & Alarm.source_id.in_(list(positions)),
        ),
        or_(Alarm.cleared_at.is_(None), Alarm.cleared_at > since),
    )
    owner = case(
        (UnprotectedSpan.thing_kind == "position", UnprotectedSpan.thing_id),
        else_=UnprotectedSpan.resident_id,
    )
    spans = select(owner, UnprotectedSpan.since, UnprotectedSpan.until).where(
        UnprotectedSpan.resident_id.in_(list(residents)),
        UnprotectedSpan.cause.in_(WITHOUT_DATA),
        or_(UnprotectedSpan.thing_kind != "position", UnprotectedSpan.thing_id.in_(list(positions))),
        or_(UnprotectedSpan.until.is_(None), UnprotectedSpan.until > since),
    )
    found: dict[str, list[Span]] = {}
    for query in (alarms, spans):
        for source_id, began, ended in session.execute(query):
            found.setdefault(source_id, []).append(Span(began, now if ended is None else ended))
    return found


def fewer(session: Session, residents: Collection[str]) -> set[str]:
    """Those of these residents who have a sensor of daily life that is not heard now."""
    query = select(UnheardSensor.resident_id).where(UnheardSensor.resident_id.in_(list(residents)))
    return set(session.scalars(query))


def unheard(session: Session, resident_id: str) -> list[tuple[str, str, datetime]]:
    """The resident's sensors that are not heard: position, its name, since when."""
    query = (
        select(Position.id, Position.name, UnheardSensor.since)
        .join(UnheardSensor, UnheardSensor.position_id == Position.id)
        .where(UnheardSensor.resident_id == resident_id)
        .order_by(UnheardSensor.since, Position.id)
    )
    return [(row[0], row[1], row[2]) for row in session.execute(query)]


def offline_gateways(session: Session, gateways: Collection[str]) -> set[str]:
    """Those of these gateways that are not there now."""
    query = select(Gateway.id).where(Gateway.id.in_(list(gateways)), Gateway.online.is_(False))
    return set(session.scalars(query))


def open_alarms(session: Session, *, rule: str = INACTIVITY) -> Sequence[Alarm]:
    """The open alarms of residents of this rule."""
    query = select(Alarm).where(
        Alarm.source_kind == "resident", Alarm.rule == rule, Alarm.cleared_at.is_(None)
    )
    return session.scalars(query).all()


def ended_tasks(session: Session, task_ids: Collection[int]) -> set[int]:
    """Those of these tasks that people have ended."""
    query = select(Task.id).where(Task.id.in_(list(task_ids)), Task.state.in_(("closed", "cancelled")))
    return set(session.scalars(query))


def answered(session: Session, residents: Collection[str]) -> dict[str, datetime]:
    """By resident: when a person last ended an alarm of their quiet: they have been there."""
    query = (
        select(Alarm.source_id, func.max(Alarm.cleared_at))
        .where(
            Alarm.source_kind == "resident",
            Alarm.rule == INACTIVITY,
            Alarm.source_id.in_(list(residents)),
            Alarm.cleared_by == "task",
        )
        .group_by(Alarm.source_id)
    )
    return {resident_id: at for resident_id, at in session.execute(query) if at is not None}


def pack(learned: Learned | Fixed) -> dict[str, Any]:
    """As a JSON document."""
    document: dict[str, Any] = msgspec.to_builtins(learned)
    return document


def unpack_learned(document: Mapping[str, Any]) -> Learned:
    """The other way; nothing learned where the document is of another shape."""
    try:
        return msgspec.convert(document, Learned)
    except msgspec.ValidationError:
        return Learned()


def unpack_fixed(document: Mapping[str, Any]) -> Fixed:
    """The other way."""
    return msgspec.convert(document, Fixed)


def pack_days(days: Iterable[Day]) -> dict[str, list[str]]:
    """Days as they are kept: two hexadecimal numbers each."""
    return {day.date.isoformat(): [f"{day.active:x}", f"{day.missing:x}"] for day in days}


def unpack_days(document: Mapping[str, Sequence[str]]) -> list[Day]:
    """The other way, in order."""
    return [
        Day(datetime.fromisoformat(name).date(), int(active, 16), int(missing, 16))
        for name, (active, missing) in sorted(document.items())
    ]
