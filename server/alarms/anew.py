"""What was suspended while residents were away: looked at again when quiet has counted anew for long."""

from datetime import datetime
from typing import Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from gateway.rules.model import TaskKind
from server.alarms import repository, service, suspending
from server.context import Context
from server.db.models import Occurrence, Position
from server.supervision import apart

MOST: Final = 200
"""Occurrences of one round: the rest waits for the next."""


def look(context: Context, _started: datetime, at: datetime) -> None:
    """One round, for the sweeps."""
    with context.database.read() as session:
        waits = session.scalar(select(Occurrence.id).where(Occurrence.suspended_until <= at).limit(1))
    if waits is not None:
        with context.database.write() as session:
            sweep(session, now=at)


def sweep(session: Session, *, now: datetime) -> None:
    """Makes alarms of what still stands when it has counted anew for long enough; forgets what has ended."""
    query = (
        select(Occurrence)
        .where(Occurrence.suspended_until <= now)
        .order_by(Occurrence.id)
        .limit(MOST)
        .with_for_update(skip_locked=True)
    )
    for occurrence in session.scalars(query).all():
        with apart(session, "suspended_not_judged", occurrence=occurrence.id):
            _judge(session, occurrence, now=now)


def _judge(session: Session, occurrence: Occurrence, *, now: datetime) -> None:
    occurrence.suspended_until = None
    place = session.get(Position, occurrence.position_id)
    if place is None or repository.end_of(session, occurrence.breach) is not None:
        return
    held = occurrence.value["held"]
    occurrence.suspended_until = suspending.until(
        session,
        place.resident_id,
        rule=occurrence.rule,
        severity=held["severity"],
        task_kind=TaskKind(held["task_kind"]),
        now=now,
    )
    if occurrence.suspended_until is None:
        service.raise_held(session, occurrence, live=True, now=now)
