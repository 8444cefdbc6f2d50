"""Servers killed again and again while presses come in, people act and messages fail: each step once."""

import logging
import multiprocessing
import random
import time
from collections import Counter
from collections.abc import Sequence
from itertools import chain
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, or_, select

from gateway.rules.model import Severity, TaskKind
from server.db.database import Database
from server.db.models import (
    Alarm,
    Attachment,
    Delivery,
    Device,
    DispatchStep,
    Occurrence,
    Position,
    Resident,
    Task,
    TaskEvent,
    User,
)
from server.dispatch import playbooks
from server.dispatch.playbooks import PlaybookIn
from server.notify.policy import DispatchPolicy
from server.policies import service as policies
from server.tasks.states import UNANSWERED
from tests.contract.server.conftest import viewer_of
from tests.contract.server.dispatch_process import PRESSES, WAYS, Life, clock, life_of, main

log = logging.getLogger(__name__)
KILL_S = 0.8
STEP_S = 12
PLAN = {
    "steps": [
        {"who": {"kind": "person", "value": login}, "within_s": STEP_S} for login in ("li", "zhou", "sun")
    ],
    "arrive_within_s": 60,
    "again_every_s": 86_400,  # on the fast clock somebody would be told all the time, and nothing ever over
    "close_within_s": 86_400,
}
SAID = {
    ("call",): ("told", "escalated", "told_nobody"),
    ("end",): ("unanswered",),
    ("arrival", "answer"): ("expire",),
    ("again",): ("told_holder",),
    ("unfinished",): ("unfinished",),
}
"""What the timeline says when a step of these kinds is done."""
CANCELS = {"acknowledge", "arrive", "close", "snooze", "expire"}


@pytest.mark.parametrize(
    ("database", "number", "homes", "speed"),
    [
        ("postgres", 8, 20, 20.0),
        ("sqlite", 1, 10, 20.0),
        pytest.param("postgres", 8, 1_000, 10.0, marks=pytest.mark.soak),
        pytest.param("sqlite", 1, 1_000, 10.0, marks=pytest.mark.soak),
    ],
    indirect=["database"],
)
def test_no_step_is_skipped_and_none_done_twice(
    staffed: Database, tmp_path: Path, number: int, homes: int, speed: float
) -> None:
    """A message may be handed over again, under its number, only by a kill between handing over and noting
    it: at most once for each kill. Everything else is exactly once."""
    _prepare(staffed, homes)
    url = staffed.engine.url.render_as_string(hide_password=False)
    processes = multiprocessing.get_context("forkserver")  # begun once: a new one costs milliseconds
    processes.set_forkserver_preload(["tests.contract.server.dispatch_process"])
    started = time.time()

    def begin() -> multiprocessing.process.BaseProcess:
        args = (url, str(tmp_path), started, speed, homes)
        process = processes.Process(target=main, args=args, daemon=True)
        process.start()
        return process

    running = [begin() for _ in range(number)]
    chance = random.Random(7)
    kills = 0
    works: set[str] = set()  # so long that it has done something: on a busy machine a start takes its time
    deadline = time.monotonic() + 600 + 3 * homes  # who acts where is chance: the last home takes long
    try:
        while not _is_over(staffed, homes):
            assert time.monotonic() < deadline, _counts(staffed)
            time.sleep(KILL_S)
            at = chance.randrange(number)
            if str(running[at].pid) not in works:
                works = set(_lines(tmp_path / "ready"))
                continue
            running[at].kill()
            running[at].join()
            kills += 1
            running[at] = begin()
    finally:
        for process in running:
            process.kill()
            process.join()
    said = Counter(_lines(tmp_path / "told"))
    log.info("%.0f s, %d kills, %s", time.time() - started, kills, _counts(staffed))
    assert kills >= 3  # a fast machine is soon done
    assert not [line for line in _lines(tmp_path / "troubles") if "deadlock" in line]
    record = _Record(staffed)
    _check_presses(staffed, homes)
    for task in record.tasks:
        _check_steps(task, record.steps[task.id], record.events[task.id])
        _check_deliveries(record, task)
    _check_told(record, said, kills)


def _lines(path: Path) -> list[str]:
    return path.read_text(encoding="utf-8").splitlines() if path.exists() else []


class _Record:
    """What is in the database at the end, by task."""

    def __init__(self, database: Database) -> None:
        with database.read() as session:
            self.logins = dict(session.execute(select(User.id, User.login)).all())
            self.tasks = session.scalars(select(Task).where(Task.kind == TaskKind.CARE)).all()
            self.steps: dict[int, list[DispatchStep]] = {task.id: [] for task in self.tasks}
            self.events: dict[int, list[TaskEvent]] = {task.id: [] for task in self.tasks}
            self.deliveries: dict[int, list[Delivery]] = {task.id: [] for task in self.tasks}
            self.others: set[str] = set()  # messages of the server's own, that a channel fails
            for step in session.scalars(select(DispatchStep).order_by(DispatchStep.id)):
                self.steps.get(step.task_id, []).append(step)
            for happened in session.scalars(select(TaskEvent).order_by(TaskEvent.id)):
                self.events.get(happened.task_id, []).append(happened)
            for delivery in session.scalars(select(Delivery).order_by(Delivery.id)):
                if delivery.task_id in self.deliveries:
                    self.deliveries[delivery.task_id].append(delivery)
                else:
                    self.others.add(str(delivery.id))


def _check_presses(database: Database, homes: int) -> None:
    """One alarm, one task and every press once, though several processes wrote each of them down."""
    wanted = {f"x{home}": PRESSES.get(life_of(home), 1) for home in range(homes)}
    with database.read() as session:
        pressed = select(Occurrence.epoch, func.count()).where(Occurrence.gateway_id == "gw-1")
        kept = session.execute(pressed.group_by(Occurrence.epoch)).all()
        found = session.execute(
            select(Task.subject_id, Task.occurrences, Alarm.occurrences).join(Alarm, Alarm.task_id == Task.id)
            .where(Task.kind == TaskKind.CARE)
        ).all()  # fmt: skip
    assert {row[0]: row[1] for row in kept} == wanted
    assert sorted(tuple(row) for row in found) == sorted((home, n, n) for home, n in wanted.items())


def _check_steps(task: Task, steps: Sequence[DispatchStep], events: Sequence[TaskEvent]) -> None:
    done = Counter(step.kind for step in steps if step.state == "done")
    said = Counter(event.action for event in events)
    for kinds, actions in SAID.items():
        assert sum(done[kind] for kind in kinds) == sum(said[action] for action in actions), (task.id, kinds)
    calls: dict[int, list[int]] = {}
    for step in steps:
        again = task.closed_at is None and (step.kind, step.number, step.turn) == ("call", 2, 0)
        assert step.state in ("done", "cancelled") or (again and step is steps[-1]), (task.id, step.kind)
        if step.kind == "call":
            calls.setdefault(step.run, []).append(step.number)
    assert list(calls) == list(range(1, len(calls) + 1))
    for run, numbers in calls.items():
        assert numbers == list(range(numbers[0], numbers[0] + len(numbers))), (task.id, run)
    assert calls[1][0] == 0
    because = {event.at for event in events if event.action in CANCELS}
    assert all(step.done_at in because for step in steps if step.state == "cancelled"), task.id
    if task.closed_at is None:  # nobody came: the chain was told to its end
        told = [step for step in steps if step.kind in ("call", "end") and step.state != "planned"]
        assert (told[-1].kind, told[-1].state) == ("end", "done")
        assert [step.number for step in told if step.run == told[-1].run and step.kind == "call"][-1] == 2
    assert (task.closed_at is not None) is (life_of(int(task.subject_id[1:])) is Life.HELD)


def _check_deliveries(record: _Record, task: Task) -> None:
    """By each person's channels in order, the next one only after the last one failed; stopped only by an
    answer; and those told are those the timeline names."""
    sends: dict[tuple[int, int], list[Delivery]] = {}
    for delivery in record.deliveries[task.id]:
        sends.setdefault((delivery.step_id, delivery.user_id), []).append(delivery)
    told = {step.id for step in record.steps[task.id] if step.kind == "call" and step.state == "done"}
    named = [
        event.detail["people"] for event in record.events[task.id] if event.action in ("told", "escalated")
    ]
    assert Counter(user for step, user in sends if step in told) == Counter(chain.from_iterable(named))
    by_id = {step.id: step for step in record.steps[task.id]}
    for (step, user), tries in sends.items():
        ways = (*WAYS.get(record.logins[user], ()), "page")
        channels = tuple(one.channel for one in tries)
        # Who has it is told by the way that told them before; too many lesser messages go to the page.
        short = by_id[step].kind == "taken" or tries[0].error == "rate"
        assert (channels[0] in ways and len(tries) == 1) if short else channels == ways[: len(tries)]
        assert all(one.state == "failed" for one in tries[:-1])
        # A way that failed after all is no way to say who has it: then the pages alone do.
        assert tries[-1].state in ("sent", "cancelled", *(("failed",) if by_id[step].kind == "taken" else ()))


def _check_told(record: _Record, said: Counter[str], kills: int) -> None:
    by_file = [one for rows in record.deliveries.values() for one in rows if one.channel == "file"]
    sent = {str(one.id) for one in by_file if one.state == "sent"}
    stopped = {str(one.id) for one in by_file if one.state == "cancelled"}
    said = Counter({number: times for number, times in said.items() if number not in record.others})
    assert sent <= set(said) <= sent | stopped
    assert sum(said.values()) - len(said) <= kills


def _prepare(database: Database, homes: int) -> None:
    now = clock(time.time(), 1)
    with database.write() as session:  # a claim of three seconds on this clock, busy machine or not
        policies.put(session, viewer_of(database, "sun"), DispatchPolicy(claim_s=60), now=now)
    for severity in (Severity.CRITICAL, Severity.MAJOR):
        with database.write() as session:
            playbooks.put(
                session,
                viewer_of(database, "sun"),
                kind=TaskKind.CARE,
                severity=severity,
                resident_id=None,
                plan=PlaybookIn.model_validate(PLAN),
                now=now,
            )
    with database.write() as session:
        for home in range(homes):
            session.add(Resident(id=f"x{home}", area_id="area", name="陈一", address=f"路{home}号"))
        session.flush()
        for home in range(homes):
            session.add(
                Position(id=f"p{home}", area_id="area", name="床头", resident_id=f"x{home}", created_at=now)
            )
            session.add(
                Device(
                    id=f"d{home}", gateway_id="gw-1", profile="tuya-ts0215a-sos", driver="mqtt",
                    address={"topic": f"x/{home}"}, created_at=now,
                )
            )  # fmt: skip
        session.flush()
        for home in range(homes):
            session.add(Attachment(position_id=f"p{home}", device_id=f"d{home}", since=now))


def _counts(database: Database) -> dict[str, Any]:
    with database.read() as session:
        steps = session.execute(
            select(DispatchStep.kind, DispatchStep.state, func.count()).group_by(
                DispatchStep.kind, DispatchStep.state
            )
        )
        sends = session.execute(
            select(Delivery.channel, Delivery.state, func.count()).group_by(Delivery.channel, Delivery.state)
        )
        return {f"{row[0]} {row[1]}": row[2] for row in (*steps, *sends)}


def _is_over(database: Database, homes: int) -> bool:
    """Every press is in, everybody has done what they do, nothing is planned and nothing waits."""
    presses = sum(PRESSES.get(life_of(home), 1) for home in range(homes))
    asked = {
        Life.LATE: Task.acknowledged_at.is_not(None),
        Life.HELD: Task.closed_at.is_not(None),
        Life.ASLEEP: Task.id.in_(select(TaskEvent.task_id).where(TaskEvent.action == "snooze")),
    }
    mine = select(Task.id).where(Task.kind == TaskKind.CARE)
    # What is critical is told again later, without an end: here its first round is enough.
    waited = mine.where(or_(Task.unanswered_at.is_(None), Task.state.not_in(UNANSWERED)))
    with database.read() as session:
        if session.scalar(select(func.sum(Task.occurrences)).where(Task.kind == TaskKind.CARE)) != presses:
            return False
        for life, holds in asked.items():
            subjects = [f"x{home}" for home in range(homes) if life_of(home) is life]
            query = select(func.count()).where(Task.subject_id.in_(subjects), holds)
            if session.scalar(query) != len(subjects):
                return False
        waiting = (
            select(func.count()).where(DispatchStep.state == "planned", DispatchStep.task_id.in_(waited)),
            select(func.count()).where(Delivery.state.in_(("queued", "sending")), Delivery.task_id.in_(mine)),
        )
        return not any(session.scalar(query) for query in waiting)
