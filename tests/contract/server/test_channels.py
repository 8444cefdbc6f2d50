"""Channels: where people say they are reached, and whether the channels work before they are needed."""

from concurrent.futures import ThreadPoolExecutor, wait
from datetime import timedelta
from pathlib import Path

import pytest
from pydantic import SecretStr
from sqlalchemy import select, text, update

from server.db.database import Database
from server.db.models import Alarm, Task, User
from server.errors import ForbiddenError, InvalidError
from server.notify import addresses, health, probing
from server.notify.channels import AddressBook, Addresses, SendError
from server.users.viewer import Viewer
from tests.contract.server.conftest import NOW, viewer_of


def entered(
    database: Database,
    viewer: Viewer,
    user_id: int,
    channel: str,
    to: str,
    *,
    first: bool = False,
    later_s: float = 0,
) -> None:
    """Enters one address."""
    at = NOW + timedelta(seconds=later_s)
    with database.write() as session:
        addresses.put(session, viewer, user_id, channel, to, known=("sms", "mail"), first=first, now=at)


def test_what_people_enter_is_used_at_once_in_their_order_and_lies_sealed(staffed: Database) -> None:
    li = viewer_of(staffed, "li")
    book = AddressBook(None)
    book._read = Addresses(gateways={"sms": SecretStr("json://s/{to}"), "mail": SecretStr("json://m/{to}")})
    entered(staffed, li, li.user_id, "sms", "13800138000")
    entered(staffed, li, li.user_id, "mail", "li@example.org", first=True)
    with staffed.read() as session:
        assert book.known(session).ordered("li", ()) == ("mail", "sms", "page")
        assert "13800138000" not in str(session.execute(text("SELECT address FROM addresses")).all())
    entered(staffed, li, li.user_id, "mail", "")
    with staffed.read() as session:
        assert book.known(session).ordered("li", ()) == ("sms", "page")
        assert book.known(session).url("li", "sms") == "json://s/13800138000"


def test_an_account_that_changes_and_a_clock_that_is_behind_are_noticed(staffed: Database) -> None:
    """Whoever is not in the book gets no message."""
    li, wang = viewer_of(staffed, "li"), viewer_of(staffed, "wang")
    book = AddressBook(None)
    book._read = Addresses(gateways={"sms": SecretStr("{to}")})

    def known(login: str) -> str | None:
        with staffed.read() as session:
            return book.known(session).url(login, "sms")

    def change(**values: object) -> None:
        with staffed.write() as session:
            session.execute(update(User).where(User.id == li.user_id).values(**values))

    entered(staffed, wang, wang.user_id, "sms", "1")
    entered(staffed, li, li.user_id, "sms", "2", later_s=-5)
    assert known("li") == "2"
    entered(staffed, li, li.user_id, "sms", "3", later_s=-3)
    assert known("li") == "3"
    change(disabled_at=NOW)
    assert known("li") is None
    change(disabled_at=None)
    assert known("li") == "3"
    change(login="li.new")
    assert (known("li"), known("li.new")) == (None, "3")


def test_addresses_are_ones_own_or_a_managers_to_change(staffed: Database) -> None:
    li, wang, sun = (viewer_of(staffed, login) for login in ("li", "wang", "sun"))
    with pytest.raises(ForbiddenError):
        entered(staffed, wang, li.user_id, "sms", "1")
    entered(staffed, sun, li.user_id, "sms", "1")
    with pytest.raises(InvalidError, match="no channel 'fax'"):
        entered(staffed, li, li.user_id, "fax", "1")
    with pytest.raises(InvalidError, match="visible"):
        entered(staffed, li, li.user_id, "sms", "1\n2")


def noted(database: Database, *results: str | None) -> None:
    """What came of messages, one after the other."""
    for error in results:
        with database.write() as session:
            health.note(session, "sms", error, now=NOW)


def open_alarms(database: Database) -> list[tuple[str, bool]]:
    """The server's alarms about channels: (rule, open)."""
    with database.read() as session:
        return [(row.rule, row.cleared_at is None) for row in session.scalars(select(Alarm))]


def test_three_failures_in_a_row_raise_one_alarm_and_one_success_ends_it(staffed: Database) -> None:
    noted(staffed, "x", "x", None, "x", "x")
    assert open_alarms(staffed) == []
    noted(staffed, "x", "x", "x")
    assert open_alarms(staffed) == [("channel_failing", True)]
    with staffed.read() as session:
        task = session.scalars(select(Task)).one()
        assert (task.kind, task.subject_kind, task.subject_id) == ("maintenance", "channel", "sms")
        assert [row.ok for row in health.all_of(session)] == [False]
    noted(staffed, None)
    assert open_alarms(staffed) == [("channel_failing", False)]


def test_the_first_failures_of_a_channel_may_come_at_once(staffed: Database) -> None:
    """Several processes send their first messages: each is counted."""
    with ThreadPoolExecutor(4) as others:
        with staffed.write() as session:
            health.note(session, "sms", "x", now=NOW)
            waiting = [others.submit(noted, staffed, "x") for _ in range(4)]
            wait(waiting, timeout=0.2)
        for one in waiting:
            one.result()
    with staffed.read() as session:
        assert [row.failures for row in health.all_of(session)] == [5]


def test_an_idle_channel_is_tried_once_an_hour_and_a_dead_one_shows_before_it_is_needed(
    staffed: Database, tmp_path: Path
) -> None:
    file = tmp_path / "channels"
    file.write_text('probes: {sms: "json://trial"}', encoding="utf-8")
    file.chmod(0o600)
    said: list[str] = []

    def carry(url: str, title: str, body: str) -> None:
        said.append(f"{url} {title}")
        raise SendError("no credit")

    def tried(minute: int) -> list[str]:
        return probing.try_idle(staffed, AddressBook(file), carry, now=NOW + timedelta(minutes=minute))

    assert [tried(minute) for minute in (0, 1, 59, 61, 62, 122)] == [["sms"], [], [], ["sms"], [], ["sms"]]
    assert said == ["json://trial 【阳光井】试发"] * 3
    assert open_alarms(staffed) == [("channel_failing", True)]
