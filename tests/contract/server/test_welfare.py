"""Who is at high risk and unprotected gets a call, again while it lasts, and none when it is over."""

from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select

from server.alarms import service as alarms
from server.db.database import Change, Database
from server.db.models import Absence, Alarm, Gateway, Resident, Task, TaskEvent, UnprotectedSpan
from server.gateways import service as gateways
from server.policies import service as policies
from server.tasks import service as tasks
from server.tasks.states import TaskAction
from server.welfare import calls
from server.welfare.policy import WelfarePolicy
from tests.contract.server.conftest import NOW, viewer_of
from tests.contract.server.test_alarm_record import press, record


def at(minutes: float) -> datetime:
    """That long after protection was lost."""
    return NOW + timedelta(minutes=minutes)


@pytest.fixture
def cut_off(staffed: Database) -> Database:
    """The resident is at high risk, and their gateway is down since the beginning."""
    with staffed.write() as session:
        session.get_one(Resident, "r1").risk = "high"
        session.add(
            UnprotectedSpan(
                resident_id="r1", cause="gateway", thing_kind="gateway", thing_id="gw-1", since=NOW
            )
        )
    return staffed


def sweep(database: Database, minutes: float) -> None:
    """The server looks."""
    calls.sweep(database, now=at(minutes))


def back(database: Database, minutes: float) -> None:
    """Protection is back."""
    with database.write() as session:
        for span in session.scalars(select(UnprotectedSpan)):
            span.until = at(minutes)


def found(database: Database) -> list[tuple[str, str, str, str, int]]:
    """All tasks, the oldest first."""
    with database.read() as session:
        rows = session.scalars(select(Task).order_by(Task.id))
        return [(task.kind, task.rule, task.severity, task.state, task.occurrences) for task in rows]


def last(database: Database) -> tuple[str, object]:
    """The newest line of any timeline."""
    with database.read() as session:
        event = session.scalars(select(TaskEvent).order_by(TaskEvent.id.desc())).first()
        assert event is not None
        return event.action, event.detail.get("reason")


def test_a_call_is_asked_for_when_the_fault_lasts(cut_off: Database) -> None:
    sweep(cut_off, 29)
    assert found(cut_off) == []
    sweep(cut_off, 30)
    sweep(cut_off, 31)
    assert found(cut_off) == [("care", "welfare_call", "minor", "new", 1)]


def test_others_get_none_and_a_manager_may_change_who_and_when(cut_off: Database) -> None:
    with cut_off.write() as session:
        session.get_one(Resident, "r1").risk = "normal"
    sweep(cut_off, 60)
    assert found(cut_off) == []
    with cut_off.write() as session:
        policy = WelfarePolicy(after_minutes=90, risks=["high", "normal"])
        policies.put(session, viewer_of(cut_off, "sun"), policy, now=NOW)
    sweep(cut_off, 89)
    assert found(cut_off) == []
    sweep(cut_off, 90)
    assert len(found(cut_off)) == 1


def test_protection_that_returns_before_anybody_took_it_ends_it(cut_off: Database) -> None:
    sweep(cut_off, 30)
    back(cut_off, 40)
    sweep(cut_off, 40)
    assert found(cut_off)[0][3] == "cancelled"
    assert last(cut_off) == ("withdrawn", "protected_again")
    with cut_off.read() as session:
        assert session.scalars(select(Alarm)).one().cleared_by == "server"


def test_whoever_has_taken_it_keeps_it(cut_off: Database) -> None:
    sweep(cut_off, 30)
    with cut_off.write() as session:
        carer = viewer_of(cut_off, "li")
        tasks.act(session, carer, 1, tasks.Act(action=TaskAction.ACKNOWLEDGE), now=at(32))
    back(cut_off, 40)
    sweep(cut_off, 40)
    assert found(cut_off)[0][3] == "acknowledged"
    assert last(cut_off)[0] == "cleared"


def test_it_joins_an_open_task_and_never_takes_that_away(cut_off: Database) -> None:
    record(cut_off, press(1))
    sweep(cut_off, 30)
    assert found(cut_off) == [("care", "sos", "critical", "new", 2)]
    back(cut_off, 40)
    sweep(cut_off, 40)
    assert found(cut_off) == [("care", "sos", "critical", "new", 2)]


def test_it_is_asked_for_again_while_the_fault_lasts(cut_off: Database) -> None:
    sweep(cut_off, 30)
    sweep(cut_off, 30 + 12 * 60 - 1)
    assert found(cut_off)[0][4] == 1
    sweep(cut_off, 30 + 12 * 60)
    sweep(cut_off, 30 + 12 * 60 + 5)
    assert found(cut_off)[0][4] == 2


def test_nobody_telephones_an_empty_home_until_they_are_back(cut_off: Database) -> None:
    with cut_off.write() as session:
        away = Absence(resident_id="r1", kind="hospital", since=NOW, until=at(100), created_at=NOW)
        session.add(away)
    sweep(cut_off, 60)
    assert found(cut_off) == []
    sweep(cut_off, 100)
    assert len(found(cut_off)) == 1


def test_who_leaves_after_the_call_was_asked_for_is_not_called_and_asked_for_anew(cut_off: Database) -> None:
    sweep(cut_off, 30)
    with cut_off.write() as session:
        session.add(Absence(resident_id="r1", kind="family", since=at(35), until=at(50), created_at=NOW))
    sweep(cut_off, 40)
    assert last(cut_off) == ("withdrawn", "away")
    sweep(cut_off, 51)
    sweep(cut_off, 52)
    assert [task[3] for task in found(cut_off)] == ["cancelled", "new"]


def test_many_servers_ask_once(cut_off: Database) -> None:
    with ThreadPoolExecutor(6) as pool:
        list(pool.map(lambda _: sweep(cut_off, 31), range(12)))
    assert found(cut_off) == [("care", "welfare_call", "minor", "new", 1)]


@pytest.fixture
def steps(cut_off: Database, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What happens: each alarm that is raised, and that it is committed."""
    done: list[str] = []
    raise_alarm = alarms.raise_alarm

    def noted(*given: Any, **named: Any) -> Any:
        done.append("raised")
        return raise_alarm(*given, **named)

    def heard(change: Change) -> None:
        if change.kind == "task" and done[-1:] != ["kept"]:
            done.append("kept")

    monkeypatch.setattr(alarms, "raise_alarm", noted)
    cut_off.listeners.append(heard)
    return done


def test_each_call_is_kept_before_the_next_is_asked_for(cut_off: Database, steps: list[str]) -> None:
    """What happens to one resident meanwhile does not wait for the calls about all of them."""
    with cut_off.write() as session:
        session.add(Resident(id="r2", area_id="area", name="李", address="幸福路2号", risk="high"))
        session.flush()
        facts = {"cause": "gateway", "thing_kind": "gateway", "thing_id": "gw-1", "since": NOW}
        session.add(UnprotectedSpan(resident_id="r2", **facts))
    sweep(cut_off, 31)
    assert steps == ["raised", "kept"] * 2


def test_each_gateways_fault_is_kept_before_the_next_is_raised(cut_off: Database, steps: list[str]) -> None:
    with cut_off.write() as session:
        for gateway in session.scalars(select(Gateway)):
            gateway.online, gateway.seen_at, gateway.changed_at = False, NOW, NOW
    for minutes in (5, 6):
        gateways.sweep(cut_off, grace=timedelta(minutes=1), started=NOW - timedelta(days=1), now=at(minutes))
    assert steps == ["raised", "kept"] * 2
