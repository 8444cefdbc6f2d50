"""What somebody has is not over: new emergencies, people who leave, chains without an answer, tasks without
an end. On both SQL engines."""

from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta

import pytest
from sqlalchemy import select, update

from gateway.rules.model import Severity
from server.alarms import service as alarms
from server.clock import to_ms
from server.db.database import Database
from server.db.models import Alarm, Delivery, Gateway, Task, User
from server.dispatch import auditor, losing, planning, worker
from server.dispatch.core import Happened
from server.errors import ConflictError, InvalidError
from server.gateways import service as gateways
from server.notify import deliveries
from server.tasks import renewing, service
from server.tasks.service import Act
from server.tasks.states import TaskAction
from server.users.roles import Role
from tests.contract.server.conftest import NOW, person, viewer_of
from tests.contract.server.test_alarm_record import opened_cover, press, record
from tests.contract.server.test_dispatch import LI_HAS, act, at, planned, sends, told, work

A = TaskAction
DAYS = 2 * 86_400
"""Seconds: long after everybody has gone home."""


def happens(database: Database, number: int, seconds: float, **more: object) -> None:
    """An alarm of its own, that long after the first."""
    ms = to_ms(at(seconds))
    message = press(number, device_ms=ms, gateway_ms=ms, breach=f"b{number}", **more)
    with database.write() as session:
        alarms.record(session, gateway_id="gw-1", message=message, now=at(seconds))


def held(database: Database, *, arrived: bool = True) -> None:
    """A press that li took, went to and never ended."""
    happens(database, 1, 0)
    work(database, NOW, LI_HAS)
    act(database, viewer_of(database, "li"), A.ACKNOWLEDGE, at(5))
    if arrived:
        act(database, viewer_of(database, "li"), A.ARRIVE, at(300))
    work(database, at(400), LI_HAS)


def look(database: Database, now: datetime) -> None:
    """The sweep over those who left."""
    losing.sweep(database, now=now)


def task(database: Database) -> Task:
    """The first task."""
    with database.read() as session:
        return session.get_one(Task, 1)


def disable(database: Database, *logins: str, now: datetime) -> None:
    """They leave."""
    with database.write() as session:
        session.execute(update(User).where(User.login.in_(logins)).values(disabled_at=now))


def test_a_press_on_a_forgotten_task_is_told_to_everybody_unless_its_holder_answers(
    staffed: Database,
) -> None:
    held(staffed)
    happens(staffed, 2, DAYS)
    work(staffed, at(DAYS), LI_HAS)
    assert told(staffed)[-1][0] == "told_holder"
    assert ("answer", at(DAYS + 60)) in planned(staffed)
    assert task(staffed).unheard_at == at(DAYS)
    work(staffed, at(DAYS + 60), LI_HAS)
    assert [action for action, _ in told(staffed)][-3:] == ["expire", "told", "told"]
    assert task(staffed).state == "dispatched"
    assert sends(staffed)[-3:] == [
        ("li", "ntfy", "queued"),
        ("wang", "page", "sent"),
        ("zhou", "page", "sent"),
    ]
    act(staffed, viewer_of(staffed, "wang"), A.ACKNOWLEDGE, at(DAYS + 70))
    assert task(staffed).unheard_at is None


@pytest.mark.parametrize("action", [A.HEARD, A.NOTE])
def test_whatever_its_holder_does_answers_to_it(staffed: Database, action: TaskAction) -> None:
    held(staffed)
    happens(staffed, 2, 500)
    work(staffed, at(500), LI_HAS)
    with pytest.raises(ConflictError):
        act(staffed, viewer_of(staffed, "wang"), A.ACKNOWLEDGE, at(501))
    act(staffed, viewer_of(staffed, "zhou"), A.NOTE, at(502), note="is she well?")  # nobody's answer
    assert "answer" in dict(planned(staffed))
    act(staffed, viewer_of(staffed, "li"), action, at(510), note="with her")
    assert "answer" not in dict(planned(staffed))
    assert task(staffed).unheard_at is None
    with pytest.raises(ConflictError, match="nothing new"):
        act(staffed, viewer_of(staffed, "li"), A.HEARD, at(511))
    work(staffed, at(900), LI_HAS)
    assert task(staffed).state == "on_site"


def test_a_lesser_occurrence_tells_its_holder_and_asks_for_nothing(staffed: Database) -> None:
    held(staffed)
    happens(staffed, 2, 500, rule="inactivity", severity=Severity.WARNING)
    work(staffed, at(500), LI_HAS)
    assert told(staffed)[-1][0] == "told_holder"
    assert [kind for kind, _ in planned(staffed)] == ["unfinished"]


def test_a_press_where_somebody_has_a_notice_is_everybodys_at_once(staffed: Database) -> None:
    happens(staffed, 1, 0, rule="inactivity", severity=Severity.WARNING)
    work(staffed, NOW, LI_HAS)
    act(staffed, viewer_of(staffed, "li"), A.ACKNOWLEDGE, at(5))
    happens(staffed, 2, 600)
    assert (task(staffed).state, task(staffed).severity) == ("dispatched", "critical")
    work(staffed, at(600), LI_HAS)
    assert [action for action, _ in told(staffed)][-5:] == [
        "recurred",
        "worsen",
        "told_holder",
        "told",
        "told",
    ]
    assert planned(staffed) == [("call", at(660))]
    act(staffed, viewer_of(staffed, "li"), A.ACKNOWLEDGE, at(610))
    assert ("arrival", at(1_510)) in planned(staffed)


def test_a_holder_whom_no_message_reaches_is_not_waited_for(staffed: Database) -> None:
    held(staffed)
    happens(staffed, 2, 500)
    work(staffed, at(500), LI_HAS)
    with staffed.read() as session:
        newest = session.scalars(select(Delivery.id).order_by(Delivery.id.desc())).first()
    assert newest is not None
    for attempt in range(1, 7):
        with staffed.write() as session:
            delivery = session.get_one(Delivery, newest)
            if delivery.state == "failed":  # the next channel has its turn
                newest = delivery.id + 1
            claimed = deliveries.claim(session, now=at(500 + 20 * attempt), limit=8)
            for one in claimed:
                failed = deliveries.settle(session, one.id, one.attempts, "dead", now=at(510))
                if failed is not None:
                    worker.hurry(session, failed, now=at(510))
    assert ("answer", at(510)) in planned(staffed)


def test_what_somebody_had_who_left_is_everybodys_again(staffed: Database) -> None:
    held(staffed)
    disable(staffed, "li", now=at(450))
    look(staffed, at(455))
    assert (task(staffed).state, task(staffed).assignee_id) == ("dispatched", None)
    assert planned(staffed) == [("call", at(455))]
    look(staffed, at(456))  # another process, or the next round
    assert [action for action, _ in told(staffed)].count("expire") == 1
    work(staffed, at(456), LI_HAS)
    assert sends(staffed)[-2:] == [("wang", "page", "sent"), ("zhou", "page", "sent")]


def test_who_left_does_not_count_as_told_before_the_sweep_either(staffed: Database) -> None:
    held(staffed)
    disable(staffed, "li", now=at(450))
    happens(staffed, 2, 500)
    work(staffed, at(500), LI_HAS)
    assert "told_holder" not in [action for action, _ in told(staffed)]
    assert sends(staffed)[-2:] == [("wang", "page", "sent"), ("zhou", "page", "sent")]


def test_where_only_those_were_told_who_left_the_next_are_told(staffed: Database) -> None:
    happens(staffed, 1, 0, severity=Severity.MINOR)
    work(staffed, NOW, LI_HAS)
    disable(staffed, "wang", now=at(6))
    look(staffed, at(7))
    assert planned(staffed) == [("call", at(900))]  # li may still answer
    disable(staffed, "li", now=at(8))
    look(staffed, at(9))
    assert planned(staffed) == [("call", at(9))]
    work(staffed, at(9), LI_HAS)
    look(staffed, at(10))
    assert planned(staffed)[0][1] > at(1_000)  # the desk has its time


def test_a_task_given_to_somebody_who_leaves_goes_on(staffed: Database) -> None:
    happens(staffed, 1, 0, severity=Severity.MINOR)
    work(staffed, NOW, LI_HAS)
    wang = viewer_of(staffed, "wang").user_id
    act(staffed, viewer_of(staffed, "zhou"), A.REASSIGN, at(5), assignee_id=wang)
    work(staffed, at(5), LI_HAS)
    disable(staffed, "wang", now=at(6))
    look(staffed, at(7))
    assert planned(staffed) == [("call", at(7))]
    assert told(staffed)[-1][0] == "left"
    assert task(staffed).assignee_id is None


def test_a_chain_that_nobody_answers_goes_on_with_its_last_round(staffed: Database) -> None:
    """For as long as it takes, with one row waiting at a time; the first word of it stays."""
    happens(staffed, 1, 0)
    waiting: list[int] = []
    for minutes in range(0, 24 * 60, 2):
        work(staffed, at(60 * minutes), LI_HAS)
        waiting.append(len(planned(staffed)))
    assert set(waiting) == {1}
    events = told(staffed)
    assert events[-2:] in (
        [("escalated", "manager"), ("unanswered", "")],
        [("unanswered", ""), ("escalated", "manager")],
    )
    assert 110 <= [action for action, _ in events].count("unanswered") <= 120  # each 12 minutes
    assert task(staffed).unanswered_at == at(66 * 60)
    act(staffed, viewer_of(staffed, "sun"), A.ACKNOWLEDGE, at(DAYS))
    assert task(staffed).unanswered_at is None
    assert [kind for kind, _ in planned(staffed)] == ["arrival", "taken"]


@pytest.mark.parametrize("resolved", [False, True])
def test_what_is_never_ended_is_asked_for(staffed: Database, *, resolved: bool) -> None:
    """The holder after the time in the playbook, then the desk too, again and again."""
    held(staffed)
    since = 300
    if resolved:
        act(staffed, viewer_of(staffed, "li"), A.RESOLVE, at(600), outcome="hospital")
        since = 600
    assert planned(staffed) == [("unfinished", at(since + 7_200))]
    before = len(sends(staffed))
    work(staffed, at(since + 7_200), LI_HAS)
    assert sends(staffed)[before:] == [("li", "ntfy", "queued")]
    work(staffed, at(since + 14_400), LI_HAS)
    assert sends(staffed)[before + 1 :] == [("li", "ntfy", "queued"), ("zhou", "page", "sent")]
    assert planned(staffed) == [("unfinished", at(since + 21_600))]
    act(staffed, viewer_of(staffed, "li"), A.CLOSE, at(since + 15_000), outcome="hospital")
    assert [kind for kind, _ in planned(staffed)] == []


def test_the_late_dispatchers_own_alarm_is_for_the_desk_first(staffed: Database) -> None:
    happens(staffed, 1, 0)
    with staffed.write() as session:
        auditor.audit(session, now=at(40))
    work(staffed, at(41))
    assert told(staffed, 2) == [("opened", ""), ("told", "dispatcher"), ("told", "maintenance")]
    work(staffed, at(101))
    assert told(staffed, 2)[3:] == [("escalated", "dispatcher"), ("told", "manager")]


def test_to_cancel_needs_a_reason_and_a_closed_cover(staffed: Database) -> None:
    record(staffed, opened_cover(1))
    zhou = viewer_of(staffed, "zhou")
    with pytest.raises(InvalidError, match="say why"):
        act(staffed, zhou, A.CANCEL, at(5), note="  ")
    with pytest.raises(ConflictError, match="site check"):
        act(staffed, zhou, A.CANCEL, at(5), note="somebody else's")
    with staffed.write() as session:
        alarms.end_alarm(
            session, source_kind="position", source_id="well", rule="cover_open", by="gateway", now=at(6)
        )
    assert act(staffed, zhou, A.CANCEL, at(7), note="closed again").state == "cancelled"


def away(database: Database, *, now: datetime) -> None:
    """The gateway's silence is noticed, for the first time or again."""
    with database.write() as session:
        gateway = session.get_one(Gateway, "gw-1")
        gateway.seen_at = gateway.changed_at = NOW - timedelta(hours=1)
        gateway.online = False
    gateways.sweep(database, grace=timedelta(seconds=30), started=NOW - timedelta(days=1), now=now)


def renew(database: Database, *, now: datetime) -> None:
    """The sweep over what outlasts its task, twice: as two processes do."""
    for _ in range(2):
        renewing.sweep(database, now=now)


def test_what_still_stands_after_its_task_is_asked_for_again_once(staffed: Database) -> None:
    away(staffed, now=NOW)
    with staffed.read() as session:
        hours = {"critical": 1, "major": 4}.get(session.get_one(Task, 1).severity, 24)
    zhao = viewer_of(staffed, "zhao")
    act(staffed, zhao, A.ACKNOWLEDGE, at(5))
    act(staffed, zhao, A.CLOSE, at(10), outcome="repaired")
    renew(staffed, now=at(hours * 3_600))
    assert alarm_tasks(staffed) == [1]
    late = at(hours * 3_600 + 11)
    away(staffed, now=late)
    with ThreadPoolExecutor(2) as executor:
        list(executor.map(lambda _: renew(staffed, now=late), range(2)))
    away(staffed, now=late)
    with staffed.read() as session:
        former, newer = session.scalars(select(Task).order_by(Task.id)).all()
    assert (newer.parent_id, newer.subject_id, newer.state) == (former.id, former.subject_id, "new")
    assert newer.occurrences == 0
    assert alarm_tasks(staffed) == [newer.id]
    assert [action for action, _ in told(staffed, newer.id)] == ["opened", "renewed"]
    assert told(staffed)[-1][0] == "continued"
    assert planned(staffed) == [("call", late)]


def test_what_has_ended_or_has_no_end_is_not_asked_for_again(staffed: Database) -> None:
    happens(staffed, 1, 0)
    away(staffed, now=NOW)
    zhou = viewer_of(staffed, "zhou")
    for task_id in (1, 2):
        with staffed.write() as session:
            service.act(session, zhou, task_id, Act(action=A.CANCEL, note="no need"), now=at(5))
    with staffed.write() as session:
        alarms.end_alarm(
            session, source_kind="gateway", source_id="gw-1", rule="gateway_offline", by="server", now=at(6)
        )
    with staffed.read() as session:
        assert {alarm.cleared_at is None for alarm in session.scalars(select(Alarm))} == {False}
    with staffed.write() as session:
        session.execute(update(Alarm).where(Alarm.rule == "sos").values(cleared_at=None))
        assert renewing.due(session, now=at(DAYS)) == []


def alarm_tasks(database: Database) -> list[int]:
    """The tasks that the open alarms belong to."""
    with database.read() as session:
        return list(session.scalars(select(Alarm.task_id).where(Alarm.cleared_at.is_(None))))


def test_nobody_waits_for_a_holder_whom_nothing_reaches(staffed: Database) -> None:
    """A neighbour who took it by a link and has no address any more: others are told, and they may come."""
    neighbour = person(staffed, Role.VOLUNTEER, "neighbour")
    happens(staffed, 1, 0)
    work(staffed, NOW, LI_HAS)
    with staffed.write() as session:
        row = session.get_one(Task, 1)
        row.state, row.assignee_id = "acknowledged", neighbour.user_id
        planning.happened(session, row, Happened.ACKNOWLEDGED, now=at(5))
    happens(staffed, 2, 60)
    work(staffed, at(60), LI_HAS)
    assert [action for action, _ in told(staffed)][-3:] == ["expire", "told", "told"]
    assert task(staffed).assignee_id == neighbour.user_id
