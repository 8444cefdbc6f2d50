"""Steps and deliveries in the record: who is told, when, and what stops it. On both SQL engines."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import datetime, timedelta

import pytest
from pydantic import SecretStr
from sqlalchemy import select

from gateway.rules.model import Severity, TaskKind
from server.alarms.texts import DISPATCH_OVERDUE, RuleTexts
from server.db.database import Database
from server.db.models import (
    Alarm,
    Delivery,
    DispatchStep,
    KeyHolder,
    Resident,
    Responder,
    Task,
    TaskEvent,
    User,
)
from server.dispatch import auditor, playbooks, worker
from server.dispatch.playbooks import PlaybookIn
from server.errors import ConflictError, ForbiddenError, InvalidError, NotFoundError
from server.notify import deliveries
from server.notify.channels import AddressBook, Addresses, SendError
from server.notify.sender import Sender
from server.tasks import service
from server.tasks.service import Act
from server.tasks.states import TaskAction
from server.users.roles import Role
from server.users.viewer import Viewer
from tests.contract.server.conftest import NOW, person
from tests.contract.server.test_alarm_record import press, record

A = TaskAction
NOBODY_HAS = Addresses()
LI_HAS = Addresses({"li": {"ntfy": SecretStr("json://127.0.0.1/a"), "sms": SecretStr("json://127.0.0.1/b")}})


class _PowerCutError(Exception):
    """The process ends here."""


def at(seconds: float) -> datetime:
    """That long after the press."""
    return NOW + timedelta(seconds=seconds)


def work(database: Database, now: datetime, addresses: Addresses = NOBODY_HAS) -> int:
    """Does all that is due."""
    done = 0
    while True:
        with database.read() as session:
            step_id = worker.due_step(session, now=now)
        if step_id is None:
            return done
        with database.write() as session:
            done += worker.do_step(session, step_id, addresses, now=now)


def act(database: Database, viewer: Viewer, action: TaskAction, now: datetime, **facts: object) -> Task:
    """One action on task 1."""
    with database.write() as session:
        return service.act(session, viewer, 1, Act(action=action, **facts), now=now)  # type: ignore[arg-type]


def told(database: Database, task_id: int = 1) -> list[tuple[str, str]]:
    """What the timeline says of dispatch: the action, and the step or the person."""
    with database.read() as session:
        events = session.scalars(
            select(TaskEvent).where(TaskEvent.task_id == task_id).order_by(TaskEvent.id)
        ).all()
    return [
        (event.action, event.detail.get("value") or event.detail["who"] if "who" in event.detail else "")
        for event in events
    ]


def sends(database: Database) -> list[tuple[str, str, str]]:
    """All deliveries: person, channel, state."""
    with database.read() as session:
        rows = session.execute(
            select(User.login, Delivery.channel, Delivery.state)
            .join(User, User.id == Delivery.user_id)
            .order_by(Delivery.id)
        )
        return [(login, channel, state) for login, channel, state in rows]


def planned(database: Database) -> list[tuple[str, datetime]]:
    """What is planned: kind and time."""
    with database.read() as session:
        rows = session.scalars(select(DispatchStep).where(DispatchStep.state == "planned"))
        return sorted((row.kind, row.due_at) for row in rows)


@pytest.fixture
def staffed(street: Database) -> Database:
    """The street with two carers, a dispatcher, a manager and somebody for maintenance."""
    roles = {"li": "carer", "wang": "carer", "zhou": "dispatcher", "sun": "manager", "zhao": "maintenance"}
    for login, role in roles.items():
        person(street, Role(role), login)
    return street


def viewer(database: Database, login: str) -> Viewer:
    """That person."""
    with database.read() as session:
        user = session.scalars(select(User).where(User.login == login)).one()
        return Viewer(user_id=user.id, name=user.name, role=Role(user.role))


def test_an_unanswered_press_goes_from_step_to_step_to_the_end(staffed: Database) -> None:
    """Steps without people hand on at once; the others wait for their time limit; the end is said."""
    record(staffed, press(1))
    assert planned(staffed) == [("call", NOW)]  # in the transaction that opened the task
    assert work(staffed, NOW) == 1
    assert work(staffed, at(59)) == 0
    assert work(staffed, at(60)) == 3  # nobody has a key, nobody is a volunteer: the desk at once
    assert work(staffed, at(120)) == 1
    assert told(staffed) == [
        ("opened", ""),
        ("told", "carer"),
        ("told_nobody", "key_holder"),
        ("told_nobody", "1000"),
        ("escalated", "dispatcher"),
        ("escalated", "manager"),
    ]
    assert sends(staffed) == [(login, "page", "sent") for login in ("li", "wang", "zhou", "sun")]
    for minutes in range(2, 70, 2):
        work(staffed, at(60 * minutes))
    assert told(staffed)[-1][0] == "unanswered"
    assert planned(staffed) == []


def test_who_accepts_first_has_it_and_nothing_more_is_sent(staffed: Database) -> None:
    record(staffed, press(1))
    work(staffed, NOW, LI_HAS)
    assert sends(staffed) == [("li", "ntfy", "queued"), ("wang", "page", "sent")]
    act(staffed, viewer(staffed, "wang"), A.ACKNOWLEDGE, at(5))
    assert sends(staffed) == [("li", "ntfy", "cancelled"), ("wang", "page", "sent")]
    assert planned(staffed) == [("arrival", at(905)), ("taken", at(5))]
    with pytest.raises(ConflictError, match="wang has it"):
        act(staffed, viewer(staffed, "li"), A.ACKNOWLEDGE, at(6))


def test_two_people_who_accept_at_once_get_one_winner(staffed: Database) -> None:
    record(staffed, press(1))
    people = [viewer(staffed, login) for login in ("li", "wang", "zhou", "sun")]

    def take(who: Viewer) -> str:
        try:
            act(staffed, who, A.ACKNOWLEDGE, at(5))
        except ConflictError as error:
            return str(error)
        return "won"

    with ThreadPoolExecutor(4) as executor:
        answers = list(executor.map(take, people))
    winner = people[answers.index("won")]
    assert sorted(answers).count("won") == 1
    assert all(f"{winner.name} has it" in answer for answer in answers if answer != "won")


def test_those_who_were_told_hear_who_has_it(staffed: Database) -> None:
    record(staffed, press(1))
    work(staffed, NOW, LI_HAS)
    said: list[tuple[str, str, str]] = []
    sender = _sender(staffed, LI_HAS, said)
    _send(sender, NOW)
    act(staffed, viewer(staffed, "wang"), A.ACKNOWLEDGE, at(5))
    work(staffed, at(5), LI_HAS)
    _send(sender, at(5))
    assert [title for _, title, _ in said] == ["【阳光井】危急：sos", "【阳光井】已有人接单：sos"]
    assert "wang" in said[1][2]


def test_who_does_not_arrive_loses_it_and_the_next_step_is_told(staffed: Database) -> None:
    """The holder may still arrive, and another may take it."""
    record(staffed, press(1))
    work(staffed, NOW)
    li, sun = viewer(staffed, "li"), viewer(staffed, "sun")
    act(staffed, li, A.ACKNOWLEDGE, at(5))
    act(staffed, li, A.DEPART, at(60))
    work(staffed, at(905))
    assert told(staffed)[-1][0] == "depart"  # leaving gave new time
    work(staffed, at(960))
    assert told(staffed)[-4:] == [
        ("expire", ""),
        ("told_nobody", "key_holder"),
        ("told_nobody", "1000"),
        ("escalated", "dispatcher"),
    ]
    assert act(staffed, sun, A.ACKNOWLEDGE, at(970)).assignee_id == sun.user_id
    assert act(staffed, sun, A.ARRIVE, at(980)).state == "on_site"
    assert planned(staffed) == [("taken", at(970))]


def test_a_holder_is_told_again_of_another_press_once_at_a_time(staffed: Database) -> None:
    record(staffed, press(1))
    work(staffed, NOW)
    act(staffed, viewer(staffed, "li"), A.ACKNOWLEDGE, at(5))
    work(staffed, at(6), LI_HAS)
    for seq in range(2, 7):
        record(staffed, press(seq))
    work(staffed, at(10), LI_HAS)
    assert [event for event in told(staffed) if event[0] == "told_holder"] == [("told_holder", "")]
    assert sends(staffed)[-1] == ("li", "ntfy", "queued")


def test_a_worse_alarm_begins_the_worse_playbook(staffed: Database) -> None:
    record(staffed, press(1, severity=Severity.MINOR))
    work(staffed, NOW)
    assert planned(staffed) == [("call", at(900))]
    record(staffed, press(2))
    assert planned(staffed) == [("call", NOW)]
    work(staffed, NOW)
    assert planned(staffed) == [("call", at(60))]


def test_ending_a_task_ends_all_that_was_planned(staffed: Database) -> None:
    record(staffed, press(1))
    work(staffed, NOW, LI_HAS)
    act(staffed, viewer(staffed, "zhou"), A.CANCEL, at(5))
    assert planned(staffed) == []
    assert ("li", "ntfy", "cancelled") in sends(staffed)


def test_duty_keys_and_distance_choose_people(staffed: Database) -> None:
    """Who is on duty is told alone; the key holder and the volunteer nearby have their own steps."""
    ids = {login: viewer(staffed, login).user_id for login in ("li", "wang", "sun", "zhou")}
    with staffed.write() as session:
        session.add(Responder(user_id=ids["wang"], on_duty=True))
        session.add(Responder(user_id=ids["li"], volunteer=True, latitude=31.2205, longitude=121.44))
        session.add(Responder(user_id=ids["sun"], volunteer=True, latitude=31.3, longitude=121.44))
        session.add(KeyHolder(resident_id="r1", user_id=ids["zhou"]))
        home = session.get_one(Resident, "r1")
        home.latitude, home.longitude = 31.2200, 121.44
    record(staffed, press(1))
    for seconds in (0, 60, 120):
        work(staffed, at(seconds))
    assert [login for login, _, _ in sends(staffed)] == ["wang", "zhou", "li"]


def _put(database: Database, who: Viewer, plan: PlaybookIn | None, resident: str | None = None) -> None:
    with database.write() as session:
        playbooks.put(
            session,
            who,
            kind=TaskKind.CARE,
            severity=Severity.CRITICAL,
            resident_id=resident,
            plan=plan,
            now=NOW,
        )


def _plan(*logins: str, within_s: int = 10) -> PlaybookIn:
    steps = [{"who": {"kind": "person", "value": login}, "within_s": within_s} for login in logins]
    return PlaybookIn.model_validate({"steps": steps})


def test_a_residents_own_playbook_wins_and_versions_are_kept(staffed: Database) -> None:
    sun = viewer(staffed, "sun")
    _put(staffed, sun, _plan("zhou"))
    _put(staffed, sun, _plan("wang"))
    _put(staffed, sun, _plan("li", "sun"), resident="r1")
    record(staffed, press(1))
    _put(staffed, sun, None, resident="r1")  # what has begun goes on as it was
    work(staffed, NOW)
    work(staffed, at(10))
    assert [login for login, _, _ in sends(staffed)] == ["li", "sun"]
    with staffed.read() as session:
        rows = [(row.resident_id, row.version, row.ended_at is None) for row in playbooks.stored(session)]
    assert rows == [("r1", 1, False), (None, 2, True), (None, 1, False)]


def test_playbooks_name_only_people_who_may_see_such_tasks(staffed: Database) -> None:
    sun = viewer(staffed, "sun")
    with pytest.raises(InvalidError, match="step 1: 'zhao' is nobody who sees care tasks"):
        _put(staffed, sun, _plan("zhao"))
    with pytest.raises(NotFoundError):
        _put(staffed, sun, _plan("li"), resident="r9")
    with pytest.raises(ForbiddenError):
        _put(staffed, viewer(staffed, "li"), _plan("li"))


def _sender(database: Database, addresses: Addresses, said: list[tuple[str, str, str]]) -> Sender:
    def carry(url: str, title: str, body: str) -> None:
        said.append((url, title, body))
        if url.endswith("/a") and "fails" in url:
            raise SendError("refused")

    book = AddressBook(None)
    book._read = addresses
    return Sender(
        database=database,
        book=book,
        texts=RuleTexts(()),
        carry=carry,
        link_key="key",
        public_url="https://sunwell.example",
    )


def _send(sender: Sender, now: datetime, outcomes: Sequence[str | None] = ()) -> list[str]:
    """One round in this thread, with the moment given; says by which channel."""
    with sender.database.write() as session:
        claimed = deliveries.claim(session, now=now, limit=8)
    with sender.database.read() as session:
        letters = sender.written(session, claimed, now=now)
    for letter in letters:
        error = None
        try:
            sender.carry(letter.url or "", letter.title, letter.body)
        except SendError as refused:
            error = str(refused)
        with sender.database.write() as session:
            failed = deliveries.settle(session, letter.delivery_id, letter.attempt, error, now=now)
            if failed is not None:
                worker.hurry(session, failed, now=now)
    return [delivery.channel for delivery in claimed]


def test_a_failing_channel_is_tried_again_then_the_next_and_then_the_next_step(staffed: Database) -> None:
    fails = Addresses(
        {
            "li": {
                "ntfy": SecretStr("json://fails/a"),
                "sms": SecretStr("json://also-fails/a"),
            }
        }
    )
    sun = viewer(staffed, "sun")
    _put(staffed, sun, _plan("li", "zhou", within_s=600))
    record(staffed, press(1))
    work(staffed, NOW, fails)
    said: list[tuple[str, str, str]] = []
    sender = _sender(staffed, fails, said)
    assert [_send(sender, at(second)) for second in (0, 1, 2, 9, 10)] == [
        ["ntfy"],
        [],
        ["ntfy"],
        [],
        ["ntfy"],
    ]
    assert sends(staffed)[-1] == ("li", "sms", "queued")
    assert planned(staffed) == [("call", at(600))]
    for second in (10, 12, 20):
        assert _send(sender, at(second)) == ["sms"]
    assert [state for _, _, state in sends(staffed)] == ["failed", "failed", "sent"]  # the page is left
    assert planned(staffed) == [("call", at(20))]  # nobody was reached: the next one at once
    assert [action for action, _ in told(staffed)].count("not_delivered") == 2
    assert len(said) == 6
    with staffed.read() as session:
        assert len({row.id for row in session.scalars(select(Delivery))}) == 3


def test_messages_say_no_more_than_their_channel_may_carry(staffed: Database) -> None:
    record(staffed, press(1))
    work(staffed, NOW, LI_HAS)
    said: list[tuple[str, str, str]] = []
    _send(_sender(staffed, LI_HAS, said), NOW)
    ((_, title, body),) = said
    assert "王姓老人" in body
    assert "第一网格" in body
    assert "https://sunwell.example/take/v1." in body
    assert not any(word in title + body for word in ("秀英", "幸福路", "钥匙", "邻居"))


def test_a_sender_that_died_leaves_its_message_to_another(staffed: Database) -> None:
    """Under the same number; what the dead one might still say counts no more."""
    record(staffed, press(1))
    work(staffed, NOW, LI_HAS)
    with staffed.write() as session:
        (claimed,) = deliveries.claim(session, now=NOW, limit=8)
    with staffed.write() as session:
        assert deliveries.claim(session, now=at(59), limit=8) == []
    with staffed.write() as session:
        (again,) = deliveries.claim(session, now=at(60), limit=8)
    assert (again.id, again.attempts) == (claimed.id, 2)
    with staffed.write() as session:
        deliveries.settle(session, claimed.id, 1, "too late", now=at(61))
        deliveries.settle(session, claimed.id, 2, None, now=at(61))
    assert sends(staffed)[0] == ("li", "ntfy", "sent")


def test_a_crash_while_a_step_is_done_leaves_it_undone(staffed: Database) -> None:
    record(staffed, press(1))
    with staffed.read() as session:
        step_id = worker.due_step(session, now=NOW)
    assert step_id is not None
    with suppress(_PowerCutError), staffed.write() as session:
        assert worker.do_step(session, step_id, NOBODY_HAS, now=NOW)
        raise _PowerCutError
    assert sends(staffed) == []
    assert work(staffed, NOW) == 1
    assert len(sends(staffed)) == 2


def test_two_workers_with_one_step_tell_once(staffed: Database) -> None:
    record(staffed, press(1))
    with staffed.read() as session:
        step_id = worker.due_step(session, now=NOW)
    assert step_id is not None

    def do(_: int) -> bool:
        with staffed.write() as session:
            return worker.do_step(session, step_id, NOBODY_HAS, now=NOW)

    with ThreadPoolExecutor(8) as executor:
        assert sum(executor.map(do, range(16))) == 1
    assert len(sends(staffed)) == 2


def test_nobody_is_flooded_but_a_critical_message_always_goes(staffed: Database) -> None:
    with staffed.write() as session:
        li = session.scalars(select(User).where(User.login == "li")).one()
        record_of = []
        for _ in range(12):
            step = DispatchStep(
                task_id=1, kind="again", run=1, number=0, turn=0, state="done", planned_at=NOW, due_at=NOW
            )
            record_of.append(step)
        task = Task(
            kind="care",
            subject_kind="resident",
            subject_id="r1",
            area_id="area",
            severity="major",
            rule="sos",
            state="new",
            device_at=NOW,
            gateway_at=NOW,
            created_at=NOW,
            last_at=NOW,
        )
        session.add(task)
        session.flush()
        session.add_all(record_of)
        session.flush()
        for step in record_of[:11]:
            deliveries.queue(session, task, step, li, ("ntfy", "page"), now=NOW)
        task.severity = "critical"
        deliveries.queue(session, task, record_of[11], li, ("ntfy", "page"), now=NOW)
    assert [channel for _, channel, _ in sends(staffed)] == ["ntfy"] * 10 + ["page", "ntfy"]


def test_the_auditor_raises_and_ends_an_alarm_of_its_own(staffed: Database) -> None:
    record(staffed, press(1))
    for seconds, expected in ((30, False), (31, True), (40, True)):
        with staffed.write() as session:
            assert bool(auditor.audit(session, now=at(seconds))) is expected
    with staffed.read() as session:
        (alarm,) = session.scalars(select(Alarm).where(Alarm.rule == DISPATCH_OVERDUE))
        task = session.get_one(Task, alarm.task_id)
        assert (task.kind, task.severity, alarm.occurrences) == ("maintenance", "critical", 1)
        assert auditor.is_alive(session, now=at(60))
        assert not auditor.is_alive(session, now=at(71))
    work(staffed, at(45))
    with staffed.write() as session:
        assert auditor.audit(session, now=at(50)).done_late == 1  # done, but too late: still said
    with staffed.write() as session:
        assert not auditor.audit(session, now=at(106))
    with staffed.read() as session:
        (alarm,) = session.scalars(select(Alarm).where(Alarm.rule == DISPATCH_OVERDUE))
        assert alarm.cleared_by == "server"
