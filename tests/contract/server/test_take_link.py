"""The link in a message takes the task with one tap, over a real channel; and the pages of playbooks."""

import asyncio
import json
import re
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import httpx
import pytest
from fastapi import FastAPI
from pydantic import SecretStr

from server.clock import now
from server.db.database import Database
from server.db.models import Task, User
from server.notify.channels import AddressBook, Addresses, carry
from server.notify.sender import Sender, link_key
from server.tasks import service
from server.tasks.states import TaskAction
from server.users import sessions
from tests.contract.server import test_api
from tests.contract.server.conftest import viewer_of
from tests.contract.server.test_alarm_record import press, record
from tests.contract.server.test_dispatch import sends, told, work

app = test_api.app
client = test_api.client
OURS = {"sec-fetch-site": "same-origin", "accept-language": "en"}


class _Receiver(ThreadingHTTPServer):
    """A channel: keeps what is posted to it, and refuses as often as it is told to."""

    said: list[dict[str, str]]
    refuse: int


class _Handler(BaseHTTPRequestHandler):
    server: _Receiver

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        if self.server.refuse:
            self.server.refuse -= 1
            self.send_response(503)
        else:
            self.server.said.append(json.loads(body))
            self.send_response(200)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the library's name
        pass


@pytest.fixture
def receiver() -> Iterator[_Receiver]:
    """A channel that listens."""
    server = _Receiver(("127.0.0.1", 0), _Handler)
    server.said, server.refuse = [], 0
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


def addresses(receiver: _Receiver) -> Addresses:
    """Where carer li is reached."""
    return Addresses({"li": {"hook": SecretStr(f"json://127.0.0.1:{receiver.server_port}/x")}})


def send(app: FastAPI, database: Database, known: Addresses) -> None:
    """Sends all that is queued, by Apprise."""
    book = AddressBook(None)
    book._read = known
    context = app.state.context
    sender = Sender(
        database=database,
        book=book,
        texts=context.texts,
        carry=carry,
        link_key=link_key(context.settings),
        public_url="http://test",
    )
    with ThreadPoolExecutor(2) as executor:
        while sender.round(executor, now=now()):
            pass


@pytest.fixture
async def link(app: FastAPI, staffed: Database, receiver: _Receiver) -> str:
    """The path of the link that li was sent."""
    record(staffed, press(1))
    await asyncio.to_thread(work, staffed, now(), addresses(receiver))
    await asyncio.to_thread(send, app, staffed, addresses(receiver))
    (message,) = receiver.said
    found = re.search(r"http://test(/take/\S+)", message["message"])
    assert found is not None
    return found[1]


async def test_one_tap_takes_the_task_and_only_a_tap(
    client: httpx.AsyncClient, staffed: Database, link: str
) -> None:
    """Opening the link, as messengers do by themselves, takes nothing."""
    asked = await client.get(link, headers=OURS)
    assert "I am going" in asked.text
    assert "王" not in asked.text
    assert sends(staffed)[0] == ("li", "hook", "sent")
    taken = await client.post(link, headers=OURS)
    assert "Task 1 is yours" in taken.text
    assert sends(staffed)[0] == ("li", "hook", "delivered")
    again = await client.post(link, headers=OURS)
    assert "Task 1 is yours" in again.text
    assert [action for action, _ in told(staffed)].count("acknowledge") == 1
    with staffed.read() as session:
        assert session.get_one(Task, 1).assignee_id == viewer_of(staffed, "li").user_id


async def test_whoever_is_second_is_told_who_has_it(
    client: httpx.AsyncClient,
    staffed: Database,
    link: str,
) -> None:
    with staffed.write() as session:
        act = service.Act(action=TaskAction.ACKNOWLEDGE)
        service.act(session, viewer_of(staffed, "wang"), 1, act, now=now())
    late = await client.post(link, headers=OURS)
    assert "wang has task 1" in late.text


async def test_a_link_is_no_use_to_others(client: httpx.AsyncClient, staffed: Database, link: str) -> None:
    """Not changed, not from another site, not once its person has gone."""
    assert (await client.post(link[:-2] + "xx", headers=OURS)).status_code == 403
    assert (await client.post(link, headers={"sec-fetch-site": "cross-site"})).status_code == 403
    with staffed.write() as session:
        session.get_one(User, viewer_of(staffed, "li").user_id).disabled_at = now()
    assert (await client.post(link, headers=OURS)).status_code == 403
    with staffed.read() as session:
        assert session.get_one(Task, 1).state == "new"


async def test_a_channel_that_refuses_is_tried_again(
    app: FastAPI,
    staffed: Database,
    receiver: _Receiver,
) -> None:
    receiver.refuse = 1
    record(staffed, press(1))
    await asyncio.to_thread(work, staffed, now(), addresses(receiver))
    await asyncio.to_thread(send, app, staffed, addresses(receiver))
    assert sends(staffed)[0] == ("li", "hook", "queued")
    assert receiver.said == []


@pytest.fixture
def manager(staffed: Database) -> dict[str, str]:
    """The manager's headers, as a browser sends them."""
    with staffed.write() as session:
        user = session.get_one(User, viewer_of(staffed, "sun").user_id)
        user.language = "en"
        cookie = sessions.begin(session, user, now=now())
    return {**OURS, "cookie": f"{sessions.COOKIE}={cookie}"}


async def test_a_manager_edits_playbooks_in_the_pages(
    client: httpx.AsyncClient,
    staffed: Database,
    manager: dict[str, str],
) -> None:
    page = await client.get("/playbooks", headers=manager)
    assert all(f"/playbooks/{kind}/minor" in page.text for kind in ("follow_up", "subdistrict"))
    assert "as packaged" in page.text
    fields = {
        "who_0": "role",
        "value_0": "manager",
        "within_0": "45",
        "channels_0": "sms, hook",
        "arrive": "",
    }
    wrong = await client.post(
        "/playbooks/care/critical", data={**fields, "within_0": "soon"}, headers=manager
    )
    assert (wrong.status_code, "Not saved" in wrong.text) == (422, True)
    saved = await client.post("/playbooks/care/critical", data=fields, headers=manager)
    assert saved.status_code == 303
    again = await client.post("/playbooks/care/critical", data={**fields, "resident": "r1"}, headers=manager)
    assert again.status_code == 303
    page = await client.get("/playbooks", headers=manager)
    assert "version 1" in page.text
    assert "for resident r1 only" in page.text
    form = await client.get("/playbooks/care/critical?resident=r1", headers=manager)
    assert 'value="sms, hook"' in form.text
    removed = await client.post(
        "/playbooks/care/critical", data={"resident": "r1", "remove": "1"}, headers=manager
    )
    assert removed.status_code == 303
    assert "Earlier versions" in (await client.get("/playbooks", headers=manager)).text
    record(staffed, press(1))
    await asyncio.to_thread(work, staffed, now())
    assert [login for login, _, _ in sends(staffed)] == ["sun"]


async def test_a_manager_says_who_is_on_duty(
    client: httpx.AsyncClient,
    staffed: Database,
    manager: dict[str, str],
) -> None:
    wang = viewer_of(staffed, "wang").user_id
    wrong = await client.post(f"/playbooks/people/{wang}/save", data={"volunteer": "on"}, headers=manager)
    assert (wrong.status_code, "a volunteer needs a place" in wrong.text) == (422, True)
    fields = {"on_duty": "on", "keys": "r1"}
    saved = await client.post(f"/playbooks/people/{wang}/save", data=fields, headers=manager)
    assert saved.status_code == 303
    listed = (await client.get("/api/v1/responders", headers=manager)).json()
    assert [(one["name"], one["keys_of"]) for one in listed if one["on_duty"]] == [("wang", ["r1"])]
    record(staffed, press(1))
    await asyncio.to_thread(work, staffed, now())
    assert [login for login, _, _ in sends(staffed)] == ["wang", "zhou"]
