"""Watching the watch: a step or a message that is overdue raises an alarm of the server's own.

The auditor only looks, with two cheap queries, so that it works when the rest is stuck. It leaves a heartbeat
each time; whoever asks whether the server is ready is told how old that is.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from gateway.rules.model import Severity
from server.alarms import own
from server.alarms.texts import DISPATCH_OVERDUE, LOOP_STILL
from server.db.models import Delivery, DispatchStep, Heartbeat
from server.db.upsert import insert_into
from server.notify.policy import DispatchPolicy
from server.policies import service as policies

OVERDUE: Final = timedelta(seconds=30)
"""Half of the field's first answer time (60 s) would be gone: what the figures count, and the most that a
manager may set (`DispatchPolicy`)."""
AUDITOR: Final = "auditor"
SWEEPS: Final = "sweeps"
WATCHED: Final = {AUDITOR: (SWEEPS, "dispatch", "notify"), SWEEPS: (AUDITOR,)}
"""Who looks after whose heartbeat: the two watch each other."""
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
    """Counts what is late by more than the policy says."""
    policy = policies.current(session, DispatchPolicy)
    limit = now - timedelta(seconds=policy.overdue_s)
    held = now - timedelta(seconds=policy.held_s)
    return Overdue(
        steps=_count(session, DispatchStep.state == "planned", DispatchStep.due_at < limit),
        done_late=_count(session, DispatchStep.done_at > held, DispatchStep.late_s > policy.overdue_s),
        messages=session.scalar(
            select(func.count()).where(Delivery.state.in_(("queued", "sending")), Delivery.due_at < limit)
        )
        or 0,
    )


def audit(session: Session, *, now: datetime, started: datetime | None = None) -> Overdue:
    """One round: raises the alarm where something is late, ends it where nothing is, and beats. With the time
    at which this process `started` it also looks after the loops."""
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
    beat(session, AUDITOR, now=now, steps=found.steps, done_late=found.done_late, messages=found.messages)
    if started is not None:
        watch(session, AUDITOR, started=started, now=now)
    return found


def beat(session: Session, name: str, *, now: datetime, **detail: int) -> None:
    """Writes that a loop got round."""
    statement = insert_into(session, Heartbeat).values(name=name, at=now, detail=detail)
    session.connection().execute(
        statement.on_conflict_do_update(
            index_elements=["name"],
            set_={"at": statement.excluded["at"], "detail": statement.excluded["detail"]},
        )
    )


def watch(session: Session, who: str, *, started: datetime, now: datetime) -> None:
    """Raises an alarm for each loop that `who` looks after and that is still, and ends it when it turns
    again. Just after a start nothing is judged: the last beats may be from before it."""
    still_after = timedelta(seconds=policies.current(session, DispatchPolicy).still_s)
    if abs(now - started) < still_after:
        return
    at = beats(session)
    for name in WATCHED[who]:
        silence = abs(now - at.get(name, started))  # a clock that was set back must not hide it
        if silence < still_after:
            own.end(session, "server", name, LOOP_STILL, now=now)
        else:
            own.raise_own(
                session,
                "server",
                name,
                LOOP_STILL,
                Severity.CRITICAL,
                point="seconds",
                value=silence.total_seconds(),
                now=now,
            )


def beats(session: Session) -> dict[str, datetime]:
    """When each loop last got round, in any process."""
    return {row.name: row.at for row in session.scalars(select(Heartbeat).order_by(Heartbeat.name))}


def is_alive(session: Session, *, now: datetime) -> bool:
    """Whether the auditor has been round lately."""
    return not is_still(session, beats(session).get(AUDITOR), now=now)


def is_still(session: Session, at: datetime | None, *, now: datetime) -> bool:
    """Whether a loop that last got round then is one that people should be told of."""
    still_after = timedelta(seconds=policies.current(session, DispatchPolicy).still_s)
    return at is None or abs(now - at) >= still_after


def _count(session: Session, *where: object) -> int:
    query = select(func.count()).select_from(DispatchStep)
    for condition in where:
        query = query.where(condition)  # type: ignore[arg-type]  # any comparison of columns
    return session.scalar(query) or 0
