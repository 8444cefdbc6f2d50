"""Steps and deliveries in the record: who is told, when, and what stops it. On both SQL engines."""

from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import datetime, timedelta

import pytest
from pydantic import SecretStr
from sqlalchemy import select

from gateway.rules.model import Severity, TaskKind
from server.alarms.texts import DISPATCH_OVERDUE, LOOP_STILL
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
from server.notify.channels import Addresses
from server.tasks import service
from server.tasks.service import Act
from server.tasks.states import TaskAction
from server.users.viewer import Viewer
from tests.contract.server.conftest import NOW, viewer_of
from tests.contract.server.test_alarm_record import press, record

A = TaskAction
NOBODY_HAS = Addresses()
LI_HAS = Addresses({"li": {"ntfy": SecretStr("json://127.0.0.1/a"), "sms": SecretStr("json://127.0.0.1/b")}})

NOBODY_AT_HOME = [
    ("told_nobody", who) for who in ("family", "key_holder", "neighbour", "1000", "carer", "station")
]
"""The steps of the packaged chain that find nobody in the street."""


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
            due = worker.due_steps(session, now=now)
        if not due:
            return done
        for step_id in due:
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


def test_an_unanswered_press_goes_from_step_to_step_to_the_end(staffed: Database) -> None:
    """Steps without people hand on at once; the others wait for their time limit; the end is said."""
    record(staffed, press(1))
    assert planned(staffed) == [("call", NOW)]  # in the transaction that opened the task
    assert work(staffed, NOW) == 2  # the carers, and beside them the desk, which telephones the resident
    assert work(staffed, at(59)) == 0
    assert work(staffed, at(60)) == 7  # no family, key, neighbour, volunteer, grid worker, station: the desk
    assert work(staffed, at(120)) == 1
    assert told(staffed) == [
        ("opened", ""),
        ("told", "carer"),
        ("told", "dispatcher"),
        *NOBODY_AT_HOME,
        ("escalated", "dispatcher"),
        ("escalated", "manager"),
    ]
    assert sends(staffed) == [(login, "page", "sent") for login in ("li", "wang", "zhou", "zhou", "sun")]
    for minutes in range(2, 70, 2):
        work(staffed, at(60 * minutes))
    assert told(staffed)[-1][0] == "unanswered"
    assert planned(staffed) == [("call", at(64 * 60 + 600))]  # the last round comes again


def test_who_accepts_first_has_it_and_nothing_more_is_sent(staffed: Database) -> None:
    record(staffed, press(1))
    work(staffed, NOW, LI_HAS)
    others = [("wang", "page", "sent"), ("zhou", "page", "sent")]
    assert sends(staffed) == [("li", "ntfy", "queued"), *others]
    act(staffed, viewer_of(staffed, "wang"), A.ACKNOWLEDGE, at(5))
    assert sends(staffed) == [("li", "ntfy", "cancelled"), *others]
    assert planned(staffed) == [("arrival", at(905)), ("taken", at(5))]
    with pytest.raises(ConflictError, match="wang has it"):
        act(staffed, viewer_of(staffed, "li"), A.ACKNOWLEDGE, at(6))


def test_two_people_who_accept_at_once_get_one_winner(staffed: Database) -> None:
    record(staffed, press(1))
    people = [viewer_of(staffed, login) for login in ("li", "wang", "zhou", "sun")]

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


def test_who_does_not_arrive_loses_it_and_the_next_step_is_told(staffed: Database) -> None:
    """The holder may still arrive, and another may take it."""
    record(staffed, press(1))
    work(staffed, NOW)
    li, sun = viewer_of(staffed, "li"), viewer_of(staffed, "sun")
    act(staffed, li, A.ACKNOWLEDGE, at(5))
    act(staffed, li, A.DEPART, at(60))
    work(staffed, at(905))
    assert told(staffed)[-1][0] == "depart"  # leaving gave new time
    work(staffed, at(960))
    assert told(staffed)[-8:] == [("expire", ""), *NOBODY_AT_HOME, ("escalated", "dispatcher")]
    assert act(staffed, sun, A.ACKNOWLEDGE, at(970)).assignee_id == sun.user_id
    assert act(staffed, sun, A.ARRIVE, at(980)).state == "on_site"
    assert planned(staffed) == [("taken", at(970)), ("unfinished", at(980 + 7_200))]


def test_a_holder_is_told_again_of_another_press_once_at_a_time(staffed: Database) -> None:
    record(staffed, press(1))
    work(staffed, NOW)
    act(staffed, viewer_of(staffed, "li"), A.ACKNOWLEDGE, at(5))
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
    act(staffed, viewer_of(staffed, "zhou"), A.CANCEL, at(5), note="no need")
    assert planned(staffed) == []
    assert ("li", "ntfy", "cancelled") in sends(staffed)


def test_duty_keys_and_distance_choose_people(staffed: Database) -> None:
    """Who is on duty is told alone; the key holder and the volunteer nearby have their own steps."""
    ids = {login: viewer_of(staffed, login).user_id for login in ("li", "wang", "sun", "zhou")}
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
    assert [login for login, _, _ in sends(staffed)] == ["wang", "zhou", "zhou", "li", "zhou"]


def put(
    database: Database,
    who: Viewer,
    wanted: PlaybookIn | None,
    resident: str | None = None,
    *,
    severity: Severity = Severity.CRITICAL,
) -> None:
    """Writes the playbook for care tasks of this severity."""
    with database.write() as session:
        playbooks.put(
            session,
            who,
            kind=TaskKind.CARE,
            severity=severity,
            resident_id=resident,
            plan=wanted,
            now=NOW,
        )


def plan(*logins: str, within_s: int = 10) -> PlaybookIn:
    """One person a step."""
    steps = [{"who": {"kind": "person", "value": login}, "within_s": within_s} for login in logins]
    return PlaybookIn.model_validate({"steps": steps})


def test_a_residents_own_playbook_wins_and_versions_are_kept(staffed: Database) -> None:
    sun = viewer_of(staffed, "sun")
    put(staffed, sun, plan("zhou"))
    put(staffed, sun, plan("wang"))
    put(staffed, sun, plan("li", "sun"), resident="r1")
    record(staffed, press(1))
    put(staffed, sun, None, resident="r1")  # what has begun goes on as it was
    work(staffed, NOW)
    work(staffed, at(10))
    assert [login for login, _, _ in sends(staffed)] == ["li", "sun"]
    with staffed.read() as session:
        rows = [(row.resident_id, row.version, row.ended_at is None) for row in playbooks.stored(session)]
    assert rows == [("r1", 1, False), (None, 2, True), (None, 1, False)]


def test_a_playbook_that_cannot_be_read_costs_no_press_and_the_packaged_one_tells(staffed: Database) -> None:
    """Another version of the program has stored it."""
    put(staffed, viewer_of(staffed, "sun"), plan("li", "wang"))
    with staffed.write() as session:
        (row,) = playbooks.stored(session)
        row.plan = {"steps": [{"who": {"kind": "guard", "value": "dog"}, "within_s": 10}]}
    record(staffed, press(1))
    work(staffed, at(300))
    assert sends(staffed)
    act(staffed, viewer_of(staffed, "li"), A.ACKNOWLEDGE, at(301))
    record(staffed, press(2), after_s=400)


def test_playbooks_name_only_people_who_may_see_such_tasks(staffed: Database) -> None:
    sun = viewer_of(staffed, "sun")
    with pytest.raises(InvalidError, match="step 1: 'zhao' is nobody who sees care tasks"):
        put(staffed, sun, plan("zhao"))
    with pytest.raises(NotFoundError):
        put(staffed, sun, plan("li"), resident="r9")
    with pytest.raises(ForbiddenError):
        put(staffed, viewer_of(staffed, "li"), plan("li"))


def test_a_crash_while_a_step_is_done_leaves_it_undone(staffed: Database) -> None:
    record(staffed, press(1))
    with staffed.read() as session:
        (step_id,) = worker.due_steps(session, now=NOW)
    with suppress(_PowerCutError), staffed.write() as session:
        assert worker.do_step(session, step_id, NOBODY_HAS, now=NOW)
        raise _PowerCutError
    assert sends(staffed) == []
    assert work(staffed, NOW) == 2
    assert len(sends(staffed)) == 3


def test_two_workers_with_one_step_tell_once(staffed: Database) -> None:
    record(staffed, press(1))
    with staffed.read() as session:
        (step_id,) = worker.due_steps(session, now=NOW)

    def do(_: int) -> bool:
        with staffed.write() as session:
            return worker.do_step(session, step_id, NOBODY_HAS, now=NOW)

    with ThreadPoolExecutor(8) as executor:
        assert sum(executor.map(do, range(16))) == 1
    assert len(sends(staffed)) == 2


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
        assert not auditor.is_alive(session, now=at(-300))  # the clock was set back
    work(staffed, at(45))
    with staffed.write() as session:
        assert auditor.audit(session, now=at(50)).done_late == 1  # done, but too late: still said
    with staffed.write() as session:
        assert not auditor.audit(session, now=at(106))
    with staffed.read() as session:
        (alarm,) = session.scalars(select(Alarm).where(Alarm.rule == DISPATCH_OVERDUE))
        assert alarm.cleared_by == "server"


def test_the_auditor_and_the_sweeps_look_after_each_other(staffed: Database) -> None:
    """Whichever of them stands still, the other tells the desk; not in the first moments after a start."""

    def still() -> list[tuple[str, bool]]:
        with staffed.read() as session:
            alarms = session.scalars(select(Alarm).where(Alarm.rule == LOOP_STILL).order_by(Alarm.id))
            return [(alarm.source_id, alarm.cleared_at is None) for alarm in alarms]

    def sweep(seconds: float) -> None:
        with staffed.write() as session:
            auditor.beat(session, auditor.SWEEPS, now=at(seconds))
            auditor.watch(session, auditor.SWEEPS, started=NOW, now=at(seconds))

    def audit(seconds: float) -> None:
        with staffed.write() as session:
            for name in ("dispatch", "notify"):
                auditor.beat(session, name, now=at(seconds))
            auditor.audit(session, now=at(seconds), started=NOW)

    sweep(29)
    audit(29)
    assert still() == []
    sweep(58)
    assert still() == []
    sweep(59)
    assert still() == [("auditor", True)]
    with staffed.read() as session:
        (task,) = session.scalars(select(Task))
        assert (task.kind, task.severity) == ("maintenance", "critical")
    audit(60)
    sweep(61)
    assert still() == [("auditor", False)]
    audit(91)
    assert still() == [("auditor", False), ("sweeps", True)]
    sweep(92)
    audit(93)
    assert still() == [("auditor", False), ("sweeps", False)]
