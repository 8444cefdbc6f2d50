"""Deliveries as rows: queued with the step that tells, claimed by a sender, settled with what came of it.

A sender that dies between claiming and settling leaves its claim to run out; the message is then sent again,
under the same number, since nobody knows whether it went. Better twice than never.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from gateway.rules.model import Severity
from server.db.append import append
from server.db.database import Change, announce
from server.db.models import Delivery, DispatchStep, Task, TaskEvent, User
from server.notify.channels import PAGE
from server.tasks.states import OPEN_STATES, UNANSWERED, TaskState

CLAIM: Final = timedelta(seconds=60)
"""A sender's time for one message. Apprise itself gives up on a connection after 4 s."""
RETRIES: Final = (timedelta(seconds=2), timedelta(seconds=8))
"""Waits before the second and third try; after that the next channel has its turn."""
RATE: Final = 10
RATE_TIME: Final = timedelta(minutes=10)
"""Messages that a person gets by a channel of their own in this time; a critical one is never held back."""
_CALLS: Final = frozenset({"call", "end"})
"""Steps that seek somebody: needless once somebody is found."""
_HANDS_ON: Final = frozenset({"call", "again"})
"""Steps after which somebody else is told where they reach nobody."""


def queue(
    session: Session,
    task: Task,
    step: DispatchStep,
    user: User,
    channels: Sequence[str],
    *,
    now: datetime,
) -> None:
    """Queues one message to a person by the first of `channels`, the others being what to fall back on. Who
    has had enough for now hears of it on the pages alone, unless it is critical."""
    if task.severity != Severity.CRITICAL and channels[0] != PAGE and _is_over(session, user.id, now=now):
        add(session, task.id, step.id, user.id, (PAGE,), now=now, note="rate")
        return
    add(session, task.id, step.id, user.id, channels, now=now)


def add(
    session: Session,
    task_id: int,
    step_id: int,
    user_id: int,
    channels: Sequence[str],
    *,
    now: datetime,
    note: str = "",
) -> None:
    """Writes the row for the first of `channels`. What goes to the pages is there with the commit."""
    on_page = channels[0] == PAGE
    append(
        session,
        Delivery,
        {
            "task_id": task_id,
            "step_id": step_id,
            "user_id": user_id,
            "channel": channels[0],
            "rest": {"channels": list(channels[1:])},
            "state": "sent" if on_page else "queued",
            "attempts": 0,
            "created_at": now,
            "due_at": now,
            "sent_at": now if on_page else None,
            "ended_at": None,
            "error": note,
        },
    )


def waiting(session: Session, *, now: datetime) -> bool:
    """Whether anything is to be sent now: asked before a writer is waited for."""
    query = select(Delivery.id).where(Delivery.state.in_(("queued", "sending")), Delivery.due_at <= now)
    return session.scalar(query.limit(1)) is not None


def claim(session: Session, *, now: datetime, limit: int) -> Sequence[Delivery]:
    """Takes messages that are due, for `CLAIM`. Other processes pass by them. A call whose sender died is not
    made again once somebody has the task: the answer cancelled what was queued, not what was on its way."""
    rows = session.execute(
        select(Delivery, DispatchStep.kind, Task.state)
        .join(DispatchStep, DispatchStep.id == Delivery.step_id)
        .join(Task, Task.id == Delivery.task_id)
        .where(Delivery.state.in_(("queued", "sending")), Delivery.due_at <= now)
        .order_by(Delivery.due_at)
        .limit(limit)
        .with_for_update(of=Delivery, skip_locked=True)
    ).all()
    found: list[Delivery] = []
    for delivery, kind, state in rows:
        if delivery.state == "sending" and kind in _CALLS and TaskState(state) not in UNANSWERED:
            delivery.state, delivery.ended_at = "cancelled", now
            continue
        delivery.state = "sending"
        delivery.attempts += 1
        delivery.due_at = now + CLAIM
        found.append(delivery)
    session.flush()
    return found


def settle(
    session: Session,
    delivery_id: int,
    attempt: int,
    error: str | None,
    *,
    final: bool = False,
    now: datetime,
) -> Delivery | None:
    """Writes what came of an attempt; `final`: another one would fail too. Gives the delivery where it has
    failed for good on the person's last own channel: the caller may hurry then. An attempt whose claim had
    run out says nothing any more."""
    task_id = session.scalar(select(Delivery.task_id).where(Delivery.id == delivery_id))
    task = session.get_one(Task, task_id, with_for_update=True)
    delivery = session.get_one(Delivery, delivery_id, with_for_update=True)
    if delivery.state != "sending" or delivery.attempts != attempt:
        return None
    if error is None:
        delivery.state, delivery.sent_at, delivery.error = "sent", now, ""
        announce(session, Change("delivery", str(task.id), "sent"))
        return None
    delivery.error = error[:200]
    kind = session.get_one(DispatchStep, delivery.step_id).kind
    call = kind == "call"
    if call and TaskState(task.state) not in UNANSWERED:
        delivery.state, delivery.ended_at = "cancelled", now
        return None
    if not final and attempt <= len(RETRIES) and task.state in OPEN_STATES:
        delivery.state, delivery.due_at = "queued", now + RETRIES[attempt - 1]
        return None
    delivery.state, delivery.ended_at = "failed", now
    _note_failed(session, task, delivery, now=now)
    rest: list[str] = delivery.rest["channels"]
    if rest:
        add(session, task.id, delivery.step_id, delivery.user_id, rest, now=now)
    return (
        delivery if kind in _HANDS_ON and rest in ([], [PAGE]) and not _reached(session, delivery) else None
    )


def answered(session: Session, delivery_id: int, *, now: datetime) -> None:
    """Notes that the person has the message: the link in it was used."""
    session.execute(
        update(Delivery)
        .where(Delivery.id == delivery_id, Delivery.state.in_(("sending", "sent")))
        .values(state="delivered", ended_at=now)
    )


def of_task(session: Session, task_id: int) -> Sequence[tuple[Delivery, str, str]]:
    """A task's deliveries with the person's name and what kind of step told them, the newest first."""
    rows = session.execute(
        select(Delivery, User.name, DispatchStep.kind)
        .join(User, User.id == Delivery.user_id)
        .join(DispatchStep, DispatchStep.id == Delivery.step_id)
        .where(Delivery.task_id == task_id)
        .order_by(Delivery.id.desc())
    )
    return [(row[0], row[1], row[2]) for row in rows]


def _is_over(session: Session, user_id: int, *, now: datetime) -> bool:
    query = select(func.count()).where(
        Delivery.user_id == user_id, Delivery.channel != PAGE, Delivery.created_at > now - RATE_TIME
    )
    return session.scalar(query) >= RATE  # type: ignore[operator]  # a count is never NULL


def _reached(session: Session, delivery: Delivery) -> bool:
    """Whether the same step has reached, or may yet reach, anybody by a channel of their own."""
    query = select(Delivery.id).where(
        Delivery.step_id == delivery.step_id,
        Delivery.channel != PAGE,
        Delivery.state.in_(("queued", "sending", "sent", "delivered")),
    )
    return session.scalar(query.limit(1)) is not None


def _note_failed(session: Session, task: Task, delivery: Delivery, *, now: datetime) -> None:
    detail = {"people": [delivery.user_id], "channel": delivery.channel, "attempts": delivery.attempts}
    values = {
        "task_id": task.id,
        "at": now,
        "action": "not_delivered",
        "from_state": task.state,
        "to_state": task.state,
        "detail": detail,
    }
    append(session, TaskEvent, values)
    task.version += 1
    announce(session, Change("task", str(task.id), "not_delivered"))
