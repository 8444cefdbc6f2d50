"""Messages: retried, handed to the next channel, limited, told once, and saying no more than they may."""

from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime

import pytest
from pydantic import SecretStr
from sqlalchemy import select

from server.alarms.texts import RuleTexts
from server.db.database import Database
from server.db.models import Contact, Delivery, DispatchStep, Task, User
from server.dispatch import worker
from server.dispatch.playbooks import PlaybookIn
from server.notify import deliveries
from server.notify.channels import AddressBook, Addresses, SendError
from server.notify.sender import Sender
from server.tasks import service as tasks
from server.tasks.states import TaskAction as A
from server.users.roles import Role
from tests.contract.server.conftest import NOW, person, viewer_of
from tests.contract.server.test_alarm_record import press, record
from tests.contract.server.test_dispatch import LI_HAS, act, at, plan, planned, put, sends, told, work


class _PowerCutError(Exception):
    """The process ends here."""


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
            sender.carry(letter.url or "", letter.title, sender.whole(letter))
        except SendError as refused:
            error = str(refused)
        with sender.database.write() as session:
            failed = deliveries.settle(session, letter.delivery_id, letter.attempt, error, now=now)
            if failed is not None:
                worker.hurry(session, failed, now=now)
    return [delivery.channel for delivery in claimed]


def test_those_who_were_told_hear_who_has_it(staffed: Database) -> None:
    record(staffed, press(1))
    work(staffed, NOW, LI_HAS)
    said: list[tuple[str, str, str]] = []
    sender = _sender(staffed, LI_HAS, said)
    _send(sender, NOW)
    act(staffed, viewer_of(staffed, "wang"), A.ACKNOWLEDGE, at(5))
    work(staffed, at(5), LI_HAS)
    _send(sender, at(5))
    assert [title for _, title, _ in said] == ["【阳光井】危急：sos", "【阳光井】已有人接单：sos"]
    assert "wang" in said[1][2]


def test_a_failing_channel_is_tried_again_then_the_next_and_then_the_next_step(staffed: Database) -> None:
    fails = Addresses(
        {
            "li": {
                "ntfy": SecretStr("json://fails/a"),
                "sms": SecretStr("json://also-fails/a"),
            }
        }
    )
    sun = viewer_of(staffed, "sun")
    put(staffed, sun, plan("li", "zhou", within_s=600))
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


def test_a_chain_that_found_nobody_tells_everybody_who_could_come(street: Database) -> None:
    person(street, Role.ADMINISTRATOR, "li")
    person(street, Role.MAINTENANCE, "zhao")  # works, but sees no care tasks
    record(street, press(1))
    work(street, NOW, LI_HAS)
    assert [action for action, _ in told(street)][-2:] == ["told_nobody", "unanswered"]
    assert sends(street) == [("li", "ntfy", "queued")]
    said: list[tuple[str, str, str]] = []
    _send(_sender(street, LI_HAS, said), NOW)
    assert "sos" in said[0][1]


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
        assert deliveries.claim(session, now=at(14), limit=8) == []
    with staffed.write() as session:
        (again,) = deliveries.claim(session, now=at(15), limit=8)
    assert (again.id, again.attempts) == (claimed.id, 2)
    with staffed.write() as session:
        deliveries.settle(session, claimed.id, 1, "too late", now=at(16))
        deliveries.settle(session, claimed.id, 2, None, now=at(16))
    assert sends(staffed)[0] == ("li", "ntfy", "sent")


def test_a_call_that_its_sender_left_behind_is_not_made_again_after_the_answer(staffed: Database) -> None:
    """Killed between handing over and noting it: whoever has answered since is not called once more."""
    record(staffed, press(1))
    work(staffed, NOW, LI_HAS)
    with staffed.write() as session:
        assert len(deliveries.claim(session, now=NOW, limit=8)) == 1
    act(staffed, viewer_of(staffed, "wang"), A.ACKNOWLEDGE, at(5))
    with staffed.write() as session:
        assert deliveries.claim(session, now=at(60), limit=8) == []
    assert sends(staffed)[0] == ("li", "ntfy", "cancelled")


@pytest.mark.parametrize("cut", [True, False])
def test_an_answer_and_the_end_of_what_was_queued_are_one(staffed: Database, cut: bool) -> None:
    """Killed before the commit: nobody has it and all is still sent. After it: nothing more is."""
    record(staffed, press(1))
    work(staffed, NOW, LI_HAS)
    viewer = viewer_of(staffed, "wang")
    with suppress(_PowerCutError), staffed.write() as session:
        tasks.act(session, viewer, 1, tasks.Act(action=A.ACKNOWLEDGE), now=at(5))
        session.flush()
        if cut:
            raise _PowerCutError
    with staffed.read() as session:
        assert session.get_one(Task, 1).assignee_id == (None if cut else viewer.user_id)
    assert sends(staffed)[0] == ("li", "ntfy", "queued" if cut else "cancelled")
    said: list[tuple[str, str, str]] = []
    _send(_sender(staffed, LI_HAS, said), at(6))
    assert len(said) == int(cut)
    assert [kind for kind, _ in planned(staffed)] == (["call"] if cut else ["arrival", "taken"])


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


def test_a_chain_that_reached_nobody_ends_at_once_and_tells_everybody(staffed: Database) -> None:
    vol = person(staffed, Role.RELATIVE, "vol")
    with staffed.write() as session:
        session.add(Contact(resident_id="r1", rank=0, name="李红", relation="family", user_id=vol.user_id))
    family = PlaybookIn.model_validate({"steps": [{"who": {"kind": "family"}, "within_s": 600}]})
    put(staffed, viewer_of(staffed, "sun"), family)
    fails = Addresses({"vol": {"sms": SecretStr("json://fails/a")}})
    record(staffed, press(1))
    work(staffed, NOW, fails)
    sender = _sender(staffed, fails, [])
    for second in (0, 2, 10, 60):
        _send(sender, at(second))
    work(staffed, at(61), fails)
    assert {login for login, _, _ in sends(staffed)} > {"vol"}
