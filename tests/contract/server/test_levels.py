"""Who is told of a task that a community could not solve, on both SQL engines."""

from sqlalchemy import select

from server.db.database import Database
from server.db.models import Task, User
from server.dispatch import people
from server.dispatch.core import WhoKind
from server.tasks import service
from server.tasks.service import Act
from server.tasks.states import TaskAction
from server.users.roles import Role
from tests.contract.server import test_chain
from tests.contract.server.conftest import NOW, viewer_of
from tests.contract.server.test_chain import add, means
from tests.contract.server.test_dispatch import at, sends, work

A = TaskAction
community = test_chain.community


def test_what_a_community_could_not_solve_is_told_to_the_desks_above_it_alone(community: Database) -> None:
    with community.write() as session:
        add(session, "com-desk", Role.DISPATCHER, area_id="com")
        add(session, "com-boss", Role.MANAGER, area_id="com")
        add(session, "sub-boss", Role.MANAGER, area_id="sub")
    work(community, NOW)
    assert set(means(community, WhoKind.ROLE, "dispatcher")) == {"desk", "com-desk"}
    before = len(sends(community))
    desk = viewer_of(community, "desk")
    with community.write() as session:
        service.act(
            session, desk, 1, Act(action=A.ESCALATE, note="needs the fire brigade's ladder"), now=at(5)
        )
    for seconds in (5, 200, 400):
        work(community, at(seconds))
    assert {login for login, _, _ in sends(community)[before:]} == {"desk", "sub-boss"}
    assert means(community, WhoKind.DUTY, "manager") == ["sub-boss"]
    assert "grid-worker" in means(community, WhoKind.ROLE, "carer")  # a playbook may still send one who goes


def test_a_level_at_which_nobody_is_does_not_leave_a_task_alone(community: Database) -> None:
    with community.write() as session:
        session.scalars(select(User).where(User.login == "desk")).one().disabled_at = NOW
        add(session, "com-desk", Role.DISPATCHER, area_id="com")
        for user in session.scalars(select(User).where(User.role.in_((Role.MANAGER, Role.ADMINISTRATOR)))):
            user.disabled_at = NOW
        session.get_one(Task, 1).level = "subdistrict"
    assert means(community, WhoKind.ROLE, "dispatcher") == []
    with community.write() as session:
        for user in session.scalars(select(User).where(User.role == Role.CARER)):
            user.disabled_at = NOW
    with community.read() as session:
        those = people.everybody(session, session.get_one(Task, 1), now=NOW)
    assert [user.login for user in those] == ["com-desk"]
