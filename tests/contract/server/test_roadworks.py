"""Covers that open together tell one crew; nothing stays untold for it. On both SQL engines."""

from datetime import datetime, timedelta

import pytest
from sqlalchemy import select

from gateway.rules.model import Severity
from server.db.database import Database
from server.db.models import Alarm, DispatchStep, Task, TaskEvent
from server.errors import ConflictError, ForbiddenError
from server.tasks import service as tasks
from server.tasks.service import Act
from server.tasks.states import TaskAction
from server.wells import roadworks
from tests.contract.server.conftest import NOW, viewer_of
from tests.contract.server.covers import lay_wells, open_cover, work
from tests.contract.server.test_windows import declare


def at(minutes: float) -> datetime:
    return NOW + timedelta(minutes=minutes)


def told(database: Database) -> list[int]:
    """The tasks of which somebody was told, in order."""
    with database.read() as session:
        query = select(TaskEvent.task_id).where(TaskEvent.action == "told").order_by(TaskEvent.id)
        return list(session.scalars(query))


def row(database: Database, task_id: int) -> Task:
    with database.read() as session:
        return session.get_one(Task, task_id)


@pytest.fixture
def wells(staffed: Database) -> Database:
    """Five wells, 50 m apart."""
    lay_wells(staffed, 5)
    return staffed


def burst(database: Database, *wells: str) -> None:
    """The covers open in one moment."""
    for number, well in enumerate(wells, 1):
        open_cover(database, number, well=well)


def test_a_burst_tells_one_crew(wells: Database) -> None:
    burst(wells, "w1", "w2", "w3")
    work(wells, NOW)
    assert told(wells) == [1]
    assert [row(wells, number).parent_id for number in (1, 2, 3)] == [None, 1, 1]
    assert {row(wells, number).severity for number in (1, 2, 3)} == {Severity.MAJOR}


def test_the_others_are_told_on_their_own_when_their_time_is_over(wells: Database) -> None:
    burst(wells, "w1", "w2", "w3")
    work(wells, NOW)
    work(wells, at(9.9))
    assert set(told(wells)) == {1}
    work(wells, at(10))
    assert set(told(wells)) == {1, 2, 3}


def test_two_covers_together_and_one_far_away_are_none(staffed: Database) -> None:
    lay_wells(staffed, 5, apart_m=100)
    burst(staffed, "w1", "w2", "w5")
    work(staffed, NOW)
    assert set(told(staffed)) == {1, 2, 3}
    assert [row(staffed, number).parent_id for number in (1, 2, 3)] == [None, None, None]


def test_a_graver_alarm_at_a_well_that_waits_is_told_at_once(wells: Database) -> None:
    burst(wells, "w1", "w2", "w3")
    work(wells, NOW)
    open_cover(wells, 9, well="w3", rule="gas", severity=Severity.CRITICAL, point="gas_high", at=at(1))
    work(wells, at(1))
    assert 3 in told(wells)
    assert 2 not in told(wells)


def test_the_others_are_told_where_the_leader_has_ended(wells: Database) -> None:
    burst(wells, "w1", "w2", "w3")
    work(wells, NOW)
    with wells.write() as session:
        alarms = session.scalars(select(Alarm).where(Alarm.task_id == 1))
        for alarm in alarms:  # shut again
            alarm.cleared_at = at(1)
        shut = Act(action=TaskAction.CANCEL, note="shut again")
        tasks.act(session, viewer_of(wells, "zhou"), 1, shut, now=at(1))
        for step in session.scalars(select(DispatchStep).where(DispatchStep.state == "planned")):
            step.due_at = at(2)
    work(wells, at(2))
    assert set(told(wells)) == {1, 2, 3}


def test_nobody_waits_for_a_crew_that_declared_work_keeps_from_being_told(wells: Database) -> None:
    declare(wells, ("well", "w1"), minutes=60)
    burst(wells, "w1", "w2", "w3")
    work(wells, at(1))
    assert set(told(wells)) == {2, 3}


def test_a_person_says_that_these_are_roadworks(wells: Database) -> None:
    burst(wells, "w1", "w2", "w3")
    work(wells, NOW)
    zhao = viewer_of(wells, "zhao")
    with wells.write() as session:
        roadworks.answer(session, zhao, 2, roadworks=True, now=at(1))
    for number in (1, 2, 3):
        task = row(wells, number)
        assert (task.state, task.assignee_id, task.severity) == ("acknowledged", zhao.user_id, "minor")
    work(wells, at(20))
    assert told(wells) == [1]


def test_a_person_says_that_these_are_none(wells: Database) -> None:
    burst(wells, "w1", "w2", "w3")
    work(wells, NOW)
    with wells.write() as session:
        roadworks.answer(session, viewer_of(wells, "zhao"), 1, roadworks=False, now=at(1))
    work(wells, at(1))
    assert set(told(wells)) == {1, 2, 3}
    assert row(wells, 2).parent_id is None


def test_not_for_somebody_elses_nor_for_one_alone(wells: Database) -> None:
    burst(wells, "w1")
    work(wells, NOW)
    zhao = viewer_of(wells, "zhao")
    with wells.write() as session, pytest.raises(ConflictError, match="alone"):
        roadworks.answer(session, zhao, 1, roadworks=True, now=at(1))
    for number, well in enumerate(("w2", "w3"), 2):
        open_cover(wells, number, well=well)
    work(wells, NOW)
    with wells.write() as session:
        tasks.act(session, viewer_of(wells, "zhou"), 1, Act(action=TaskAction.ACKNOWLEDGE), now=at(1))
    with wells.write() as session, pytest.raises(ForbiddenError):
        roadworks.answer(session, zhao, 1, roadworks=True, now=at(1))
