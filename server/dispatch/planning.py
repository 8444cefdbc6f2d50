"""Writing down what falls due, in the transaction in which the thing happened.

The caller holds the task's row: every path takes the task first, then its steps, then its deliveries, so
that no two transactions wait for each other.
"""

from datetime import datetime
from typing import Final

from sqlalchemy import bindparam, exists, select, update
from sqlalchemy.orm import Session

from gateway.rules.model import Severity
from server.db.append import append
from server.db.models import Delivery, DispatchStep, Task
from server.dispatch import playbooks
from server.dispatch.core import BEFORE, FIRST, Ask, Happened, Playbook, Standing, StepKind, decide
from server.dispatch.playbooks import Subject
from server.tasks.states import HELD, TaskState

_ANEW: Final = frozenset(
    {Happened.OPENED, Happened.WORSE, Happened.OUTGROWN, Happened.REOPENED, Happened.UNHEARD, Happened.LEFT}
)
_FRESH: Final = _ANEW | {Happened.UNANSWERED}
"""A new run, and with it the playbook that counts now."""
_WAITS: Final = frozenset({Happened.RECURRED, Happened.URGENT, Happened.WORSE})
"""What a holder has not answered to yet goes on waiting for it."""
_WAKES: Final = frozenset({Severity.CRITICAL, Severity.MAJOR})
"""Another occurrence of these ends a snooze; a lesser one waits until it is over."""
_LOOK_BACK: Final = 5
_CHAIN: Final = (StepKind.CALL, StepKind.END)
_ONCE: Final = frozenset({StepKind.AGAIN, StepKind.ARRIVAL, StepKind.ANSWER, StepKind.UNFINISHED})
_GOES_ON: Final = select(
    exists().where(
        DispatchStep.task_id == bindparam("task_id"),
        DispatchStep.state == "planned",
        DispatchStep.kind.in_(_CHAIN),
        Task.id == DispatchStep.task_id,
        Task.snoozed_until.is_(None),
    )
)


def opened(session: Session, need: Subject, task_id: int, *, asks_first: bool = False, now: datetime) -> None:
    """Plans the first step of a new task, with `asks_first` that whoever declared the work there is asked
    before it: one look at which playbook counts and one row. Alarms come this way, and nothing here needs the
    task's own row."""
    first = {
        "task_id": task_id,
        "playbook_id": playbooks.chosen(session, need),
        "kind": StepKind.CALL,
        "run": FIRST,
        "number": BEFORE if asks_first else 0,
        "turn": 0,
        "state": "planned",
        "planned_at": now,
        "due_at": now,
        "late_s": 0,
        "ask": Ask.GO,
    }
    append(session, DispatchStep, first)


def breach_happened(
    session: Session, task_id: int, state: TaskState, what: Happened, *, now: datetime
) -> None:
    """Plans what follows from another breach or occurrence; `state` is the task's after it. While the chain
    goes on anyway, a further press costs one look and no more: alarms come this way."""
    joined = what in (Happened.RECURRED, Happened.URGENT)
    if joined and not Standing(state=state).held and _goes_on(session, task_id):
        return
    happened(session, session.get_one(Task, task_id, populate_existing=True), what, now=now)


def _goes_on(session: Session, task_id: int) -> bool:
    return bool(session.connection().scalar(_GOES_ON, {"task_id": task_id}))


def happened(session: Session, task: Task, what: Happened, *, now: datetime) -> None:
    """Plans what follows from `what`. `task.state` is the state after it."""
    asleep = task.snoozed_until is not None and task.snoozed_until > now
    if what in (Happened.RECURRED, Happened.URGENT) and asleep:
        if what is Happened.RECURRED and task.severity not in _WAKES:
            return
        if TaskState(task.state) not in HELD:
            what = Happened.WORSE
    task.snoozed_until = None
    _follow(session, task, what, now=now)


def snoozed(session: Session, task: Task, until: datetime, *, now: datetime) -> None:
    """Puts off what was to be told until `until`. The caller holds the task's row and has checked the
    reason; another occurrence of a critical or major task ends it."""
    task.snoozed_until = until
    _follow(session, task, Happened.SNOOZED, now=now, until=until)


def _follow(
    session: Session, task: Task, what: Happened, *, now: datetime, until: datetime | None = None
) -> None:
    standing, playbook_id = standing_of(session, task)
    if what is Happened.URGENT and standing.held:
        task.unheard_at = task.unheard_at or now
    elif what not in _WAITS:
        task.unheard_at = None
    if what in _ANEW or what is Happened.ACKNOWLEDGED:
        task.unanswered_at = None
    if what in _FRESH:
        playbook_id = playbooks.chosen(session, task)
    playbook = playbooks.loaded(session, playbook_id, task)
    apply(session, task, playbook, playbook_id, standing, what, now=now, until=until)


def apply(
    session: Session,
    task: Task,
    playbook: Playbook,
    playbook_id: int | None,
    standing: Standing,
    what: Happened,
    *,
    now: datetime,
    until: datetime | None = None,
) -> None:
    """Writes the core's decision. For a task that was opened while work was declared nobody is sought;
    whoever takes it, or is given it, is told as ever."""
    decision = decide(playbook, standing, what, now, until=until)
    if decision.cancel:
        session.execute(
            update(DispatchStep)
            .where(
                DispatchStep.task_id == task.id,
                DispatchStep.state == "planned",
                DispatchStep.kind.in_(sorted(decision.cancel)),
            )
            .values(state="cancelled", done_at=now)
        )
    if decision.cancel_sends:
        session.execute(
            update(Delivery)
            .where(
                Delivery.task_id == task.id,
                Delivery.state == "queued",
                Delivery.step_id.in_(
                    select(DispatchStep.id).where(
                        DispatchStep.task_id == task.id, DispatchStep.kind.in_(sorted(decision.cancel))
                    )
                ),
            )
            .values(state="cancelled", ended_at=now)
        )
    for plan in decision.plan:
        if task.muted and plan.kind in _CHAIN:
            continue
        once = plan.kind in _ONCE and plan.kind not in decision.cancel
        if once and _brought_forward(session, task.id, plan.kind, plan.due_at):
            continue  # the holder has not yet heard of the last one, or is awaited already
        values = {
            "task_id": task.id,
            "playbook_id": playbook_id,
            "kind": plan.kind,
            "run": plan.run,
            "number": plan.number,
            "turn": plan.turn,
            "state": "planned",
            "planned_at": now,
            "due_at": plan.due_at,
            "late_s": 0,
            "ask": Ask.GO,
        }
        append(session, DispatchStep, values)


def inform(session: Session, task_id: int, *, now: datetime) -> None:
    """Plans that those are told whom the task concerns, though they need not go; once, however often it is
    asked for before it is done. The caller holds the task."""
    waits = exists().where(
        DispatchStep.task_id == task_id,
        DispatchStep.kind == StepKind.INFORM,
        DispatchStep.state == "planned",
    )
    if session.scalar(select(waits)):
        return
    values = {
        "task_id": task_id,
        "playbook_id": None,
        "kind": StepKind.INFORM,
        "run": 0,
        "number": 0,
        "turn": 0,
        "state": "planned",
        "planned_at": now,
        "due_at": now,
        "late_s": 0,
        "ask": Ask.GO,
    }
    append(session, DispatchStep, values)


def standing_of(session: Session, task: Task) -> tuple[Standing, int | None]:
    """Where the task's chain stands, and the stored playbook that it follows."""
    rows = session.execute(
        select(
            DispatchStep.run,
            DispatchStep.number,
            DispatchStep.turn,
            DispatchStep.state,
            DispatchStep.kind,
            DispatchStep.playbook_id,
        )
        .where(DispatchStep.task_id == task.id, DispatchStep.kind.in_(_CHAIN))
        .order_by(DispatchStep.id.desc())
        .limit(_LOOK_BACK)
    ).all()
    if not rows:
        return Standing(state=TaskState(task.state)), playbooks.chosen(session, task)
    told = next((row for row in rows if row.state == "done" and row.kind == StepKind.CALL), None)
    newest = rows[0]
    if newest.state == "planned" and (newest.kind, newest.number, newest.turn) == (StepKind.CALL, 0, 0):
        told = None  # it begins anew, perhaps by another playbook
    standing = Standing(
        state=TaskState(task.state),
        run=rows[0].run,
        number=-1 if told is None else told.number,
        turn=0 if told is None else told.turn,
        waits=rows[0].state == "planned",
    )
    return standing, rows[0].playbook_id


def _brought_forward(session: Session, task_id: int, kind: StepKind, due_at: datetime) -> bool:
    """Whether such a step is planned anyway: from now on not later than `due_at`."""
    step = session.scalar(
        select(DispatchStep).where(
            DispatchStep.task_id == task_id,
            DispatchStep.state == "planned",
            DispatchStep.kind == kind,
        )
    )
    if step is not None:
        step.due_at = min(step.due_at, due_at)
    return step is not None
