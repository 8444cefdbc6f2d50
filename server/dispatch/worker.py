"""Doing what is due: one step, one transaction. Several server processes may do so at once.

Taking the task's row is the claim: on PostgreSQL a worker passes by tasks that another holds, SQLite has one
writer. Whatever a step does (who is told, what is planned next, the line on the timeline) is committed with
the mark that it is done, so that a process which is killed on the way has done nothing at all.
"""

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, Final

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from server.db.append import append
from server.db.database import Change, announce
from server.db.models import Delivery, DispatchStep, Task, TaskEvent, TaskWatcher, User
from server.dispatch import losing, people, planning, playbooks
from server.dispatch.core import BEFORE, Ask, Happened, Playbook, Standing, Step, StepKind, Who, WhoKind
from server.notify import deliveries
from server.notify.channels import PAGE, Addresses
from server.policies.service import current
from server.tasks.states import HELD, TaskState
from server.users.roles import Role
from server.wells import informing, roadworks
from server.windows.policy import WindowPolicy

AT_ONCE: Final = 32
"""Due steps that are looked up together."""
DESK: Final = Who(kind=WhoKind.DUTY, value=Role.DISPATCHER)
"""Who is told of what its holder has not ended."""


def due_steps(session: Session, *, now: datetime, without: Collection[int] = ()) -> Sequence[int]:
    """The numbers of steps that are due, the longest due first; nothing is locked."""
    query = (
        select(DispatchStep.id)
        .where(DispatchStep.state == "planned", DispatchStep.due_at <= now, DispatchStep.id.not_in(without))
        .order_by(DispatchStep.due_at)
        .limit(AT_ONCE)
    )
    return session.scalars(query).all()


def do_step(session: Session, step_id: int, addresses: Addresses, *, now: datetime) -> bool:
    """Does the step, unless another process has its task or it is not planned any more."""
    task = session.scalar(
        select(Task)
        .join(DispatchStep, DispatchStep.task_id == Task.id)
        .where(DispatchStep.id == step_id)
        .with_for_update(of=Task, skip_locked=True)
    )
    if task is None:
        return False
    step = session.scalar(
        select(DispatchStep).where(DispatchStep.id == step_id, DispatchStep.state == "planned")
    )
    if step is None:
        return False
    later = roadworks.held_until(session, task, step.kind, now=now)
    if later is not None:
        step.due_at = later
        return True
    step.state = "done"
    step.done_at = now
    step.late_s = max(0, int((now - step.due_at).total_seconds()))
    session.flush()
    _DO[StepKind(step.kind)](session, task, step, addresses, now)
    return True


def hurry(session: Session, delivery: Delivery, *, now: datetime) -> None:
    """Brings the next step forward: what the last one sent has reached nobody, or its holder does not hear of
    what is new. The caller holds the task."""
    call = session.get_one(DispatchStep, delivery.step_id)
    following = session.scalar(
        select(DispatchStep).where(
            DispatchStep.task_id == delivery.task_id,
            DispatchStep.state == "planned",
            DispatchStep.run == call.run,
            DispatchStep.kind.in_((StepKind.CALL, StepKind.ANSWER, StepKind.END)),
        )
    )
    if following is not None and following.due_at > now:
        following.due_at = now


def _call(session: Session, task: Task, step: DispatchStep, addresses: Addresses, now: datetime) -> None:
    playbook = playbooks.loaded(session, step.playbook_id, task)
    if step.number == BEFORE:
        within_s = current(session, WindowPolicy).ask_s
        playbook = replace(playbook, before=Step(who=Who(kind=WhoKind.CREW), within_s=within_s))
    # A run goes on with the version that it began with; a packaged one may have become shorter since.
    number = min(step.number, len(playbook.steps) - 1)
    wanted = playbook.step(number)
    found = people.found(session, task, wanted.who, now=now)
    step.ask = wanted.ask
    session.flush()  # whoever sends looks at it
    told = _queued(session, task, step, found, addresses, now, wanted.channels)
    if not told and people.by_telephone(session, task, wanted.who.kind, now=now):
        step.ask = people.BY_TELEPHONE[wanted.who.kind]
        session.flush()
        desk = people.found(session, task, DESK, now=now)
        told = _queued(session, task, step, desk, addresses, now)
    _note(
        session,
        task,
        _said(playbook, step, found=bool(told)),
        now=now,
        who=wanted.who.kind,
        value=wanted.who.value,
        **_more(wanted, Ask(step.ask)),
        step=number + 1,
        again=step.turn,
        people=[user.id for user in told],
        unreachable=[user.id for user in found if user not in told],
        late_s=step.late_s,
    )
    standing = Standing(state=TaskState(task.state), run=step.run, number=number, turn=step.turn)
    what = Happened.TOLD if told else Happened.NOBODY
    planning.apply(session, task, playbook, step.playbook_id, standing, what, now=now)


def _queued(
    session: Session,
    task: Task,
    step: DispatchStep,
    found: Iterable[User],
    addresses: Addresses,
    now: datetime,
    wanted: Sequence[str] = (),
) -> list[User]:
    """Queues a message to each of those people; gives those who are told. The others must not count as if
    they were."""
    return [
        user
        for user in found
        if deliveries.queue(session, task, step, user, addresses.ways(user.login, user.role, wanted), now=now)
    ]


def _more(wanted: Step, ask: Ask) -> dict[str, Any]:
    more = {"ask": ask, "skill": wanted.who.skill, "metres": wanted.who.metres}
    return {name: value for name, value in more.items() if value and value != Ask.GO}


def _said(playbook: Playbook, step: DispatchStep, *, found: bool) -> str:
    """A step that is told together with the one before follows from nobody's silence."""
    if not found:
        return "told_nobody"
    number = min(step.number, len(playbook.steps) - 1)
    together = step.turn == 0 and (number <= 0 or playbook.steps[number - 1].within_s == 0)
    return "told" if together else "escalated"


def _end(session: Session, task: Task, step: DispatchStep, addresses: Addresses, now: datetime) -> None:
    """The chain is at its end. One that found nobody at all tells everybody who works on such tasks."""
    told = session.scalar(
        select(Delivery.id)
        .join(DispatchStep, DispatchStep.id == Delivery.step_id)
        .where(
            Delivery.task_id == task.id,
            Delivery.state.not_in(("failed", "cancelled")),
            DispatchStep.run == step.run,
        )
        .limit(1)
    )
    everybody = [] if told is not None else people.everybody(session, task, now=now)
    everybody = _queued(session, task, step, everybody, addresses, now)
    _note(session, task, "unanswered", now=now, people=[user.id for user in everybody], late_s=step.late_s)
    task.unanswered_at = task.unanswered_at or now
    planning.happened(session, task, Happened.UNANSWERED, now=now)


def _arrival(session: Session, task: Task, _step: DispatchStep, _addresses: Addresses, now: datetime) -> None:
    losing.expire(session, task, Happened.NOT_ARRIVED, now=now)


def _answer(session: Session, task: Task, _step: DispatchStep, _addresses: Addresses, now: datetime) -> None:
    losing.expire(session, task, Happened.UNHEARD, now=now)


def _again(session: Session, task: Task, step: DispatchStep, addresses: Addresses, now: datetime) -> None:
    """Tells the holder. One who is not there any more does not have it; nobody waits for one whom nothing
    reaches, who may still come."""
    holder = _holder(session, task)
    if holder is None or not _queued(session, task, step, (holder,), addresses, now):
        losing.expire(session, task, Happened.LEFT if holder is None else Happened.UNHEARD, now=now)
        return
    _note(session, task, "told_holder", now=now, assignee_id=holder.id, late_s=step.late_s)


def _unfinished(
    session: Session, task: Task, step: DispatchStep, addresses: Addresses, now: datetime
) -> None:
    """Reminds whoever has it; from the second time on, or where nobody has it, the desk too."""
    holder = _holder(session, task)
    if holder is None and task.state in HELD:
        losing.expire(session, task, Happened.LEFT, now=now)
        return
    told = [] if holder is None else [holder]
    if step.turn or holder is None:
        desk = people.found(session, task, DESK, now=now) or people.everybody(session, task, now=now)
        told += [user for user in desk if holder is None or user.id != holder.id]
    told = _queued(session, task, step, told, addresses, now)
    _note(
        session,
        task,
        "unfinished",
        now=now,
        assignee_id=task.assignee_id,
        people=[user.id for user in told],
        late_s=step.late_s,
    )
    standing = Standing(state=TaskState(task.state), run=step.run, turn=step.turn)
    playbook = playbooks.loaded(session, step.playbook_id, task)
    planning.apply(session, task, playbook, step.playbook_id, standing, Happened.REMINDED, now=now)


def _holder(session: Session, task: Task) -> User | None:
    """Whoever has it, if they are still here."""
    holder = session.get(User, task.assignee_id) if task.assignee_id is not None else None
    return holder if losing.is_here(holder) else None


def _taken(session: Session, task: Task, step: DispatchStep, _addresses: Addresses, now: datetime) -> None:
    """Tells those who had been told since it was taken last, by the way that told them. Open pages show it by
    themselves."""
    before = session.scalar(
        select(func.max(DispatchStep.id)).where(
            DispatchStep.task_id == task.id,
            DispatchStep.kind == StepKind.TAKEN,
            DispatchStep.state == "done",
            DispatchStep.id != step.id,
        )
    )
    rows = session.execute(
        select(Delivery.user_id, Delivery.channel)
        .join(DispatchStep, DispatchStep.id == Delivery.step_id)
        .where(
            Delivery.task_id == task.id,
            Delivery.state.in_(("sending", "sent")),
            Delivery.channel != PAGE,
            Delivery.user_id != task.assignee_id,
            DispatchStep.kind.in_((StepKind.CALL, StepKind.END)),
            DispatchStep.id > (before or 0),
        )
        .distinct()
    ).all()
    for user_id, channel in rows:
        deliveries.add(session, task.id, step.id, user_id, (channel,), now=now)


def _inform(session: Session, task: Task, step: DispatchStep, addresses: Addresses, now: datetime) -> None:
    queued: set[int] = set()
    for told in informing.people(session, task, now=now):
        fresh = [user for user in told.people if user.id not in queued]
        queued |= {user.id for user in fresh}
        _queued(session, task, step, fresh, addresses, now)
        _note(session, task, told.action, now=now, people=[user.id for user in told.people], **told.detail)


def _watchers(session: Session, task: Task, step: DispatchStep, addresses: Addresses, now: datetime) -> None:
    query = select(User).join(TaskWatcher, TaskWatcher.user_id == User.id)
    watchers = session.scalars(query.where(TaskWatcher.task_id == task.id, User.disabled_at.is_(None)))
    _queued(session, task, step, watchers, addresses, now)


def _note(
    session: Session,
    task: Task,
    action: str,
    *,
    now: datetime,
    **detail: Any,
) -> None:
    append(
        session,
        TaskEvent,
        {
            "task_id": task.id,
            "at": now,
            "action": action,
            "from_state": task.state,
            "to_state": task.state,
            "detail": detail,
        },
    )
    task.version += 1
    announce(session, Change("task", str(task.id), action))


_Do = Callable[[Session, Task, DispatchStep, Addresses, datetime], None]
_DO: Final[dict[StepKind, _Do]] = {
    StepKind.CALL: _call,
    StepKind.END: _end,
    StepKind.ARRIVAL: _arrival,
    StepKind.ANSWER: _answer,
    StepKind.AGAIN: _again,
    StepKind.UNFINISHED: _unfinished,
    StepKind.TAKEN: _taken,
    StepKind.INFORM: _inform,
    StepKind.WATCHERS: _watchers,
}
