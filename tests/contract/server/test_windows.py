"""Declared work keeps quiet what is expected and tells what is left; drills count as tests. Both engines."""

from datetime import datetime, timedelta

import pytest
from sqlalchemy import literal, select, update

from gateway.rules.model import Severity, TaskKind
from server.alarms.texts import RuleTexts
from server.db.database import Database
from server.db.models import Alarm, CommissioningTest, DispatchStep, Occurrence, Task, TaskEvent, User, Window
from server.errors import ConflictError, ForbiddenError, InvalidError, NotFoundError
from server.figures import queries
from server.figures.policy import FiguresPolicy
from server.figures.queries import Scope
from server.tasks import reviews, views
from server.tasks import service as tasks
from server.tasks.acts import Act
from server.tasks.states import TaskAction
from server.users.roles import Role
from server.users.viewer import Viewer
from server.windows import muting, repository, service
from server.windows.schemas import WindowIn
from tests.contract.server.conftest import NOW, viewer_of
from tests.contract.server.test_alarm_record import opened_cover, press, record
from tests.contract.server.test_dispatch import sends, told, work

WELL = ("well", "w1")


def at(minutes: float) -> datetime:
    """That long after the beginning."""
    return NOW + timedelta(minutes=minutes)


def declare(
    database: Database,
    scope: tuple[str, str] = WELL,
    *,
    kind: str = "work",
    login: str = "zhou",
    minutes: float = 60,
    since: datetime | None = None,
) -> Window:
    """A window from the beginning on."""
    wanted = WindowIn.model_validate(
        {
            "kind": kind,
            "scope_kind": scope[0],
            "scope_id": scope[1],
            "since": since,
            "until": at(minutes),
            "reason": "更换井盖",
        }
    )
    with database.write() as session:
        return service.declare(session, viewer_of(database, login), wanted, now=NOW)


def sweep(database: Database, minutes: float) -> None:
    """The server looks."""
    muting.sweep_all(database, now=at(minutes))


def task(database: Database, number: int = 1) -> Task:
    """A task as it stands."""
    with database.read() as session:
        return session.get_one(Task, number)


def planned(database: Database, number: int = 1) -> list[str]:
    """What falls due for it."""
    with database.read() as session:
        query = select(DispatchStep.kind).where(
            DispatchStep.task_id == number, DispatchStep.state == "planned", DispatchStep.kind != "inform"
        )
        return list(session.scalars(query))


def actions(database: Database, number: int = 1) -> list[tuple[str, str]]:
    """The timeline: actions with their reasons."""
    with database.read() as session:
        query = select(TaskEvent).where(TaskEvent.task_id == number).order_by(TaskEvent.id)
        return [(event.action, event.detail.get("reason", "")) for event in session.scalars(query)]


@pytest.mark.parametrize("scope", [WELL, ("area", "area"), ("position", "well"), ("gateway", "gw-1")])
def test_a_cover_opened_during_work_is_recorded_and_nobody_is_told(
    staffed: Database, scope: tuple[str, str]
) -> None:
    declare(staffed, scope)
    record(staffed, opened_cover(1), after_s=60)
    record(staffed, opened_cover(2, rule="water_high"), after_s=90)
    found = task(staffed)
    assert (found.muted, found.occurrences, found.state) == (True, 2, "new")
    assert planned(staffed) == []
    with staffed.read() as session:
        assert repository.reasons(session, [1]) == {1: "更换井盖"}


def test_a_cover_left_open_is_told_when_the_work_is_over(staffed: Database) -> None:
    declare(staffed)
    record(staffed, opened_cover(1), after_s=60)
    sweep(staffed, 59)
    assert task(staffed).muted
    sweep(staffed, 60)
    assert not task(staffed).muted
    assert planned(staffed) == ["call"]
    assert actions(staffed) == [("opened", ""), ("muted", "更换井盖"), ("unmuted", "left_open")]
    sweep(staffed, 61)
    assert planned(staffed) == ["call"]


def test_the_answer_is_awaited_from_when_people_are_told(staffed: Database) -> None:
    """Not from the opening, an hour before: nobody knew. One that somebody took meanwhile is in no share."""
    policy = FiguresPolicy(kinds=["well"], severities=["major"])
    scope = Scope(start=NOW, end=at(600))
    declare(staffed)
    record(staffed, opened_cover(1), after_s=60)
    sweep(staffed, 60)
    assert task(staffed).told_at == at(60)
    take = Act(action=TaskAction.ACKNOWLEDGE)
    with staffed.write() as session:
        tasks.act(session, viewer_of(staffed, "zhao"), 1, take, now=at(60.5))
    with staffed.read() as session:
        (row,) = queries.rows(session, scope, policy, by=literal("all"), now=at(600)).values()
        assert (row.counted, row.judged_first, row.within_first) == (1, 1, 1)
        assert row.answer is not None
        assert row.answer.median == timedelta(seconds=30)
        shown = views.page(session, viewer_of(staffed, "zhao"), 1, RuleTexts(()))
    assert shown.task.told_at == at(60)
    with staffed.write() as session:
        found = session.get_one(Task, 1)
        reviews.mark(session, found, now=at(61))
        assert found.review is None
        found.acknowledged_at = at(30)
    with staffed.read() as session:
        (row,) = queries.rows(session, scope, policy, by=literal("all"), now=at(600)).values()
        assert (row.counted, row.muted, row.answer) == (0, 1, None)


def test_work_that_leaves_nothing_behind_ends_its_task(staffed: Database) -> None:
    declare(staffed)
    record(staffed, opened_cover(1), after_s=60)
    record(staffed, press(2, position="well", device="d-well", rule="shock", task_kind=TaskKind.WELL))
    record(staffed, opened_cover(3, event="cleared"), after_s=600)
    sweep(staffed, 60)
    assert (task(staffed).state, planned(staffed)) == ("cancelled", [])
    assert actions(staffed)[-1] == ("withdrawn", "work_over")
    with staffed.read() as session:
        assert all(alarm.cleared_at is not None for alarm in session.scalars(select(Alarm)))


def test_ended_early_it_tells_at_once_and_longer_work_keeps_quiet(staffed: Database) -> None:
    first = declare(staffed)
    second = declare(staffed, ("area", "area"), minutes=120)
    record(staffed, opened_cover(1), after_s=60)
    crew = viewer_of(staffed, "zhao")
    with staffed.write() as session:
        service.end(session, crew, first.id, now=at(10))
    assert task(staffed).muted
    with pytest.raises(ConflictError), staffed.write() as session:
        service.end(session, crew, first.id, now=at(11))
    with staffed.write() as session:
        service.end(session, viewer_of(staffed, "zhou"), second.id, now=at(12))
    assert not task(staffed).muted
    assert planned(staffed) == ["call"]


@pytest.mark.parametrize("scope", [("area", "area"), ("gateway", "gw-1")])
def test_a_residents_press_is_told_whatever_work_is_around(staffed: Database, scope: tuple[str, str]) -> None:
    declare(staffed, scope)
    record(staffed, press(1), after_s=60)
    assert not task(staffed).muted
    assert planned(staffed) == ["call"]


def test_a_sensor_that_falls_silent_during_work_is_quiet(staffed: Database) -> None:
    declare(staffed, ("area", "area"))
    silent = {"rule": "silent", "point": None, "value": None, "ends": True}
    record(staffed, press(1, task_kind=TaskKind.MAINTENANCE, severity=Severity.MAJOR, **silent))
    record(staffed, press(2, **silent))
    assert task(staffed, 1).muted
    assert task(staffed, 2).muted
    record(staffed, press(3), after_s=60)  # now somebody presses
    assert not task(staffed, 2).muted
    assert planned(staffed, 2) == ["call"]
    assert ("unmuted", "unexpected") in actions(staffed, 2)


def test_work_on_exactly_this_position_quietens_its_presses_until_it_is_over(staffed: Database) -> None:
    declare(staffed, ("position", "home-sos"))
    record(staffed, press(1), after_s=60)
    assert task(staffed).muted
    sweep(staffed, 60)
    assert planned(staffed) == ["call"]


def test_a_lesser_need_is_quiet_during_work_on_exactly_this_home(staffed: Database) -> None:
    declare(staffed, ("resident", "r1"))
    record(staffed, press(1, rule="fall_suspected", severity=Severity.MAJOR), after_s=60)
    assert task(staffed).muted
    record(staffed, press(2), after_s=70)
    assert not task(staffed).muted
    assert planned(staffed) == ["call"]


def test_a_press_during_work_at_the_home_asks_whoever_declared_it_first_and_then_the_chain(
    staffed: Database,
) -> None:
    """Nobody is kept in the dark: the dispatcher has a minute, and without an answer all goes on as ever."""
    declare(staffed, ("resident", "r1"), login="zhou")
    record(staffed, press(1))
    assert not task(staffed).muted
    assert ("during_work", "更换井盖") in actions(staffed)
    with staffed.read() as session:
        (seen,) = views.views(session, viewer_of(staffed, "zhou"), [session.get_one(Task, 1)], RuleTexts([]))
        assert (seen.during, seen.muted_for) == ("更换井盖", "")
    work(staffed, NOW)
    assert [said for said in told(staffed) if said[1]] == [("told", "crew")]
    assert {login for login, _, _ in sends(staffed)} == {"zhou"}
    work(staffed, NOW + timedelta(seconds=59))
    assert {login for login, _, _ in sends(staffed)} == {"zhou"}
    work(staffed, NOW + timedelta(seconds=60))
    assert "li" in {login for login, _, _ in sends(staffed)}


def test_whoever_declared_it_and_is_gone_is_not_waited_for(staffed: Database) -> None:
    declare(staffed, ("resident", "r1"), login="zhou")
    with staffed.write() as session:
        session.execute(update(User).where(User.login == "zhou").values(disabled_at=NOW))
    record(staffed, press(1))
    work(staffed, NOW)
    assert told(staffed)[2:4][0] == ("told_nobody", "crew")
    assert "li" in {login for login, _, _ in sends(staffed)}


def test_gas_during_work_is_told(staffed: Database) -> None:
    declare(staffed)
    record(staffed, opened_cover(1), after_s=30)
    record(staffed, opened_cover(2, rule="gas", severity=Severity.CRITICAL), after_s=60)
    assert not task(staffed).muted
    assert planned(staffed) == ["call"]


def test_who_takes_a_quiet_task_keeps_it(staffed: Database) -> None:
    declare(staffed)
    record(staffed, opened_cover(1), after_s=60)
    crew = viewer_of(staffed, "zhao")
    with staffed.write() as session:
        tasks.act(session, crew, 1, tasks.Act(action=TaskAction.ACKNOWLEDGE), now=at(2))
    before = planned(staffed)
    sweep(staffed, 60)
    assert (task(staffed).muted, task(staffed).state) == (False, "acknowledged")
    assert planned(staffed) == before


def test_a_drill_is_worked_as_usual_and_counts_as_a_test(staffed: Database) -> None:
    declare(staffed, ("area", "area"), kind="drill")
    record(staffed, press(1), after_s=60)
    assert (task(staffed).test, task(staffed).muted) == (True, False)
    assert planned(staffed) == ["call"]
    with staffed.read() as session:
        assert service.tests_since(session, NOW).drills == 1
    record(staffed, press(2), after_s=3_700)  # the drill is over: this one is meant
    assert not task(staffed).test
    assert actions(staffed)[-1][0] == "no_drill"
    with staffed.read() as session:
        assert service.tests_since(session, NOW).drills == 0


def test_signed_presses_of_commissioning_count_as_tests_and_others_do_not(staffed: Database) -> None:
    with staffed.write() as session:
        for number, ended in ((1, "signed_off"), (2, "cancelled")):
            test = CommissioningTest(
                position_id="home-sos" if number == 1 else "home-fall",
                device_id="d-home-sos",
                started_at=NOW,
                expires_at=at(5),
                ended_at=at(4),
                ended=ended,
            )
            session.add(test)
            session.flush()
            facts = {"event": "occurred", "breach": f"b{number}", "rule": "sos", "epoch": "e"}
            times = {"device_at": NOW, "gateway_at": NOW, "server_at": at(1)}
            session.add(Occurrence(gateway_id="gw-1", seq=number, test_id=test.id, **facts, **times))
    with staffed.read() as session:
        assert service.tests_since(session, NOW).presses == 1
        assert service.tests_since(session, at(2)).presses == 0


def test_a_window_to_come_does_nothing_yet(staffed: Database) -> None:
    declare(staffed, since=at(30))
    record(staffed, opened_cover(1), after_s=60)
    assert not task(staffed).muted


@pytest.mark.parametrize(
    ("login", "scope", "kind", "minutes", "error"),
    [
        ("zhou", ("well", "nowhere"), "work", 60, NotFoundError),
        ("zhou", WELL, "work", -1, InvalidError),
        ("zhou", WELL, "work", 73 * 60, InvalidError),
        ("zhou", ("resident", "r1"), "work", 9 * 60, InvalidError),
        ("zhou", ("position", "home-sos"), "work", 9 * 60, InvalidError),
        ("zhao", ("resident", "r1"), "work", 60, ForbiddenError),
        ("zhao", ("position", "home-sos"), "work", 60, ForbiddenError),
        ("zhao", ("area", "area"), "work", 60, ForbiddenError),
        ("zhao", WELL, "drill", 60, ForbiddenError),
        ("li", WELL, "work", 60, ForbiddenError),
    ],
)
def test_who_may_declare_what(
    staffed: Database,
    login: str,
    scope: tuple[str, str],
    kind: str,
    minutes: float,
    error: type[Exception],
) -> None:
    with pytest.raises(error):
        declare(staffed, scope, kind=kind, login=login, minutes=minutes)
    declare(staffed, login="zhao")


def test_a_wall_sees_and_may_not_declare(staffed: Database) -> None:
    wanted = WindowIn.model_validate(
        {"kind": "work", "scope_kind": "well", "scope_id": "w1", "until": at(9), "reason": "检修"}
    )
    with pytest.raises(ForbiddenError), staffed.write() as session:
        service.declare(session, Viewer(1, "wall", Role.WALL), wanted, now=NOW)


def test_what_stands_is_told_though_many_others_are_kept_quiet_before_it(
    staffed: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(muting, "MOST", 1)
    declare(staffed, ("position", "home-sos"), minutes=300)
    declare(staffed, WELL, minutes=60)
    record(staffed, press(1, point=None, rule="silent", task_kind=TaskKind.MAINTENANCE, ends=True))
    record(staffed, opened_cover(2), after_s=60)
    assert [task(staffed, number).muted for number in (1, 2)] == [True, True]
    sweep(staffed, 61)
    assert [task(staffed, number).muted for number in (1, 2)] == [True, False]


def test_a_task_that_declared_work_keeps_quiet_is_told_once_a_person_sends_it_on(staffed: Database) -> None:
    declare(staffed)
    record(staffed, opened_cover(1))
    for action, note in ((TaskAction.ACKNOWLEDGE, ""), (TaskAction.ESCALATE, "the frame is broken")):
        with staffed.write() as session:
            tasks.act(session, viewer_of(staffed, "zhao"), 1, Act(action=action, note=note), now=at(1))
    assert not task(staffed).muted
    assert "call" in planned(staffed)
