"""Watching the watch: a step or a message that is overdue raises an alarm of the server's own.

The auditor only looks, with two cheap queries, so that it works when the rest is stuck. It leaves a heartbeat
each time; whoever asks whether the server is ready is told how old that is.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import func, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from gateway.rules.model import Severity
from server.alarms import own
from server.alarms.texts import DISPATCH_OVERDUE
from server.db.base import table_of
from server.db.models import Delivery, DispatchStep, Heartbeat

OVERDUE: Final = timedelta(seconds=30)
"""Half of the field's first answer time (60 s) would be gone."""
RECENT: Final = timedelta(seconds=60)
"""How long what was done too late is still held against the server."""
STALE: Final = timedelta(seconds=30)
"""Six rounds of the auditor missed."""
SOURCE: Final = "dispatch"


@dataclass(frozen=True, slots=True, kw_only=True)
class Overdue:
    """What is late: steps not done, steps done too late in the last minute, messages that nobody takes."""

    steps: int
    done_late: int
    messages: int

    def __bool__(self) -> bool:
        return bool(self.steps or self.done_late or self.messages)


def overdue(session: Session, *, now: datetime) -> Overdue:
    """Counts what is late by more than `OVERDUE`."""
    limit = now - OVERDUE
    return Overdue(
        steps=_count(session, DispatchStep.state == "planned", DispatchStep.due_at < limit),
        done_late=_count(
            session, DispatchStep.done_at > now - RECENT, DispatchStep.late_s > OVERDUE.total_seconds()
        ),
        messages=session.scalar(
            select(func.count()).where(Delivery.state.in_(("queued", "sending")), Delivery.due_at < limit)
        )
        or 0,
    )


def audit(session: Session, *, now: datetime) -> Overdue:
    """One round: raises the alarm where something is late, ends it where nothing is, and beats."""
    found = overdue(session, now=now)
    if found:
        late = found.steps + found.done_late + found.messages
        own.raise_own(
            session,
            "server",
            SOURCE,
            DISPATCH_OVERDUE,
            Severity.CRITICAL,
            point="overdue",
            value=late,
            now=now,
        )
    else:
        own.end(session, "server", SOURCE, DISPATCH_OVERDUE, now=now)
    beat(session, "auditor", now=now, steps=found.steps, done_late=found.done_late, messages=found.messages)
    return found


def beat(session: Session, name: str, *, now: datetime, **detail: int) -> None:
    """Writes that a loop got round."""
    table = table_of(Heartbeat)
    dialect = session.get_bind().dialect.name
    insert = postgresql.insert(table) if dialect == "postgresql" else sqlite.insert(table)
    statement = insert.values(name=name, at=now, detail=detail)
    session.connection().execute(
        statement.on_conflict_do_update(
            index_elements=["name"],
            set_={"at": statement.excluded["at"], "detail": statement.excluded["detail"]},
        )
    )


def is_alive(session: Session, *, now: datetime) -> bool:
    """Whether the auditor has been round lately."""
    at = session.scalar(select(Heartbeat.at).where(Heartbeat.name == "auditor"))
    return at is not None and now - at < STALE


def _count(session: Session, *where: object) -> int:
    query = select(func.count()).select_from(DispatchStep)
    for condition in where:
        query = query.where(condition)  # type: ignore[arg-type]  # any comparison of columns
    return session.scalar(query) or 0
