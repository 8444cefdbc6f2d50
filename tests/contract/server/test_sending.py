"""Sending: what one message or channel meets holds up no other, the gravest go first, and nobody counts as
told who cannot be."""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from pydantic import SecretStr
from sqlalchemy import select, update

from gateway.rules.model import Severity
from server.clock import now as clock
from server.db.database import Database
from server.db.models import Delivery, DispatchStep, Resident, Responder, Task, User
from server.dispatch.playbooks import PlaybookIn
from server.notify import deliveries, health, texts
from server.notify.channels import Addresses
from server.notify.lanes import PLACES
from server.notify.policy import DispatchPolicy
from server.notify.sender import THREADS, TOO_LONG, Sender
from server.policies import service as policies
from server.tasks.states import TaskAction as A
from server.users.roles import Role
from tests.contract.server.conftest import NOW, person, viewer_of
from tests.contract.server.test_alarm_record import press, record
from tests.contract.server.test_deliveries import _sender
from tests.contract.server.test_dispatch import LI_HAS, act, at, planned, put, sends, told, work

Said = list[tuple[str, str, str]]
LONG_S = 60.0
"""Far more than a thread takes to begin, also beside other work."""


class Threads(ThreadPoolExecutor):
    """Remembers what was begun."""

    def __init__(self) -> None:
        super().__init__(THREADS)
        self.begun: list[Future[Any]] = []

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        """Begins it."""
        self.begun.append(super().submit(fn, *args, **kwargs))
        return self.begun[-1]


@pytest.fixture
def executor() -> Iterator[Threads]:
    with Threads() as executor:
        yield executor


def _round(sender: Sender, executor: ThreadPoolExecutor, now: datetime) -> int:
    """One round, and what it began has come to its end."""
    taken = sender.round(executor, now=now)
    sender.lanes.wait(10)
    return taken


def test_a_message_that_cannot_be_written_or_handed_over_holds_up_no_other(
    staffed: Database, executor: ThreadPoolExecutor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The next channel follows, the others are sent, and the round goes on."""
    both = Addresses({**LI_HAS.people, "wang": {"sms": SecretStr("json://127.0.0.1/w")}})
    record(staffed, press(1))
    work(staffed, NOW, both)
    sender = _sender(staffed, both, [])
    message = texts.message

    def poisoned(policy: object, kind: str, language: str, channel: str, facts: object) -> tuple[str, str]:
        return ("{severity:级}" if channel == "ntfy" else "").format(severity="危急"), "body"

    monkeypatch.setattr(texts, "message", poisoned)
    _round(sender, executor, at(1))
    assert sends(staffed)[0] == ("li", "ntfy", "failed")  # at once: another try would fail too
    assert ("wang", "sms", "sent") in sends(staffed)
    assert sends(staffed)[-1] == ("li", "sms", "queued")
    monkeypatch.setattr(texts, "message", message)

    def breaks(url: str, title: str, body: str) -> None:
        "王".encode("ascii")

    broken = replace(sender, carry=breaks)
    assert _round(broken, executor, clock()) == 1
    with staffed.read() as session:
        error = session.scalar(select(Delivery.error).where(Delivery.state == "queued"))
    assert error == "the channel's program failed: UnicodeEncodeError"


def _backlog(database: Database, channel: str, number: int, severity: Severity = Severity.MINOR) -> None:
    """So many messages of one task of this severity are due, the oldest of all."""
    record(database, press(1, severity=severity))
    work(database, NOW, LI_HAS)
    with database.write() as session:
        first = session.scalars(select(Delivery)).first()
        assert first is not None
        for turn in range(number):
            step = DispatchStep(
                task_id=first.task_id, kind="again", run=9, number=0, turn=turn, state="done",
                planned_at=NOW, due_at=NOW,
            )  # fmt: skip
            session.add(step)
            session.flush()
            deliveries.add(session, first.task_id, step.id, first.user_id, (channel, "page"), now=NOW)


def test_a_critical_message_goes_before_a_backlog_of_lesser_ones(staffed: Database) -> None:
    _backlog(staffed, "ntfy", 20)
    record(staffed, press(2, position="kiosk", device="d-kiosk", breach="b2"))
    work(staffed, at(1), LI_HAS)
    with staffed.write() as session:
        claimed = deliveries.claim(session, now=at(2), limit=3)
        graveness = [session.get_one(Task, each.task_id).severity for each in claimed]
    assert graveness == ["critical", "minor", "minor"]


def test_a_channel_that_hangs_holds_up_no_other_and_its_messages_go_on_to_the_next(
    staffed: Database, executor: Threads
) -> None:
    _backlog(staffed, "sms", 3 * PLACES)
    hanging, released = threading.Semaphore(0), threading.Event()
    said: Said = []

    def carry(url: str, title: str, body: str) -> None:
        if url.endswith("/b"):  # sms
            hanging.release()
            released.wait(LONG_S)
        said.append((url, title, body))

    sender = replace(_sender(staffed, LI_HAS, []), carry=carry)
    try:
        assert sender.round(executor, now=at(1)) == PLACES + 1  # and li's own, by ntfy
        assert all(hanging.acquire(timeout=LONG_S) for _ in range(PLACES))
        wait(executor.begun, timeout=LONG_S, return_when=FIRST_COMPLETED)
        assert sender.round(executor, now=at(2)) == 0  # no more than its places
        assert sender.round(executor, now=at(12)) == 2 * PLACES  # given up; those that wait are not asked for
        assert [url for url, _, _ in said] == ["json://127.0.0.1/a"]
        with staffed.read() as session:
            errors = set(session.scalars(select(Delivery.error).where(Delivery.channel == "sms")))
            assert (errors, health.fails(session, "sms")) == ({TOO_LONG}, True)
        while sender.round(executor, now=clock() + timedelta(minutes=1)):
            pass
        states = {(channel, state) for _, channel, state in sends(staffed)}
        assert ("page", "sent") in states
        assert ("sms", "queued") not in states
    finally:
        released.set()


VOLUNTEER = Addresses({"vol": {"sms": SecretStr("json://127.0.0.1/v")}})
NEAR = {
    "steps": [
        {"who": {"kind": "nearby", "value": "500"}, "within_s": 600},
        {"who": {"kind": "role", "value": "manager"}, "within_s": 600},
    ]
}


def _volunteer(database: Database) -> int:
    """Somebody nearby, with a telephone and no log-in: the first step of the playbook."""
    user_id = person(database, Role.VOLUNTEER, "vol").user_id
    with database.write() as session:
        session.execute(update(Resident).values(latitude=31.22, longitude=121.44))
        session.add(Responder(user_id=user_id, volunteer=True, latitude=31.22, longitude=121.44))
    put(database, viewer_of(database, "sun"), PlaybookIn.model_validate(NEAR))
    return user_id


def test_a_volunteer_who_is_over_the_limit_does_not_count_as_told(staffed: Database) -> None:
    """They have no page that could show it: the step says so and hands on at once."""
    _volunteer(staffed)
    with staffed.write() as session:
        policies.put(session, viewer_of(staffed, "sun"), DispatchPolicy(rate=5), now=NOW)
    record(staffed, press(1))
    work(staffed, NOW, VOLUNTEER)
    assert sends(staffed) == [("vol", "sms", "queued")]
    with staffed.write() as session:
        task_id, user_id = session.execute(select(Delivery.task_id, Delivery.user_id)).one()
        for turn in range(4):
            step = DispatchStep(
                task_id=task_id, kind="again", run=9, number=0, turn=turn, state="done",
                planned_at=NOW, due_at=NOW,
            )  # fmt: skip
            session.add(step)
            session.flush()
            deliveries.add(session, task_id, step.id, user_id, ("sms",), now=NOW)
    act(staffed, viewer_of(staffed, "zhou"), A.CANCEL, at(1), note="over")
    put(staffed, viewer_of(staffed, "sun"), PlaybookIn.model_validate(NEAR), severity=Severity.MAJOR)
    record(staffed, press(2, severity=Severity.MAJOR, breach="b2", device_ms=1, gateway_ms=1))
    work(staffed, at(2), VOLUNTEER)
    assert [action for action, _ in told(staffed, 2)] == ["opened", "told_nobody", "escalated"]


def test_a_volunteer_without_links_or_whose_channel_fails_does_not_count_as_told(staffed: Database) -> None:
    _volunteer(staffed)
    record(staffed, press(1))
    work(staffed, NOW, replace(VOLUNTEER, links=False))  # no public address: nothing to answer with
    assert [action for action, _ in told(staffed)] == ["opened", "told_nobody", "escalated"]
    with staffed.write() as session:
        holder = session.scalar(select(User.id).where(User.login == "vol"))
        session.get_one(Task, 1).assignee_id = holder
        session.get_one(Task, 1).state = "acknowledged"
    record(staffed, press(2))
    work(staffed, at(5), replace(VOLUNTEER, links=False))
    assert ("expire", "") in told(staffed)  # nothing reaches them: they do not have it
    assert [channel for login, channel, _ in sends(staffed) if login == "vol"] == []


def test_a_message_to_a_volunteer_that_fails_falls_to_no_page_and_the_next_step_hurries(
    staffed: Database,
) -> None:
    _volunteer(staffed)
    record(staffed, press(1))
    work(staffed, NOW, VOLUNTEER)
    assert planned(staffed) == [("call", at(600))]
    with staffed.write() as session:
        (mine,) = deliveries.claim(session, now=at(1), limit=1)
        failed = deliveries.settle(session, mine.id, mine.attempts, "refused", final=True, now=at(1))
        assert failed is not None
    assert sends(staffed) == [("vol", "sms", "failed")]


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
@pytest.mark.parametrize(("kind", "takes"), [("call", True), ("watchers", False), ("inform", False)])
def test_only_who_is_sought_gets_a_link_that_takes_the_task(
    staffed: Database, kind: str, takes: bool
) -> None:
    record(staffed, press(1))
    work(staffed, NOW, LI_HAS)
    with staffed.write() as session:
        session.execute(update(DispatchStep).values(kind=kind))
        claimed = deliveries.claim(session, now=at(1), limit=1)
    sender = _sender(staffed, LI_HAS, [])
    with staffed.read() as session:
        (letter,) = sender.written(session, claimed, now=at(1))
    assert ("/take/" in sender.whole(letter)) is takes
