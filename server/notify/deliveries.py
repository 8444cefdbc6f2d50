"""Deliveries as rows: queued with the step that tells, claimed by a sender, settled with what came of it.

A sender that dies between claiming and settling leaves its claim to run out; the message is then sent again,
under the same number, since nobody knows whether it went. Better twice than never. A channel that is known
to fail is tried once and not three times, where the person has another.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import case, func, select, update
from sqlalchemy.orm import Session

from gateway.rules.model import WORST_FIRST, Severity
from server.db.append import append
from server.db.database import Change, announce
from server.db.models import Delivery, DispatchStep, Task, TaskEvent, User
from server.notify import health
from server.notify.channels import PAGE
from server.notify.policy import DispatchPolicy
from server.policies import service as policies
from server.tasks.states import OPEN_STATES, UNANSWERED, TaskState

_CALLS: Final = frozenset({"call", "end"})
"""Steps that seek somebody: needless once somebody is found."""
_HANDS_ON: Final = frozenset({"call", "again"})
"""Steps after which somebody else is told where they reach nobody."""
_GRAVITY: Final = case(
    {severity.value: rank for rank, severity in enumerate(WORST_FIRST)}, value=Task.severity, else_=-1
)
"""A backlog of lesser messages never stands before a critical one."""


def queue(
    session: Session,
    task: Task,
    step: DispatchStep,
    user: User,
    channels: Sequence[str],
    *,
    now: datetime,
) -> bool:
    """Queues one message to a person by the first of `channels`, the others being what to fall back on. Who
    has had enough for now hears of it on the pages alone, unless it is critical. Says whether they are told:
    not where there is no channel (`Addresses.ways`), or none but the pages which they do not have."""
    if not channels:
        return False
    always = task.severity == Severity.CRITICAL or channels[0] == PAGE
    has_it = step.kind == "again" and PAGE not in channels  # and nowhere else to see it
    if always or has_it or not _is_over(session, user.id, now=now):
        add(session, task.id, step.id, user.id, channels, now=now)
    elif PAGE in channels:
        add(session, task.id, step.id, user.id, (PAGE,), now=now, note="rate")
    else:
        return False
    return True


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


def waiting_by(session: Session, *, now: datetime) -> Sequence[str]:
    """The channels by which anything is to be sent now."""
    query = select(Delivery.channel).where(Delivery.state.in_(("queued", "sending")), Delivery.due_at <= now)
    return session.scalars(query.distinct().order_by(Delivery.channel)).all()


def claim(session: Session, *, now: datetime, limit: int, channel: str | None = None) -> Sequence[Delivery]:
    """Takes messages that are due (by one channel), the gravest first, for as long as the policy says. Other
    processes pass by them. A call whose sender died is not made again once somebody has the task: the answer
    cancelled what was queued, not what was on its way."""
    due = select(Delivery, DispatchStep.kind, Task.state).where(
        Delivery.state.in_(("queued", "sending")), Delivery.due_at <= now
    )
    if channel is not None:
        due = due.where(Delivery.channel == channel)
    rows = session.execute(
        due.join(DispatchStep, DispatchStep.id == Delivery.step_id)
        .join(Task, Task.id == Delivery.task_id)
        .order_by(_GRAVITY, Delivery.due_at, Delivery.id)
        .limit(limit)
        .with_for_update(of=Delivery, skip_locked=True)
    ).all()
    found: list[Delivery] = []
    until = now + timedelta(seconds=policies.current(session, DispatchPolicy).claim_s)
    for delivery, kind, state in rows:
        if delivery.state == "sending" and kind in _CALLS and TaskState(state) not in UNANSWERED:
            delivery.state, delivery.ended_at = "cancelled", now
            continue
        delivery.state = "sending"
        delivery.attempts += 1
        delivery.due_at = until
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
    if kind == "call" and TaskState(task.state) not in UNANSWERED:
        delivery.state, delivery.ended_at = "cancelled", now
        return None
    rest: list[str] = delivery.rest["channels"]
    retries = policies.current(session, DispatchPolicy).retries
    known_to_fail = any(each != PAGE for each in rest) and health.fails(session, delivery.channel)
    if attempt <= len(retries) and task.state in OPEN_STATES and not (final or known_to_fail):
        delivery.state, delivery.due_at = "queued", now + retries[attempt - 1]
        return None
    delivery.state, delivery.ended_at = "failed", now
    _note_failed(session, task, delivery, now=now)
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
    policy = policies.current(session, DispatchPolicy)
    begin = now - timedelta(minutes=policy.rate_minutes)
    query = select(func.count()).where(
        Delivery.user_id == user_id, Delivery.channel != PAGE, Delivery.created_at > begin
    )
    return (session.scalar(query) or 0) >= policy.rate


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
