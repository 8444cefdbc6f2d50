"""Server processes on PostgreSQL, killed again and again while they tell people: every step once."""

import multiprocessing
import random
import time
from collections import Counter
from pathlib import Path

import pytest
from sqlalchemy import func, select

from gateway.rules.model import Severity, TaskKind
from server.db.database import Database
from server.db.models import Delivery, DispatchStep, Resident, Task, TaskEvent
from server.dispatch import playbooks
from server.dispatch.playbooks import PlaybookIn
from server.tasks import intake
from tests.contract.server.conftest import viewer_of
from tests.contract.server.dispatch_process import PEOPLE, clock, main

KILL_S = 0.5
SPEED = 10.0
STEP_S = 20
PLAN = {
    "steps": [
        {"who": {"kind": "person", "value": login}, "within_s": STEP_S} for login in ("li", "zhou", "sun")
    ]
}


@pytest.mark.parametrize(
    ("database", "number", "tasks"),
    [
        ("postgres", 8, 60),
        ("sqlite", 1, 12),
        pytest.param("postgres", 8, 1_000, marks=pytest.mark.soak),
    ],
    indirect=["database"],
)
def test_no_step_is_skipped_and_none_done_twice(
    staffed: Database, tmp_path: Path, number: int, tasks: int
) -> None:
    """A message may be handed over again, under its number, only by a kill between handing over and noting
    it: at most once for each kill. Everything else is exactly once."""
    _prepare(staffed, tasks)
    started = time.time()
    file = tmp_path / "told"
    url = staffed.engine.url.render_as_string(hide_password=False)
    processes = multiprocessing.get_context("forkserver")  # begun once: a new one costs milliseconds
    processes.set_forkserver_preload(["tests.contract.server.dispatch_process"])

    def begin() -> multiprocessing.process.BaseProcess:
        process = processes.Process(target=main, args=(url, str(file), started, SPEED), daemon=True)
        process.start()
        return process

    _open(staffed, tasks, started)
    running = [begin() for _ in range(number)]
    chance = random.Random(7)
    kills = 0
    deadline = time.monotonic() + 150 + tasks / 2
    try:
        while not _is_over(staffed, tasks):
            assert time.monotonic() < deadline, _counts(staffed)
            time.sleep(KILL_S)
            at = chance.randrange(number)
            running[at].kill()
            running[at].join()
            kills += 1
            running[at] = begin()
    finally:
        for process in running:
            process.kill()
            process.join()
    said = Counter(file.read_text(encoding="utf-8").split())
    with staffed.read() as session:
        steps = session.execute(
            select(DispatchStep.task_id, DispatchStep.number, DispatchStep.kind, DispatchStep.state)
        ).all()
        done = Counter((row.task_id, row.kind, row.number) for row in steps if row.state == "done")
        events = Counter(tuple(row) for row in session.execute(select(TaskEvent.task_id, TaskEvent.action)))
        sent = session.execute(select(Delivery.id, Delivery.step_id, Delivery.user_id, Delivery.state)).all()
    assert len(steps) == 4 * tasks
    assert set(done.values()) == {1}
    assert len(done) == 4 * tasks
    assert {count for (_, action), count in events.items() if action in ("told", "unanswered")} == {1}
    assert {count for (_, action), count in events.items() if action == "escalated"} == {2}
    assert len({(row.step_id, row.user_id) for row in sent}) == len(sent) == 3 * tasks
    assert {row.state for row in sent} == {"sent"}
    assert set(said) == {str(row.id) for row in sent}
    assert sum(said.values()) - len(said) <= kills
    assert kills > 5


def _prepare(database: Database, tasks: int) -> None:
    now = clock(time.time(), 1)
    with database.write() as session:
        playbooks.put(
            session,
            viewer_of(database, "sun"),
            kind=TaskKind.CARE,
            severity=Severity.CRITICAL,
            resident_id=None,
            plan=PlaybookIn.model_validate(PLAN),
            now=now,
        )
        for number in range(tasks):
            session.add(Resident(id=f"x{number}", area_id="area", name="陈一", address="路"))
    assert {"li", "zhou", "sun"} <= set(PEOPLE)


def _open(database: Database, tasks: int, started: float) -> None:
    for number in range(tasks):
        now = clock(started, SPEED)
        need = intake.Need(
            kind=TaskKind.CARE,
            subject_kind="resident",
            subject_id=f"x{number}",
            area_id="area",
            severity=Severity.CRITICAL,
            rule="sos",
            device_at=now,
            gateway_at=now,
            clock_trusted=True,
            late=False,
            source_kind="position",
            source_id="home-sos",
            value={},
        )
        with database.write() as session:
            intake.open_or_join(session, need, now=now)


def _counts(database: Database) -> dict[str, int]:
    with database.read() as session:
        steps = session.execute(select(DispatchStep.state, func.count()).group_by(DispatchStep.state))
        sent = session.execute(select(Delivery.state, func.count()).group_by(Delivery.state))
        return {state: count for row in (*steps, *sent) for state, count in [row]}


def _is_over(database: Database, tasks: int) -> bool:
    counts = _counts(database)
    with database.read() as session:
        assert session.scalar(select(func.count()).select_from(Task)) == tasks
    return counts.get("done") == 4 * tasks and counts.get("sent") == 3 * tasks
