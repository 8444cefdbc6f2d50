"""What people do to tasks, and what they may not. On both SQL engines."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest

from server.alarms.texts import RuleTexts
from server.db.database import Database
from server.db.models import Task
from server.errors import ConflictError, ForbiddenError, InvalidError, NotFoundError, ServerError
from server.tasks import repository, service, views
from server.tasks.service import Act
from server.tasks.states import TaskAction
from server.users.roles import Role
from server.users.viewer import Viewer
from tests.contract.server.conftest import NOW, person
from tests.contract.server.test_alarm_record import opened_cover, press, record

A = TaskAction


@pytest.fixture
def pressed(street: Database) -> Database:
    """The street with a press (task 1) and an open cover (task 2)."""
    record(street, press(1))
    record(street, opened_cover(2))
    return street


def act(database: Database, viewer: Viewer, action: TaskAction, task_id: int = 1, **facts: object) -> Task:
    """One action, in a transaction of its own."""
    with database.write() as session:
        return service.act(session, viewer, task_id, Act(action=action, **facts), now=NOW)  # type: ignore[arg-type]


def state(database: Database, task_id: int = 1) -> str:
    """The task's state."""
    with database.read() as session:
        return session.get_one(Task, task_id).state


def test_a_task_is_worked_to_its_end_and_the_timeline_tells_it(pressed: Database) -> None:
    carer = person(pressed, Role.CARER, "li")
    act(pressed, carer, A.ACKNOWLEDGE)
    act(pressed, carer, A.DEPART)
    act(pressed, carer, A.ARRIVE)
    act(pressed, carer, A.NOTE, note="sits on the floor, not hurt")
    act(pressed, carer, A.RESOLVE, outcome="helped_on_site")
    task = act(pressed, carer, A.CLOSE)
    assert (task.state, task.outcome, task.assignee_id) == ("closed", "helped_on_site", carer.user_id)
    assert None not in (
        task.acknowledged_at,
        task.departed_at,
        task.arrived_at,
        task.resolved_at,
        task.closed_at,
    )
    with pressed.read() as session:
        told = [(event.action, event.to_state) for event in repository.timeline(session, 1)]
    assert told == [
        ("opened", "new"),
        ("acknowledge", "acknowledged"),
        ("depart", "on_the_way"),
        ("arrive", "on_site"),
        ("note", "on_site"),
        ("resolve", "resolved"),
        ("close", "closed"),
        ("follow_up", "closed"),
    ]


def test_of_two_who_acknowledge_one_wins_and_the_other_is_told_who(pressed: Database) -> None:
    people = [person(pressed, Role.CARER, name) for name in ("li", "zhang")]

    def try_it(viewer: Viewer) -> str:
        try:
            act(pressed, viewer, A.ACKNOWLEDGE)
        except ConflictError as error:
            return error.message
        return viewer.name

    with ThreadPoolExecutor(2) as pool:
        answers = list(pool.map(try_it, people))
    winner = next(viewer.name for viewer in people if viewer.name in answers)
    (refusal,) = [answer for answer in answers if answer != winner]
    assert f"{winner} has it since" in refusal


@pytest.mark.parametrize("action", [A.DEPART, A.ARRIVE, A.RESOLVE, A.CLOSE])
def test_an_illegal_move_changes_nothing(pressed: Database, action: TaskAction) -> None:
    with pytest.raises(ConflictError, match=f"a task that is new cannot {action}"):
        act(pressed, person(pressed, Role.DISPATCHER, "d"), action, outcome="test")
    assert state(pressed) == "new"


def test_only_the_holder_or_a_dispatcher_moves_a_task_on(pressed: Database) -> None:
    li, zhang = (person(pressed, Role.CARER, name) for name in ("li", "zhang"))
    act(pressed, li, A.ACKNOWLEDGE)
    with pytest.raises(ForbiddenError, match="not yours; li has it"):
        act(pressed, zhang, A.DEPART)
    act(pressed, person(pressed, Role.DISPATCHER, "d"), A.DEPART)
    assert state(pressed) == "on_the_way"


def test_handing_over_needs_a_dispatcher_and_somebody_who_sees_the_kind(pressed: Database) -> None:
    li, dispatcher = person(pressed, Role.CARER, "li"), person(pressed, Role.DISPATCHER, "d")
    crew = person(pressed, Role.MAINTENANCE, "crew")
    with pytest.raises(ForbiddenError):
        act(pressed, li, A.REASSIGN, assignee_id=li.user_id)
    with pytest.raises(InvalidError, match="crew has the role maintenance, which does not see care tasks"):
        act(pressed, dispatcher, A.REASSIGN, assignee_id=crew.user_id)
    with pytest.raises(InvalidError, match="there is no user 99"):
        act(pressed, dispatcher, A.REASSIGN, assignee_id=99)
    act(pressed, dispatcher, A.REASSIGN, assignee_id=li.user_id)
    assert state(pressed) == "dispatched"


def test_resolving_needs_an_outcome_and_a_note_needs_words(pressed: Database) -> None:
    li = person(pressed, Role.CARER, "li")
    act(pressed, li, A.ACKNOWLEDGE)
    with pytest.raises(InvalidError, match="needs an outcome"):
        act(pressed, li, A.RESOLVE)
    with pytest.raises(InvalidError, match="empty note"):
        act(pressed, li, A.NOTE, note="  ")
    with pytest.raises(InvalidError, match="at most 2000"):
        act(pressed, li, A.NOTE, note="x" * 2_001)
    assert state(pressed) == "acknowledged"


@pytest.mark.parametrize("role", [Role.INSTALLER, Role.WALL])
def test_roles_that_only_look_cannot_act(pressed: Database, role: Role) -> None:
    with pytest.raises(ForbiddenError, match=f"the role {role} may not work_tasks"):
        act(pressed, person(pressed, role, "x"), A.ACKNOWLEDGE)


def test_well_crews_do_not_see_care_tasks_and_carers_no_wells(pressed: Database) -> None:
    crew, carer = person(pressed, Role.MAINTENANCE, "crew"), person(pressed, Role.CARER, "li")
    with pressed.read() as session:
        assert [task.kind for task in repository.listed(session, crew)] == ["well"]
        assert [task.kind for task in repository.listed(session, carer)] == ["care"]
        with pytest.raises(NotFoundError):
            repository.seen_by(session, crew, 1)
    with pytest.raises(NotFoundError):
        act(pressed, crew, A.ACKNOWLEDGE, 1)


def test_the_wall_shows_an_initial_and_no_address(pressed: Database) -> None:
    wall, carer = person(pressed, Role.WALL, "wall"), person(pressed, Role.CARER, "li")
    with pressed.read() as session:
        masked = views.page(session, wall, 1, RuleTexts(())).task.subject
        clear = views.page(session, carer, 1, RuleTexts(()), opened=NOW).task.subject
        listed = views.page(session, carer, 1, RuleTexts(())).task.subject
    assert (masked.name, masked.address, masked.access, masked.phone) == ("王**", "**", "", "")
    assert (clear.name, clear.access) == ("王秀英", "钥匙在邻居家")
    assert (listed.name, listed.access) == ("王秀英", "")


def test_a_failed_action_leaves_no_line_on_the_timeline(pressed: Database) -> None:
    for action in (A.CLOSE, A.RECUR):
        with pytest.raises(ServerError):
            act(pressed, person(pressed, Role.MANAGER, f"m{action}"), action)
    with pressed.read() as session:
        assert len(repository.timeline(session, 1)) == 1


def test_the_first_acknowledgement_is_the_fourth_clock_and_stays(pressed: Database) -> None:
    li, dispatcher = person(pressed, Role.CARER, "li"), person(pressed, Role.DISPATCHER, "d")
    act(pressed, li, A.ACKNOWLEDGE)
    act(pressed, dispatcher, A.REASSIGN, assignee_id=li.user_id)
    with pressed.write() as session:
        task = service.act(session, li, 1, Act(action=A.ACKNOWLEDGE), now=NOW + timedelta(minutes=9))
    assert task.acknowledged_at == NOW
