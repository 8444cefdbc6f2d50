"""What must hold of a simulated day, asked of the database by plain queries and of the simulation's log."""

from collections import Counter
from datetime import datetime, timedelta

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from server.coverage.core import union
from server.coverage.hours import hours
from server.db.models import (
    Alarm,
    Delivery,
    DispatchStep,
    Occurrence,
    QuarantinedMessage,
    Task,
    TaskEvent,
    UnprotectedSpan,
)
from server.dispatch.auditor import OVERDUE
from server.figures.model import Figures, adds_up
from server.tasks.states import OPEN_STATES, UNANSWERED, TaskState
from tests.soak.gateways import LANE, Said
from tests.soak.happenings import Outage
from tests.soak.ledger import Ledger
from tests.soak.world import World

URGENT = ("critical", "major")
EMERGENCIES = ("care", "well", "public_health")
CHAIN = ("told", "escalated", "told_nobody", "unanswered", "told_holder")
HELD = frozenset({TaskState.ACKNOWLEDGED, TaskState.ON_THE_WAY, TaskState.ON_SITE, TaskState.RESOLVED})


def chains_hold(session: Session, *, now: datetime) -> None:
    """At any moment: who has not answered is still being sought, or all have been told; what is held or over
    is sought for no more; nothing is late."""
    planned: dict[int, set[str]] = {}
    for task_id, kind, due_at in session.execute(
        select(DispatchStep.task_id, DispatchStep.kind, DispatchStep.due_at).where(
            DispatchStep.state == "planned"
        )
    ):
        planned.setdefault(task_id, set()).add(kind)
        assert due_at >= now - OVERDUE, f"a step of task {task_id} is overdue since {due_at}"
    for task in session.scalars(select(Task).where(Task.closed_at.is_(None), ~Task.muted)):
        sought = planned.get(task.id, set()) & {"call", "end"}
        if task.state in UNANSWERED:
            to_the_end = task.severity != "critical" and newest_of_chain(session, task.id) == "unanswered"
            assert sought or to_the_end, f"nobody is sought for {task.id}"
        elif task.state != TaskState.PLANNED:
            assert not sought, f"task {task.id} is {task.state} and the chain goes on"
            awaited = planned.get(task.id, set()) & {"arrival", "unfinished"}
            assert awaited, f"task {task.id} is {task.state}, and nobody would notice if it stayed so"
    over = set(session.scalars(select(Task.id).where(Task.id.in_(planned), Task.closed_at.is_not(None))))
    finding = {task_id for task_id in over if planned[task_id] - {"taken", "watchers", "inform"}}
    assert not finding, f"ended tasks are told on: {finding}"


def newest_of_chain(session: Session, task_id: int) -> str | None:
    """What the chain did last."""
    query = select(TaskEvent.action).where(TaskEvent.task_id == task_id, TaskEvent.action.in_(CHAIN))
    return session.scalar(query.order_by(TaskEvent.id.desc()).limit(1))


def emergencies_end(session: Session) -> Counter[str]:
    """Each emergency is over, held by somebody, or was told to its chain's end; how many of which."""
    found: Counter[str] = Counter()
    query = select(Task).where(
        Task.kind.in_(EMERGENCIES), Task.severity.in_(URGENT), Task.state != TaskState.PLANNED
    )
    for task in session.scalars(query):
        if task.state not in OPEN_STATES:
            found["over"] += 1
        elif task.state in HELD:
            found["held"] += 1
        else:
            last = newest_of_chain(session, task.id)
            assert task.unanswered_at is not None, (
                f"task {task.id} is {task.state}, and the last of its chain is {last}"
            )
            found["told to the end"] += 1
    return found


def alarms_are_one_to_one(session: Session, said: Said) -> None:
    """Each press and fall is one occurrence; each message of a lane is one row; none was refused."""
    assert session.scalar(select(func.count()).select_from(QuarantinedMessage)) == 0
    rows = session.execute(
        select(Occurrence.gateway_id, Occurrence.epoch, Occurrence.seq).where(
            Occurrence.gateway_id.in_({gateway for gateway, _, _ in said.kept}),
            Occurrence.epoch.endswith(LANE),
        )
    ).all()
    assert len(rows) == len(set(rows))
    found = {tuple(row) for row in rows}
    assert found == said.kept, f"lost {said.kept - found}, made up {found - said.kept}"
    pressed = Counter(
        (position or "", round(at.timestamp() * 1_000))
        for position, at in session.execute(
            select(Occurrence.position_id, Occurrence.device_at).where(
                Occurrence.rule.in_(("sos", "fall")), Occurrence.event == "occurred"
            )
        )
    )
    assert pressed == Counter(said.events), (pressed - Counter(said.events), Counter(said.events) - pressed)
    care = select(func.sum(Task.occurrences)).where(Task.kind == "care")
    alarms = (
        select(func.sum(Alarm.occurrences)).join(Task, Task.id == Alarm.task_id).where(Task.kind == "care")
    )
    assert session.scalar(care) == session.scalar(alarms), "tasks and alarms count other occurrences"


def steps_are_done_once(session: Session) -> None:
    """Each step that was done stands once on its task's timeline; none late; each message once."""
    done: Counter[int] = Counter(
        session.scalars(
            select(DispatchStep.task_id).where(DispatchStep.state == "done", DispatchStep.kind == "call")
        )
    )
    noted: Counter[int] = Counter(
        session.scalars(
            select(TaskEvent.task_id).where(TaskEvent.action.in_(("told", "escalated", "told_nobody")))
        )
    )
    assert done == noted, done - noted
    ends = select(func.count()).where(DispatchStep.state == "done", DispatchStep.kind == "end")
    unanswered = select(func.count()).where(TaskEvent.action == "unanswered")
    assert session.scalar(ends) == session.scalar(unanswered)
    latest = session.scalar(select(func.max(DispatchStep.late_s)))
    assert latest is not None
    assert latest <= OVERDUE.total_seconds()
    keys = session.execute(select(Delivery.step_id, Delivery.user_id, Delivery.channel)).all()
    assert len(keys) == len(set(keys))
    left = select(func.count()).where(Delivery.state.in_(("queued", "sending")))
    assert session.scalar(left) == 0, "messages that nobody sends"


def first_word_is_quick(session: Session, tried: dict[int, datetime]) -> timedelta:
    """For each critical task somebody is told within a second of the record; the longest that it took."""
    first: dict[int, datetime] = {}
    for number, task_id, sent_at in session.execute(select(Delivery.id, Delivery.task_id, Delivery.sent_at)):
        at = min((one for one in (tried.get(number), sent_at) if one is not None), default=None)
        if at is not None and (task_id not in first or at < first[task_id]):
            first[task_id] = at
    longest = timedelta(0)
    opened = select(TaskEvent.task_id, TaskEvent.at, TaskEvent.detail).where(TaskEvent.action == "opened")
    muted = set(session.scalars(select(TaskEvent.task_id).where(TaskEvent.action == "muted")))
    for task_id, at, detail in session.execute(opened):
        if detail["severity"] == "critical" and task_id not in muted:
            assert task_id in first, f"nobody was told of task {task_id}"
            longest = max(longest, first[task_id] - at)
    assert longest <= timedelta(seconds=1), longest
    return longest


def figures_agree(session: Session, figures: Figures, ledger: Ledger) -> None:
    """Totals, classes, answers, areas and hours are those of the simulation's own log."""
    total = figures.total
    expected = ledger.counts()
    found = {name: getattr(total, name) for name in expected}
    assert found == expected, _differing(session, ledger)
    policy = figures.policy
    urgent = set(
        session.scalars(
            select(Task.id).where(Task.kind.in_(policy.kinds), Task.severity.in_(policy.severities))
        )
    )
    assert total.within_first == ledger.answered(urgent, 60)
    assert total.within_second == ledger.answered(urgent, 180)
    assert total.judged_second == sum(ledger.lives[number].counts_as == "counted" for number in urgent)
    for parts in (figures.areas, figures.hours_of_day):
        assert adds_up(parts, total)
    assert sum(row.opened for row in figures.kinds) == total.opened
    assert {row.key: row.opened for row in figures.areas} == dict(ledger.by_area())
    hours_found = {int(row.key): row.opened for row in figures.hours_of_day if row.opened}
    assert hours_found == dict(ledger.by_hour())
    assert all(step.done_late == 0 and step.overdue == 0 for step in figures.steps)


def _differing(session: Session, ledger: Ledger) -> list[str]:
    """Which tasks the record and the log tell otherwise, for the message of a failure."""
    found: list[str] = []
    for task in session.scalars(select(Task).order_by(Task.id)):
        life = ledger.lives.get(task.id)
        if life is None:
            found.append(f"{task.id} {task.kind} {task.rule}: not in the log")
            continue
        theirs = (task.test, task.late, task.muted, task.closed_at is not None, task.outcome)
        ours = (life.test, life.late, life.muted, life.closed_at is not None, life.outcome)
        if theirs != ours or (task.parent_id is not None and not life.planned):
            found.append(f"{task.id} {task.kind} {task.rule} {task.state}: {theirs} {ours} {task.parent_id}")
    return found


def hours_agree(
    session: Session, world: World, outages: list[Outage], *, start: datetime, end: datetime
) -> tuple[timedelta, timedelta]:
    """The unprotected hours of each resident are those of the outages, within what the server could know.
    (the record's, the simulation's)"""
    spans: dict[str, list[tuple[datetime, datetime]]] = {}
    slack: Counter[str] = Counter()
    for outage in outages:
        for resident in outage.residents:
            spans.setdefault(resident, []).append((max(outage.since, start), min(outage.until, end)))
            slack[resident] += int(outage.slack_s) + 1
    for resident in world.untested:
        spans[resident] = [(start, end)]
    own = {
        resident: sum((until - since for since, until in union(of)), timedelta(0))
        for resident, of in spans.items()
    }
    found = hours(session, start=start, end=end, now=end)
    recorded = {share.resident_id: share.unprotected for share in found.shares}
    assert found.residents == len(world.residents)
    for resident in own.keys() | recorded.keys():
        low = own.get(resident, timedelta(0))
        high = low + timedelta(seconds=slack[resident])
        held = recorded.get(resident, timedelta(0))
        assert low - timedelta(seconds=1) <= held <= high, (resident, low, held, high)
    return found.unprotected, sum(own.values(), timedelta(0))


def nobody_is_forgotten(
    session: Session, world: World, outages: list[Outage], *, settle_s: float, now: datetime
) -> int:
    """Who has been unprotected for longer than the server may need to know has an open span; and who has one
    is, or was until just now. How many have one."""
    settle = timedelta(seconds=settle_s)
    out = set(world.untested)
    lately = set(world.untested)
    for outage in outages:
        if outage.since + settle < now < outage.until:
            out |= outage.residents
        if (
            outage.since - timedelta(seconds=outage.slack_s)
            < now
            < outage.until + timedelta(seconds=outage.slack_s)
        ):
            lately |= outage.residents
    spans = set(session.scalars(select(UnprotectedSpan.resident_id).where(UnprotectedSpan.until.is_(None))))
    missed = [one for one in outages if one.since + settle < now < one.until and one.residents - spans]
    assert out <= spans, f"unprotected without a span: {sorted(out - spans)[:10]} by {missed[:3]}"
    assert spans <= lately, f"a span without a cause: {sorted(spans - lately)[:10]}"
    return len(spans)
