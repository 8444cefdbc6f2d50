"""Writing down what falls due, in the transaction in which the thing happened.

The caller holds the task's row: every path takes the task first, then its steps, then its deliveries, so
that no two transactions wait for each other.
"""

from datetime import datetime

from sqlalchemy import bindparam, exists, select, update
from sqlalchemy.orm import Session

from server.db.append import append
from server.db.models import Delivery, DispatchStep, Task
from server.dispatch import playbooks
from server.dispatch.core import Happened, Playbook, Standing, StepKind, decide
from server.tasks.states import TaskState

_FRESH = frozenset({Happened.OPENED, Happened.WORSE, Happened.REOPENED})
"""A new run, and with it the playbook that counts now."""
_LOOK_BACK = 5
_CHAIN = (StepKind.CALL, StepKind.END)
_WAITS = select(
    exists().where(
        DispatchStep.task_id == bindparam("task_id"),
        DispatchStep.state == "planned",
        DispatchStep.kind.in_(_CHAIN),
    )
)


def breach_happened(
    session: Session, task_id: int, state: TaskState, what: Happened, *, now: datetime
) -> None:
    """Plans what follows from another breach or occurrence; `state` is the task's after it. While the chain
    goes on anyway, a further press costs one look and no more: alarms come this way."""
    if what is Happened.RECURRED and not Standing(state=state).held and _waits(session, task_id):
        return
    happened(session, session.get_one(Task, task_id, populate_existing=True), what, now=now)


def _waits(session: Session, task_id: int) -> bool:
    return bool(session.connection().scalar(_WAITS, {"task_id": task_id}))


def happened(session: Session, task: Task, what: Happened, *, now: datetime) -> None:
    """Plans what follows from `what`. `task.state` is the state after it."""
    standing, playbook_id = standing_of(session, task)
    if what in _FRESH:
        playbook_id = playbooks.chosen(session, task)
    playbook = playbooks.loaded(session, playbook_id, task)
    apply(session, task, playbook, playbook_id, standing, what, now=now)


def apply(
    session: Session,
    task: Task,
    playbook: Playbook,
    playbook_id: int | None,
    standing: Standing,
    what: Happened,
    *,
    now: datetime,
) -> None:
    """Writes the core's decision."""
    decision = decide(playbook, standing, what, now)
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
            .where(Delivery.task_id == task.id, Delivery.state == "queued")
            .values(state="cancelled", ended_at=now)
        )
    planned = _planned_kinds(session, task.id) if StepKind.AGAIN in {p.kind for p in decision.plan} else set()
    for plan in decision.plan:
        if plan.kind in planned and plan.kind not in decision.cancel:
            continue  # the holder has not yet heard of the last one: once tells both
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
    standing = Standing(
        state=TaskState(task.state),
        run=rows[0].run,
        number=-1 if told is None else told.number,
        turn=0 if told is None else told.turn,
        waits=rows[0].state == "planned",
    )
    return standing, rows[0].playbook_id


def _planned_kinds(session: Session, task_id: int) -> set[str]:
    return set(
        session.scalars(
            select(DispatchStep.kind).where(DispatchStep.task_id == task_id, DispatchStep.state == "planned")
        )
    )
