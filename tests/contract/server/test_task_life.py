"""A task after dispatch: how it ends, follow-ups, reviews, two levels, putting off, handing over, followers,
and kinds that a manager adds. On both SQL engines."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select

from gateway.rules.model import Severity
from server.alarms.texts import RuleTexts
from server.db.database import Database
from server.db.models import Delivery, DispatchStep, Task, User
from server.errors import ConflictError, ForbiddenError, InvalidError, ServerError
from server.policies import service as policies
from server.tasks import following, intake, kinds, repository, reviews, service, views, watching
from server.tasks.policy import KINDS, OUTCOMES, Kind, Outcome, TaskPolicy
from server.tasks.service import Act
from server.tasks.states import TaskAction
from server.users import sessions
from server.users.roles import Role
from server.users.viewer import Viewer
from tests.contract.server.conftest import NOW, viewer_of
from tests.contract.server.test_alarm_record import opened_cover, press, record
from tests.contract.server.test_dispatch import at, work

A = TaskAction


def act(
    database: Database, login: str, action: TaskAction, *, number: int = 1, s: float = 5, **facts: Any
) -> Task:
    """One action, `s` seconds after the press."""
    viewer = viewer_of(database, login)
    with database.write() as session:
        return service.act(session, viewer, number, Act(action=action, **facts), now=at(s))


def task(database: Database, number: int = 1) -> Task:
    """The task as it is."""
    with database.read() as session:
        return session.get_one(Task, number)


def lines(database: Database, number: int = 1) -> list[str]:
    """The timeline's actions."""
    with database.read() as session:
        return [event.action for event in repository.timeline(session, number)]


def told_after(database: Database, action: str) -> list[str]:
    """Whom the chain has told since then."""
    with database.read() as session:
        events = list(repository.timeline(session, 1))
    first = next(place for place, event in enumerate(events) if event.action == action)
    return [event.detail["value"] for event in events[first:] if "who" in event.detail]


@pytest.fixture
def pressed(staffed: Database) -> Database:
    """A press (task 1), told and accepted by li."""
    record(staffed, press(1))
    work(staffed, NOW)
    act(staffed, "li", A.ACKNOWLEDGE)
    return staffed


@pytest.fixture
def covered(staffed: Database) -> Database:
    """An open cover (task 1), not critical."""
    record(staffed, opened_cover(1))
    work(staffed, NOW)
    return staffed


@pytest.mark.parametrize(
    ("facts", "words"),
    [
        ({}, "needs an outcome"),
        ({"outcome": "repaired"}, "no outcome of this task"),
        ({"outcome": "false_alarm"}, "needs a cause"),
        ({"outcome": "false_alarm", "cause": "ghost"}, "needs a cause"),
        ({"outcome": "false_alarm", "cause": "other"}, "the cause other needs a note"),
        ({"outcome": "no_access"}, "needs a note"),
    ],
)
def test_an_end_without_its_facts_is_refused_and_nothing_is_written(
    pressed: Database, facts: dict[str, Any], words: str
) -> None:
    before = lines(pressed)
    with pytest.raises(InvalidError, match=words):
        act(pressed, "li", A.CLOSE, **facts)
    assert (task(pressed).state, lines(pressed)) == ("acknowledged", before)


def test_a_task_is_closed_at_once_with_outcome_and_cause(pressed: Database) -> None:
    closed = act(pressed, "li", A.CLOSE, outcome="false_alarm", cause="pet")
    assert (closed.state, closed.outcome, closed.cause) == ("closed", "false_alarm", "pet")
    assert closed.resolved_at == closed.closed_at == at(5)


def test_a_hospital_stay_is_followed_up_once_and_told_on_its_day(pressed: Database) -> None:
    act(pressed, "li", A.CLOSE, outcome="hospital")
    visit = task(pressed, 2)
    assert (visit.kind, visit.state, visit.parent_id) == ("follow_up", "planned", 1)
    assert visit.due_at == at(5) + timedelta(days=3)
    record(pressed, press(2))
    act(pressed, "wang", A.ACKNOWLEDGE, number=3, s=3_600)
    act(pressed, "wang", A.CLOSE, number=3, s=3_700, outcome="helped_on_site")
    assert task(pressed, 2).due_at == visit.due_at  # the earlier day stays
    with pressed.read() as session:
        assert session.scalars(select(Task.id).where(Task.kind == "follow_up")).all() == [2]
        assert following.due(session, now=visit.due_at - timedelta(seconds=1)) == []
        assert session.scalars(select(DispatchStep).where(DispatchStep.task_id == 2)).all() == []
        assert [each.id for each in repository.listed(session, viewer_of(pressed, "sun"))] == []
        assert [each.id for each in repository.listed(session, viewer_of(pressed, "sun"), tab="planned")] == [
            2
        ]
    for _ in range(2):
        with pressed.write() as session:
            for number in following.due(session, now=visit.due_at):
                assert following.fall_due(session, number, now=visit.due_at)
    work(pressed, visit.due_at)
    assert task(pressed, 2).state == "new"
    assert lines(pressed, 2)[-2:] == ["fall_due", "told"]


def test_an_ended_task_stays_ended_and_a_new_one_is_linked_to_it(pressed: Database) -> None:
    act(pressed, "li", A.CLOSE, outcome="helped_by_phone")
    with pytest.raises(ConflictError):
        act(pressed, "sun", A.ACKNOWLEDGE)
    act(pressed, "li", A.RENEW, note="she called again")
    assert (task(pressed).state, task(pressed, 2).state, task(pressed, 2).parent_id) == ("closed", "new", 1)
    work(pressed, at(6))
    assert lines(pressed, 2)[:2] == ["renewed", "told"]
    with pytest.raises(ConflictError, match="task 2 is open"):
        act(pressed, "li", A.RENEW)


def test_the_subdistrict_gets_what_the_community_cannot_solve_and_gives_it_back(pressed: Database) -> None:
    with pytest.raises(InvalidError, match="cannot solve"):
        act(pressed, "li", A.ESCALATE)
    with pytest.raises(ForbiddenError):
        act(pressed, "wang", A.ESCALATE, note="not mine")
    act(pressed, "li", A.ESCALATE, note="needs a lift engineer")
    assert (task(pressed).level, task(pressed).state, task(pressed).assignee_id) == (
        "subdistrict",
        "dispatched",
        None,
    )
    work(pressed, at(6))
    assert told_after(pressed, "escalate") == ["dispatcher"]
    with pressed.read() as session:
        arrivals = select(DispatchStep).where(DispatchStep.kind == "arrival", DispatchStep.state == "planned")
        assert session.scalars(arrivals).all() == []
        seen = repository.listed(session, viewer_of(pressed, "zhou"), level="subdistrict")
        assert [each.id for each in seen] == [1]
    with pytest.raises(ConflictError, match="has this task already"):
        act(pressed, "zhou", A.ESCALATE, note="again")
    with pytest.raises(ForbiddenError):
        act(pressed, "li", A.RETURN, note="please")
    act(pressed, "zhou", A.RETURN, note="the engineer comes at four: be there")
    assert task(pressed).level == "community"
    work(pressed, at(7))
    assert "carer" in told_after(pressed, "return")


def test_what_is_put_off_waits_and_a_critical_task_cannot_be(staffed: Database) -> None:
    record(staffed, opened_cover(1))
    record(staffed, press(2))
    work(staffed, NOW)
    act(staffed, "li", A.ACKNOWLEDGE, number=2)
    with pytest.raises(ConflictError, match="critical"):
        act(staffed, "li", A.SNOOZE, number=2, minutes=15, note="later")
    with pytest.raises(ForbiddenError):
        act(staffed, "zhao", A.SNOOZE, minutes=15, note="nobody has it: a dispatcher decides")
    for minutes in (0, 241, None):
        with pytest.raises(InvalidError, match="1 to 240"):
            act(staffed, "zhou", A.SNOOZE, minutes=minutes, note="later")
    act(staffed, "zhou", A.SNOOZE, minutes=60, note="the crew is two streets away")
    told = lines(staffed)
    work(staffed, at(3_000))
    assert lines(staffed) == told
    work(staffed, at(3_700))
    assert len(lines(staffed)) > len(told)


def test_the_holder_asks_a_colleague_who_has_to_accept(pressed: Database) -> None:
    with pressed.read() as session:
        ids = {user.login: user.id for user in session.scalars(select(User))}
    for wrong, words in (("li", "somebody else"), ("zhao", "does not see care")):
        with pytest.raises(InvalidError, match=words):
            act(pressed, "li", A.HAND_OVER, assignee_id=ids[wrong])
    with pytest.raises(ForbiddenError):
        act(pressed, "wang", A.HAND_OVER, assignee_id=ids["wang"])
    act(pressed, "li", A.HAND_OVER, assignee_id=ids["wang"], note="my shift ends")
    assert (task(pressed).state, task(pressed).assignee_id) == ("dispatched", ids["wang"])
    work(pressed, at(6))
    assert lines(pressed)[-1] == "told_holder"
    work(pressed, at(70))  # nobody says yes: the chain goes on
    assert {"told", "escalated"} & set(lines(pressed)[-2:])
    assert act(pressed, "li", A.ACKNOWLEDGE, s=80).assignee_id == ids["li"]


def test_who_follows_a_task_is_told_who_took_it_and_how_it_ended(staffed: Database) -> None:
    record(staffed, press(1))
    sun = viewer_of(staffed, "sun")
    for _ in range(2):
        with staffed.write() as session:
            watching.watch(session, sun, 1)
    act(staffed, "li", A.ACKNOWLEDGE)
    work(staffed, at(6))
    act(staffed, "li", A.CLOSE, s=20, outcome="test")
    work(staffed, at(21))
    with staffed.read() as session:
        told = session.scalars(
            select(Delivery)
            .join(DispatchStep, DispatchStep.id == Delivery.step_id)
            .where(DispatchStep.kind == "watchers")
        ).all()
        assert [(each.user_id, each.created_at) for each in told] == [
            (sun.user_id, at(6)),
            (sun.user_id, at(21)),
        ]
        page = views.page(session, sun, 1, RuleTexts(()))
    assert (page.watchers, page.watching) == (("sun",), True)
    times = [line.at for line in page.history]
    assert times == sorted(times)
    assert {line.source for line in page.history} == {"event", "step", "send"}


@pytest.mark.parametrize(
    ("answered", "outcome", "severity", "reason"),
    [
        (10, "helped_by_phone", "critical", "critical"),
        (10, "helped_by_phone", "major", None),
        (181, "helped_by_phone", "major", "late_answer"),
        (181, "helped_by_phone", "minor", None),
    ],
)
def test_a_manager_looks_again_at_what_matters(
    staffed: Database, answered: float, outcome: str, severity: str, reason: str | None
) -> None:
    record(staffed, press(1, severity=Severity(severity)))
    act(staffed, "li", A.ACKNOWLEDGE, s=answered)
    act(staffed, "li", A.CLOSE, s=answered + 1, outcome=outcome)
    assert task(staffed).review == reason
    with staffed.read() as session:
        listed = repository.listed(session, viewer_of(staffed, "sun"), tab="review")
    assert [each.id for each in listed] == ([1] if reason else [])


def test_the_third_false_alarm_of_a_home_is_looked_at(staffed: Database) -> None:
    for number in (1, 2, 3):
        record(staffed, press(number, severity=Severity.MAJOR))
        act(staffed, "li", A.ACKNOWLEDGE, number=number)
        act(staffed, "li", A.CLOSE, number=number, outcome="false_alarm", cause="pet")
    assert [task(staffed, number).review for number in (1, 2, 3)] == [None, None, "false_alarms"]


def test_a_review_has_a_verdict_of_somebody_else_and_comes_once(pressed: Database) -> None:
    act(pressed, "li", A.CLOSE, outcome="helped_by_phone")
    with pytest.raises(ForbiddenError):
        act(pressed, "li", A.REVIEW, verdict="ok")
    with pytest.raises(InvalidError, match="should be better"):
        act(pressed, "sun", A.REVIEW, verdict="improve")
    act(pressed, "sun", A.REVIEW, verdict="improve", note="call the daughter first")
    assert task(pressed).reviewed_at is not None
    assert lines(pressed)[-1] == "review"
    with pytest.raises(ConflictError, match="has been reviewed"):
        act(pressed, "sun", A.REVIEW, verdict="ok")


def test_two_of_each_persons_tasks_of_a_month_are_drawn_when_it_is_over(staffed: Database) -> None:
    for number in range(1, 6):
        record(staffed, press(number, severity=Severity.MINOR))
        who = "li" if number < 5 else "wang"
        act(staffed, who, A.ACKNOWLEDGE, number=number)
        act(staffed, who, A.CLOSE, number=number, outcome="helped_by_phone")
    for now, expected in ((NOW, 0), (NOW + timedelta(days=31), 3), (NOW + timedelta(days=31), 0)):
        with staffed.write() as session:
            drawn = reviews.drawn(session, now=now)
            reviews.mark_drawn(session, drawn)
        assert len(drawn) == expected
    with staffed.read() as session:
        marked = session.scalars(select(Task.id).where(Task.review == "sample")).all()
    assert 5 in marked
    assert len(marked) == 3


def delivery_policy() -> TaskPolicy:
    """The packaged policy with a kind and an outcome more."""
    extra = Kind(id="needs_delivery", zh="送餐", en="Delivery", roles=["carer"], outcomes=["delivered"])
    done = Outcome(id="delivered", zh="已送到", en="Delivered", counts_as="helped")
    return TaskPolicy(kinds=[*KINDS, extra], outcomes=[*OUTCOMES, done])


def delivery(now: datetime) -> intake.Need:
    """Somebody needs their meal brought."""
    return intake.Need(
        kind="needs_delivery",  # type: ignore[arg-type]  # not of the wire's vocabulary
        subject_kind="resident", subject_id="r1", area_id="area", severity="minor", rule="meal",
        device_at=now, gateway_at=now, clock_trusted=True, late=False, source_kind="resident",
        source_id="r1", value={},
    )  # fmt: skip


def test_a_kind_that_a_manager_adds_works_from_the_beginning_to_the_end(staffed: Database) -> None:
    with staffed.write() as session:
        policies.put(session, viewer_of(staffed, "sun"), delivery_policy(), now=NOW)
    with staffed.write() as session:
        number = intake.open_or_join(session, delivery(NOW), now=NOW)
    assert work(staffed, NOW) == 1  # told by the playbook of kinds that have none
    with staffed.read() as session:
        li, zhao = (
            sessions.viewer_of(session, session.scalars(select(User).where(User.login == login)).one())
            for login in ("li", "zhao")
        )
        assert [each.id for each in repository.listed(session, li)] == [number]
        assert repository.listed(session, zhao) == []
        (seen,) = views.views(session, li, repository.listed(session, li), RuleTexts(()))
    assert seen.kind_names == {"zh": "送餐", "en": "Delivery"}
    for action, facts in ((A.ACKNOWLEDGE, {}), (A.CLOSE, {"outcome": "delivered"})):
        with staffed.write() as session:
            service.act(session, li, number, Act(action=action, **facts), now=NOW)  # type: ignore[arg-type]
    assert (task(staffed, number).state, task(staffed, number).outcome) == ("closed", "delivered")


def test_a_kind_that_is_taken_out_keeps_its_open_tasks_in_sight(staffed: Database) -> None:
    with staffed.write() as session:
        policies.put(session, viewer_of(staffed, "sun"), delivery_policy(), now=NOW)
        number = intake.open_or_join(session, delivery(NOW), now=NOW)
    with staffed.write() as session:
        policies.put(session, viewer_of(staffed, "sun"), TaskPolicy(), now=NOW)
    with staffed.read() as session:
        assert "needs_delivery" in kinds.seen_by(session, Role.DISPATCHER) & kinds.seen_by(
            session, Role.CARER
        )
        zhou = sessions.viewer_of(session, session.scalars(select(User).where(User.login == "zhou")).one())
        assert number in [each.id for each in repository.listed(session, zhou)]


def test_a_refused_action_has_changed_nothing(pressed: Database) -> None:
    before = (task(pressed).version, lines(pressed))
    wrong: list[tuple[str, Act]] = [
        ("li", Act(action=A.SNOOZE, minutes=5, note="x")),
        ("li", Act(action=A.PHOTO)),
        ("li", Act(action=A.FALL_DUE)),
        ("li", Act(action=A.HAND_OVER)),
        ("sun", Act(action=A.REVIEW, verdict="ok")),
        ("sun", Act(action=A.RETURN, note="x")),
    ]
    for login, one in wrong:
        viewer: Viewer = viewer_of(pressed, login)
        with pytest.raises(ServerError), pressed.write() as session:
            service.act(session, viewer, 1, one, now=at(9))
    assert (task(pressed).version, lines(pressed)) == before


def test_what_gets_worse_in_somebodys_hands_has_to_be_reached_in_its_new_time(staffed: Database) -> None:
    """A minor task gives hours; the fall that joins it has to be taken anew, and gives less."""
    record(staffed, press(1, severity=Severity.MINOR, rule="inactivity"))
    limit = select(DispatchStep.due_at).where(DispatchStep.kind == "arrival", DispatchStep.state == "planned")
    limits: list[datetime] = []
    for number, severity in enumerate((Severity.MAJOR, Severity.CRITICAL, None), 2):
        act(staffed, "li", A.ACKNOWLEDGE)
        with staffed.read() as session:
            limits += session.scalars(limit).all()
        if severity is not None:
            record(staffed, press(number, severity=severity, rule=severity))
    minor, major, critical = limits
    assert critical < major < minor
    work(staffed, critical)
    assert "expire" in lines(staffed)
