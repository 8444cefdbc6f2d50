"""Who the steps of a chain mean, on both SQL engines: kin, keys, grids, stations, skills and rosters."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta

import pytest
from pydantic import SecretStr
from sqlalchemy import event, select
from sqlalchemy.orm import Session

from gateway.rules.model import Severity
from server.db.database import Database
from server.db.models import (
    Area,
    Consent,
    Contact,
    Delivery,
    DispatchStep,
    Resident,
    Responder,
    Shift,
    Skill,
    Station,
    Task,
    TaskEvent,
    User,
)
from server.dispatch import asks, people, planning
from server.dispatch.core import Ask, Happened, Who, WhoKind
from server.dispatch.playbooks import PlaybookIn
from server.errors import ConflictError, NotFoundError
from server.notify.channels import Addresses
from server.rosters import duty
from server.tasks import service
from server.tasks.service import Act
from server.tasks.states import TaskAction
from server.users import areas, sessions
from server.users.roles import Role
from server.users.viewer import Viewer
from tests.contract.server.conftest import NOW, viewer_of
from tests.contract.server.test_alarm_record import press, record
from tests.contract.server.test_dispatch import at, planned, put, sends, told, work

HOME = (31.2200, 121.4400)
A = TaskAction


def add(session: Session, login: str, role: Role = Role.CARER, **facts: object) -> int:
    """A person without a log-in."""
    user = User(login=login, name=login, role=role, password_hash="", created_at=NOW, **facts)
    session.add(user)
    session.flush()
    return user.id


@pytest.fixture
def community(street: Database) -> Database:
    """The street's grid in its community and subdistrict, a second grid, two stations, and people."""
    with street.write() as session:
        session.add(Area(id="sub", kind="subdistrict", name="街道"))
        session.flush()
        session.add(Area(id="com", kind="community", name="社区", parent_id="sub"))
        session.flush()
        session.get_one(Area, "area").parent_id = "com"
        session.add(Area(id="grid-2", kind="grid", name="第二网格", parent_id="com"))
        session.flush()
        for station, north, radius in (("far", 0.008, 1000), ("near", 0.001, 800), ("other", 0.02, 800)):
            session.add(
                Station(
                    id=station,
                    area_id="com",
                    name=station,
                    address="",
                    latitude=HOME[0] + north,
                    longitude=HOME[1],
                    radius_m=radius,
                )
            )
        home = session.get_one(Resident, "r1")
        home.latitude, home.longitude = HOME
        session.flush()
        add(session, "grid-worker", area_id="area")
        add(session, "grid-2-worker", area_id="grid-2")
        add(session, "community-worker", area_id="com")
        add(session, "staff-far", station_id="far")
        add(session, "staff-near", station_id="near")
        add(session, "staff-other", station_id="other")
        add(session, "desk", Role.DISPATCHER)
    record(street, press(1))
    return street


def means(
    database: Database, kind: WhoKind, value: str = "", at: datetime = NOW, **more: object
) -> list[str]:
    """The logins of those whom a step of task 1 means."""
    with database.read() as session:
        task = session.get_one(Task, 1)
        who = Who(kind=kind, value=value, **more)  # type: ignore[arg-type]  # skill or metres
        return [user.login for user in people.found(session, task, who, now=at)]


def test_the_way_up_the_tree(community: Database) -> None:
    with community.read() as session:
        assert areas.path(session, "area") == ("area", "com", "sub")
        assert areas.path(session, "nowhere") == ()


def test_the_grid_worker_is_told_else_the_community_else_nobody(community: Database) -> None:
    assert means(community, WhoKind.AREA, "carer") == ["grid-worker"]
    with community.write() as session:
        session.scalars(select(User).where(User.login == "grid-worker")).one().disabled_at = NOW
    assert means(community, WhoKind.AREA, "carer") == ["community-worker"]
    assert means(community, WhoKind.AREA, "manager") == []


def test_people_of_another_grid_are_not_told_by_their_role(community: Database) -> None:
    assert "grid-2-worker" not in means(community, WhoKind.ROLE, "carer")
    assert "grid-worker" in means(community, WhoKind.ROLE, "carer")


def test_stations_are_told_whose_circle_holds_the_home_the_nearest_first(community: Database) -> None:
    assert means(community, WhoKind.STATION) == ["staff-near", "staff-far"]


def test_family_and_neighbours_come_by_rank_unless_the_resident_has_said_no(community: Database) -> None:
    with community.write() as session:
        for rank, (login, relation) in enumerate(
            [("son", "family"), ("daughter", "family"), ("next-door", "neighbour"), ("gp", "doctor")]
        ):
            user_id = add(session, login, Role.RELATIVE)
            session.add(
                Contact(
                    resident_id="r1",
                    rank=-rank,
                    relation=relation,
                    name=login,
                    user_id=user_id,
                    holds_key=login == "next-door",
                )
            )
    assert means(community, WhoKind.FAMILY) == ["daughter", "son"]
    assert means(community, WhoKind.NEIGHBOUR) == ["next-door"]
    assert means(community, WhoKind.KEY_HOLDER) == ["next-door"]
    with community.write() as session:
        session.add(
            Consent(
                resident_id="r1", kind="contacts_told", given_at=NOW, withdrawn_at=NOW + timedelta(hours=1)
            )
        )
    for kind in (WhoKind.FAMILY, WhoKind.NEIGHBOUR, WhoKind.KEY_HOLDER):
        assert means(community, kind) == []


def test_skills_are_sought_nearest_first_and_narrow_those_nearby(community: Database) -> None:
    with community.write() as session:
        for login, north, skill in (("b", 0.002, "first_aid"), ("a", 0.001, "first_aid"), ("c", 0.0005, "")):
            user_id = add(session, login, Role.VOLUNTEER)
            place = {"latitude": HOME[0] + north, "longitude": HOME[1]}
            session.add(Responder(user_id=user_id, volunteer=True, **place))
            if skill:
                session.add(Skill(user_id=user_id, skill=skill))
        session.add(Skill(user_id=add(session, "somewhere"), skill="first_aid"))
    assert means(community, WhoKind.SKILL, "first_aid") == ["a", "b", "somewhere"]
    assert means(community, WhoKind.SKILL, "first_aid", metres=150) == ["a"]
    assert means(community, WhoKind.NEARBY, "500") == ["c", "a", "b"]
    assert means(community, WhoKind.NEARBY, "500", skill="first_aid") == ["a", "b"]


def test_duty_is_by_the_roster_of_the_place_and_a_gap_means_everybody(community: Database) -> None:
    with community.write() as session:
        ids = {user.login: user.id for user in session.scalars(select(User))}
        for login, place in (
            ("grid-worker", {"area_id": "area"}),
            ("community-worker", {"area_id": "com"}),
            ("grid-2-worker", {"area_id": "grid-2"}),
            ("staff-near", {"station_id": "near"}),
            ("staff-other", {"station_id": "other"}),
            ("staff-far", {}),
        ):
            session.add(
                Shift(
                    user_id=ids[login],
                    role="carer",
                    starts_at=NOW,
                    ends_at=NOW + timedelta(hours=12),
                    created_at=NOW,
                    **place,
                )
            )
    on = ["grid-worker", "community-worker", "staff-far", "staff-near"]
    assert means(community, WhoKind.DUTY, "carer") == on
    with community.read() as session:
        found = duty.on_duty(session, "carer", areas.path(session, "area"), ["near"], NOW)
        assert [user.login for user in found] == on
        assert duty.on_duty(session, "carer", ["grid-2"], [], NOW + timedelta(hours=12)) == []
    later = means(community, WhoKind.DUTY, "carer", at=NOW + timedelta(hours=12))
    assert len(later) == 5  # everybody who works here
    with community.write() as session:
        session.add(Responder(user_id=ids["staff-other"], on_duty=True))
    assert means(community, WhoKind.DUTY, "carer", at=NOW + timedelta(hours=12)) == ["staff-other"]


def test_a_relative_acts_on_their_residents_task_and_nobody_elses(community: Database) -> None:
    with community.write() as session:
        ids = {login: add(session, login, Role.RELATIVE) for login in ("daughter", "stranger")}
        session.add(Contact(resident_id="r1", rank=0, relation="family", name="x", user_id=ids["daughter"]))
    with community.write() as session:
        stranger = sessions.viewer_of(session, session.get_one(User, ids["stranger"]))
        with pytest.raises(NotFoundError):
            service.act(session, stranger, 1, Act(action=A.ACKNOWLEDGE), now=NOW)
    with community.write() as session:
        daughter = sessions.viewer_of(session, session.get_one(User, ids["daughter"]))
        assert (
            service.act(session, daughter, 1, Act(action=A.ACKNOWLEDGE), now=NOW).assignee_id
            == ids["daughter"]
        )


def test_one_of_thirty_volunteers_gets_it_and_the_others_are_told_who(community: Database) -> None:
    """All are called at once, all accept at once; those whom a channel reached hear who goes."""
    with community.write() as session:
        for number in range(30):
            user_id = add(session, f"v{number:02}", Role.VOLUNTEER)
            place = {"latitude": HOME[0] + number * 1e-4, "longitude": HOME[1]}
            session.add(Responder(user_id=user_id, volunteer=True, **place))
    plan = {"steps": [{"who": {"kind": "nearby", "value": "1000"}, "within_s": 60}]}
    manager = Viewer(user_id=1, name="desk", role=Role.MANAGER)
    put(community, manager, PlaybookIn.model_validate(plan))
    with community.write() as session:
        session.get_one(Task, 1).severity = "minor"
    record(community, press(2, severity=Severity.CRITICAL))  # begins anew with this playbook
    logins = [f"v{number:02}" for number in range(30)]
    sms = {login: {"sms": SecretStr("json://127.0.0.1/x")} for login in logins}
    work(community, NOW, Addresses(sms))
    called = [login for login, _, _ in sends(community)]
    assert called == logins
    with community.write() as session:  # all have been sent
        for delivery in session.scalars(select(Delivery)):
            delivery.state = "sent"
    with community.read() as session:
        users = session.scalars(select(User).where(User.login.in_(called)).order_by(User.login)).all()
        viewers = [sessions.viewer_of(session, user) for user in users]

    def take(viewer: Viewer) -> str:
        try:
            with community.write() as session:
                service.act(session, viewer, 1, Act(action=A.ACKNOWLEDGE), now=at(5))
        except ConflictError as error:
            return str(error)
        return "won"

    with ThreadPoolExecutor(10) as executor:
        answers = list(executor.map(take, viewers))
    assert answers.count("won") == 1
    winner = viewers[answers.index("won")]
    assert sum(f"{winner.name} has it" in answer for answer in answers) == 29
    work(community, at(6))
    with community.read() as session:
        step = session.scalars(select(DispatchStep).where(DispatchStep.kind == "taken")).one()
        told_who = set(session.scalars(select(Delivery.user_id).where(Delivery.step_id == step.id)))
    assert told_who == {viewer.user_id for viewer in viewers} - {winner.user_id}


def test_who_has_neither_pages_nor_an_address_does_not_count_as_told(community: Database) -> None:
    """The step hands on at once, as if nobody had been found."""
    with community.write() as session:
        user_id = add(session, "v", Role.VOLUNTEER)
        place = {"latitude": HOME[0], "longitude": HOME[1]}
        session.add(Responder(user_id=user_id, volunteer=True, **place))
    steps = [{"who": {"kind": "nearby", "value": "1000"}, "within_s": 600}]
    steps.append({"who": {"kind": "role", "value": "dispatcher"}, "within_s": 60})
    manager = Viewer(user_id=1, name="desk", role=Role.MANAGER)
    put(community, manager, PlaybookIn.model_validate({"steps": steps}))
    with community.write() as session:
        session.get_one(Task, 1).severity = "minor"
    record(community, press(2, severity=Severity.CRITICAL))
    work(community, NOW)
    assert [login for login, _, _ in sends(community)] == ["desk"]


def test_what_is_asked_stands_until_it_is_noted_and_a_silent_resident_hurries_the_chain(
    staffed: Database,
) -> None:
    record(staffed, press(1))
    work(staffed, NOW)
    zhou = viewer_of(staffed, "zhou")
    with staffed.write() as session:
        assert asks.standing(session, 1) == (Ask.CALL_RESIDENT,)
        assert set(session.scalars(select(DispatchStep.ask))) == {"go", "call_resident"}
        asks.note(session, zhou, 1, Ask.CALL_RESIDENT, reached=False, now=at(10))
        assert asks.standing(session, 1) == ()
    assert planned(staffed) == [("call", at(10))]  # not only at 60 s
    work(staffed, at(10))
    with staffed.write() as session:
        assert asks.standing(session, 1) == (Ask.CALL_120,)
        asks.note(session, zhou, 1, Ask.CALL_120, now=at(12))
    with staffed.read() as session:
        assert asks.standing(session, 1) == ()
        events = session.execute(select(TaskEvent.action, TaskEvent.actor_id).order_by(TaskEvent.id.desc()))
        assert tuple(events.first() or ()) == ("call_120", zhou.user_id)


def snooze(database: Database, until: datetime, now: datetime) -> None:
    """Puts task 1 off."""
    with database.write() as session:
        planning.snoozed(session, session.get_one(Task, 1), until, now=now)


def test_a_snoozed_task_comes_back_and_another_press_wakes_it(staffed: Database) -> None:
    record(staffed, press(1))
    work(staffed, NOW)
    snooze(staffed, at(600), at(5))
    assert planned(staffed) == [("call", at(600))]
    record(staffed, press(2))
    assert planned(staffed) == [("call", NOW)]  # a critical one is not slept through
    with staffed.read() as session:
        assert session.get_one(Task, 1).snoozed_until is None


def test_a_held_task_is_told_to_its_holder_again_when_the_snooze_is_over(staffed: Database) -> None:
    record(staffed, press(1))
    work(staffed, NOW)
    with staffed.write() as session:
        service.act(session, viewer_of(staffed, "li"), 1, Act(action=A.ACKNOWLEDGE), now=at(5))
    snooze(staffed, at(600), at(6))
    assert planned(staffed) == [("again", at(600)), ("arrival", at(1500)), ("taken", at(5))]
    record(staffed, press(2))
    assert planned(staffed)[0] == ("again", NOW)  # brought forward, not doubled
    work(staffed, at(600))
    assert [action for action, _ in told(staffed)].count("told_holder") == 1


def test_a_lesser_occurrence_waits_until_the_snooze_is_over(staffed: Database) -> None:
    record(staffed, press(1, severity=Severity.MINOR))
    work(staffed, NOW)
    snooze(staffed, at(600), at(5))
    record(staffed, press(2, severity=Severity.MINOR))
    assert planned(staffed) == [("call", at(600))]


def test_for_a_muted_task_nobody_is_sought(staffed: Database) -> None:
    """Whoever is given it is told all the same; with the next occurrence after the mute the chain begins."""
    record(staffed, press(1))
    with staffed.write() as session:
        task = session.get_one(Task, 1)
        task.muted = True
        for step in session.scalars(select(DispatchStep)):
            session.delete(step)
        session.flush()
        planning.happened(session, task, Happened.RECURRED, now=NOW)
    assert planned(staffed) == []
    with staffed.write() as session:
        planning.happened(session, session.get_one(Task, 1), Happened.GIVEN, now=NOW)
    assert planned(staffed) == [("again", NOW)]
    with staffed.write() as session:
        task = session.get_one(Task, 1)
        task.muted = False
        planning.happened(session, task, Happened.RECURRED, now=at(1))
    assert ("call", at(1)) in planned(staffed)


def test_a_new_task_is_planned_with_one_look_and_one_row(
    staffed: Database, statements: Callable[[Database], list[str]]
) -> None:
    seen = statements(staffed)
    record(staffed, press(1))
    mine = [text for text in seen if "playbooks" in text or "dispatch_steps" in text]
    assert [text.split()[0] for text in mine] == ["SELECT", "INSERT"]
    assert not [text for text in seen if "WHERE tasks.id" in text and text.startswith("SELECT")]


@pytest.fixture
def statements() -> Callable[[Database], list[str]]:
    """Listens to what a database is asked."""

    def listen(database: Database) -> list[str]:
        seen: list[str] = []

        def note(_c: object, _u: object, text: str, *_more: object) -> None:
            seen.append(" ".join(text.split()))

        event.listen(database.engine, "before_cursor_execute", note)
        return seen

    return listen
