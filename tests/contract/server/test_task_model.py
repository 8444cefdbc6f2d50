"""A model-based test: sensors, people and time do what they like, and what must always hold, holds.

The rules are the real services on a real database; only the clock is ours. Each example has a home of its
own, so that examples share a database.
"""

import itertools
from collections.abc import Iterator
from contextlib import suppress
from datetime import datetime, timedelta
from functools import partial
from typing import Any, Final

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from firmware_profiles import Catalogue
from gateway.rules.model import Severity, TaskKind
from server.alarms import service as alarms
from server.clock import to_ms
from server.db.database import Database
from server.db.models import Alarm, Delivery, DispatchStep, Occurrence, Task, TaskEvent, User
from server.devices.schemas import DeviceIn
from server.devices.service import register
from server.dispatch import losing
from server.errors import ServerError
from server.places import schemas
from server.places import service as places
from server.tasks import following, repository, service
from server.tasks.service import Act
from server.tasks.states import BY_THE_WORLD, HELD, OPEN_STATES, UNANSWERED, TaskAction, TaskState, move
from tests.contract.server.conftest import NOW, viewer_of
from tests.contract.server.test_alarm_record import press
from tests.contract.server.test_dispatch import LI_HAS, work

LOGINS: Final = ("li", "wang", "zhou", "sun", "zhao")
RULES: Final = {
    "sos": (Severity.CRITICAL, False),
    "fall": (Severity.MAJOR, False),
    "inactivity": (Severity.MINOR, True),
}
"""What each rule's alarm is worth, and whether it ends by itself."""
DONE_BY_PEOPLE: Final = [a for a in TaskAction if a not in BY_THE_WORLD and a is not TaskAction.PHOTO]
FINDS_SOMEBODY: Final = ("call", "end", "arrival", "answer", "again", "unfinished", "taken")
_homes: Final[Iterator[int]] = itertools.count(1)


class Life(RuleBasedStateMachine):
    """One home, its sensors, the people who look after it, and time."""

    def __init__(self, database: Database, catalogue: Catalogue) -> None:
        super().__init__()
        self.database = database
        self.catalogue = catalogue
        self.people = {login: viewer_of(database, login) for login in LOGINS}
        self.now = NOW
        self.sent: list[Any] = []

    @initialize()
    def move_in(self) -> None:
        """A resident with a button."""
        self.home = f"m{next(_homes)}"
        with self.database.write() as session:
            places.put_resident(
                session, self.home, schemas.ResidentIn(area_id="area", name="王", address=self.home), now=NOW
            )
            places.put_position(
                session,
                f"{self.home}-sos",
                schemas.PositionIn(area_id="area", name="button", resident_id=self.home),
                now=self.now,
            )
            register(
                session,
                f"d-{self.home}",
                DeviceIn(
                    gateway_id="gw-1",
                    position_id=f"{self.home}-sos",
                    profile="tuya-ts0215a-sos",
                    address={"topic": f"zigbee2mqtt/{self.home}"},
                ),
                catalogue=self.catalogue,
                now=self.now,
            )

    @rule(name=st.sampled_from(sorted(RULES)))
    def alarm(self, name: str) -> None:
        """A sensor speaks."""
        severity, ends = RULES[name]
        number = len(self.sent) + 1
        message = press(
            number, epoch=self.home, breach=f"{self.home}-{number}", position=f"{self.home}-sos",
            device=f"d-{self.home}", rule=name, severity=severity, task_kind=TaskKind.CARE, ends=ends,
            device_ms=to_ms(self.now), gateway_ms=to_ms(self.now),
        )  # fmt: skip
        self.sent.append(message)
        self._record(message)

    @rule(data=st.data())
    def again(self, data: st.DataObject) -> None:
        """The gateway sends what it has sent before."""
        if self.sent:
            self._record(data.draw(st.sampled_from(self.sent)))

    @rule()
    def clear(self) -> None:
        """A condition ends."""
        with self.database.read() as session:
            alarm = session.scalar(
                select(Alarm).where(
                    Alarm.source_id == f"{self.home}-sos",
                    Alarm.rule == "inactivity",
                    Alarm.cleared_at.is_(None),
                )
            )
        if alarm is not None:
            number = 1_000 + len(self.sent)
            message = press(
                number, epoch=f"{self.home}-c{to_ms(self.now)}", event="cleared", breach=alarm.breach,
                position=f"{self.home}-sos", device=f"d-{self.home}", rule="inactivity",
                severity=Severity.MINOR, ends=True,
                device_ms=to_ms(self.now), gateway_ms=to_ms(self.now),
            )  # fmt: skip
            self._record(message)

    @rule(
        login=st.sampled_from(LOGINS),
        action=st.sampled_from(DONE_BY_PEOPLE),
        newest=st.integers(0, 2),
        outcome=st.sampled_from([None, "helped_on_site", "hospital", "false_alarm", "no_access", "test"]),
        cause=st.sampled_from([None, "pet", "other"]),
        note=st.sampled_from(["", "seen"]),
        other=st.sampled_from(LOGINS),
        minutes=st.sampled_from([None, 5, 240, 9_999]),
        verdict=st.sampled_from([None, "ok", "improve"]),
    )
    def person(self, login: str, action: TaskAction, newest: int, other: str, **facts: Any) -> None:
        """Somebody does something, right or wrong. What is refused has changed nothing."""
        tasks = self._tasks()
        if not tasks:
            return
        task = tasks[max(0, len(tasks) - 1 - newest)]
        wanted = Act(action=action, assignee_id=self.people[other].user_id, **facts)
        try:
            with self.database.write() as session:
                service.act(session, self.people[login], task.id, wanted, now=self.now)
        except ServerError:
            with self.database.read() as session:
                assert session.get_one(Task, task.id).version == task.version

    @rule(login=st.sampled_from(LOGINS[:4]))
    def usual(self, login: str) -> None:
        """Somebody does what comes next, so that tasks get on."""
        for task in self._tasks()[-1:]:
            following_act = {
                "new": TaskAction.ACKNOWLEDGE, "dispatched": TaskAction.ACKNOWLEDGE,
                "acknowledged": TaskAction.DEPART, "on_the_way": TaskAction.ARRIVE,
                "on_site": TaskAction.RESOLVE, "resolved": TaskAction.CLOSE,
            }.get(task.state)  # fmt: skip
            if following_act is not None:
                self._try(login, task.id, Act(action=following_act, outcome="helped_on_site"))

    @rule()
    def leaves(self) -> None:
        """Whoever has the newest task is disabled, and back when the server has noticed."""
        for task in self._tasks()[-1:]:
            if task.assignee_id is None or TaskState(task.state) not in HELD:
                return
            self._disable(task.assignee_id, self.now)
            losing.sweep(self.database, now=self.now)
            self._disable(task.assignee_id, None)
            with self.database.read() as session:
                assert session.get_one(Task, task.id).state == TaskState.DISPATCHED

    @rule(seconds=st.sampled_from([1, 30, 60, 130, 600, 1_000, 14_400, 300_000]))
    def time_passes(self, seconds: int) -> None:
        """The server does what falls due meanwhile, at its time."""
        end = self.now + timedelta(seconds=seconds)
        while True:
            due = self._next_due(end)
            if due is None:
                break
            self.now = max(self.now, due)
            work(self.database, self.now, LI_HAS)
            self._days()
        self.now = end
        self._days()
        work(self.database, self.now, LI_HAS)

    @invariant()
    def holds(self) -> None:
        """What must always hold."""
        if not hasattr(self, "home"):
            return
        with self.database.read() as session:
            tasks = self._tasks(session)
            kinds = [task.kind for task in tasks if task.closed_at is None]
            assert len(kinds) == len(set(kinds)), "two open tasks of a kind"
            kept = session.scalar(
                select(func.count())
                .select_from(Occurrence)
                .where(Occurrence.position_id == f"{self.home}-sos", Occurrence.event == "occurred")
            )
            assert kept == len(self.sent), "an occurrence is lost or doubled"
            assert sum(task.occurrences for task in tasks if task.kind == "care") == len(self.sent)
            for task in tasks:
                self._check(session, task)

    def _check(self, session: Session, task: Task) -> None:
        state = TaskState(task.state)
        _timeline_holds(repository.timeline(session, task.id), state)
        planned = set(
            session.scalars(
                select(DispatchStep.kind).where(
                    DispatchStep.task_id == task.id, DispatchStep.state == "planned"
                )
            )
        ) & set(FINDS_SOMEBODY)
        queued = session.scalars(
            select(DispatchStep.kind)
            .join(Delivery, Delivery.step_id == DispatchStep.id)
            .where(Delivery.task_id == task.id, Delivery.state == "queued")
        ).all()
        assert (task.closed_at is not None) == (state not in OPEN_STATES)
        if state in UNANSWERED:
            told = task.severity != Severity.CRITICAL and self._told_everybody(session, task)
            assert planned & {"call", "end"} or told, "nobody is to be told"
        else:
            assert not planned & {"call", "end"}, "the chain goes on although somebody has it"
            assert "call" not in queued, "a message that is not needed any more"
        if state in (TaskState.ACKNOWLEDGED, TaskState.ON_THE_WAY):
            assert "arrival" in planned, "nobody notices when the holder does not come"
        if state in (TaskState.ON_SITE, TaskState.RESOLVED):
            assert "unfinished" in planned, "nobody notices when it is never ended"
        if task.unheard_at is not None:
            assert state in HELD
            assert "answer" in planned, "nobody notices when the holder does not answer"
        if state is TaskState.PLANNED:
            assert task.due_at is not None
            assert not planned
        if state is TaskState.CLOSED:
            assert task.outcome is not None
        if state not in OPEN_STATES:
            assert planned == set(), "an ended task is told on"

    def _told_everybody(self, session: Session, task: Task) -> bool:
        chain = select(TaskEvent.action).where(
            TaskEvent.task_id == task.id,
            TaskEvent.action.in_(("told", "escalated", "told_nobody", "unanswered", "told_holder")),
        )
        return session.scalar(chain.order_by(TaskEvent.id.desc()).limit(1)) == "unanswered"

    def _tasks(self, session: Session | None = None) -> list[Task]:
        query = select(Task).where(Task.subject_id == self.home).order_by(Task.id)
        if session is not None:
            return list(session.scalars(query))
        with self.database.read() as fresh:
            return list(fresh.scalars(query))

    def _record(self, message: Any) -> None:
        with self.database.write() as session:
            alarms.record(session, gateway_id="gw-1", message=message, now=self.now)

    def _try(self, login: str, task_id: int, wanted: Act) -> None:
        with suppress(ServerError), self.database.write() as session:
            service.act(session, self.people[login], task_id, wanted, now=self.now)

    def _disable(self, user_id: int, at: datetime | None) -> None:
        with self.database.write() as session:
            session.get_one(User, user_id).disabled_at = at

    def _days(self) -> None:
        with self.database.read() as session:
            due = following.due(session, now=self.now)
        for task_id in due:
            with self.database.write() as session:
                following.fall_due(session, task_id, now=self.now)

    def _next_due(self, end: datetime) -> datetime | None:
        with self.database.read() as session:
            step = session.scalar(
                select(func.min(DispatchStep.due_at))
                .join(Task, Task.id == DispatchStep.task_id)
                .where(Task.subject_id == self.home, DispatchStep.state == "planned")
            )
        return step if step is not None and step <= end else None


def _timeline_holds(events: Any, state: TaskState) -> None:
    """Each line begins where the one before ended, and every move is the table's."""
    at = None
    for event in events:
        assert event.from_state == at, "a gap in the timeline"
        if at is not None:
            name = "recur" if event.action == "recurred" else event.action
            moved = move(TaskState(at), TaskAction(name)) if name in set(TaskAction) else TaskState(at)
            assert event.to_state == moved, f"{event.action} from {at} to {event.to_state}"
        at = event.to_state
    assert at == state, "the timeline ends elsewhere than the task"


def run(database: Database, catalogue: Catalogue, *, examples: int, steps: int, fixed: bool) -> None:
    """The machine, so many times."""
    run_state_machine_as_test(
        partial(Life, database, catalogue),  # type: ignore[arg-type]  # a factory does as well as a class
        settings=settings(
            max_examples=examples,
            stateful_step_count=steps,
            derandomize=fixed,
            database=None,
            suppress_health_check=list(HealthCheck),
        ),
    )


def test_whatever_happens_somebody_comes_and_it_can_be_shown(staffed: Database, catalogue: Catalogue) -> None:
    """The same examples each time, so that a change that breaks a rule is seen with that change."""
    examples = 6 if staffed.is_sqlite else 3
    run(staffed, catalogue, examples=examples, steps=25, fixed=True)


@pytest.mark.soak
def test_whatever_happens_for_long(staffed: Database, catalogue: Catalogue) -> None:
    run(staffed, catalogue, examples=400 if staffed.is_sqlite else 60, steps=60, fixed=False)
