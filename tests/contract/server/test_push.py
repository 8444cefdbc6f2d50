"""Web push against a stand-in for a push service (the real ones cannot exist here): what it gets, only the
browser's key opens, and what it answers is taken seriously."""

import base64
import json
import os
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import http_ece
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from py_vapid import Vapid02
from sqlalchemy import select

from server.db.database import Database
from server.db.models import PushSubscription
from server.errors import InvalidError
from server.notify import push
from server.notify.channels import SendError
from server.notify.push import Pusher, SubscriptionIn
from server.settings import ServerSettings
from server.users.roles import Role
from tests.contract.server.conftest import NOW, person

HOSTS = ("localhost", "push.example")


def text(data: bytes) -> str:
    """URL-safe base64 without padding."""
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


class FakePushService(ThreadingHTTPServer):
    """Keeps what it gets; answers with `status`."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("localhost", 0), _Answer)
        self.got: list[tuple[dict[str, str], bytes]] = []
        self.status = 201


class _Answer(BaseHTTPRequestHandler):
    server: FakePushService

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.got.append(({name.lower(): value for name, value in self.headers.items()}, body))
        self.send_response(self.server.status)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        return


@pytest.fixture
def service() -> Iterator[FakePushService]:
    """The stand-in, listening."""
    with FakePushService() as running:
        thread = threading.Thread(target=running.serve_forever)
        thread.start()
        yield running
        running.shutdown()
        thread.join()


class Browser:
    """What a browser keeps for itself."""

    def __init__(self, service: FakePushService, path: str = "/b1") -> None:
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.auth = os.urandom(16)
        point = self.key.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
        self.subscription = SubscriptionIn.model_validate(
            {
                "endpoint": f"http://localhost:{service.server_port}{path}",
                "expirationTime": None,
                "keys": {"p256dh": text(point), "auth": text(self.auth)},
            }
        )

    def opens(self, body: bytes) -> dict[str, Any]:
        """What the message says."""
        clear: bytes = http_ece.decrypt(
            body, private_key=self.key, auth_secret=self.auth, version="aes128gcm"
        )
        document: dict[str, Any] = json.loads(clear)
        return document


def subscribed(database: Database, user_id: int, browser: Browser) -> None:
    """Remembers the browser."""
    with database.write() as session:
        push.subscribe(session, user_id, browser.subscription, device="Test", hosts=HOSTS, now=NOW)


@pytest.fixture
def pusher(database: Database, tmp_path: Path) -> Pusher:
    """A sender with a key of its own."""
    settings = ServerSettings(data=tmp_path)
    return Pusher(database, push.open_key(settings), push.subject(settings))


def test_a_browser_can_read_what_the_service_between_cannot(
    database: Database, pusher: Pusher, service: FakePushService
) -> None:
    li = person(database, Role.CARER, "li").user_id
    browser = Browser(service)
    subscribed(database, li, browser)
    pusher.send(li, {"title": "危急：跌倒", "path": "/tasks/1"})
    headers, body = service.got[0]
    assert browser.opens(body) == {"title": "危急：跌倒", "path": "/tasks/1"}
    assert "跌倒".encode() not in body
    assert headers["urgency"] == "high"
    scheme, _, parts = headers["authorization"].partition(" ")
    signed = dict(part.strip().split("=", 1) for part in parts.split(","))
    assert scheme == "vapid"
    assert signed["k"] == push.public_key(pusher.key)
    claims, _, signature = signed["t"].rpartition(".")
    assert Vapid02.from_raw_public(signed["k"].encode()).verify_token(claims.encode(), signature)
    with database.read() as session:
        assert session.scalars(select(PushSubscription)).one().last_ok_at is not None


@pytest.mark.parametrize(("status", "left"), [(410, 0), (404, 0), (500, 1), (403, 1)])
def test_a_browser_that_is_gone_is_forgotten_and_others_are_tried_again(
    database: Database, pusher: Pusher, service: FakePushService, status: int, left: int
) -> None:
    li = person(database, Role.CARER, "li").user_id
    subscribed(database, li, Browser(service))
    service.status = status
    with pytest.raises(SendError, match="no browser took"):
        pusher.send(li, {"title": "x"})
    with database.read() as session:
        rows = session.scalars(select(PushSubscription)).all()
    assert len(rows) == left
    assert all(row.failed_at is not None for row in rows)


def test_one_browser_that_takes_it_is_enough(
    database: Database, pusher: Pusher, service: FakePushService
) -> None:
    li = person(database, Role.CARER, "li").user_id
    dead = Browser(service)
    dead.subscription.endpoint = "http://localhost:9/gone"
    subscribed(database, li, dead)
    subscribed(database, li, Browser(service))
    pusher.send(li, {"title": "x"})
    assert len(service.got) == 1


def test_nobody_is_woken_without_a_browser(database: Database, pusher: Pusher) -> None:
    with pytest.raises(SendError, match="no browser is registered"):
        pusher.send(7, {"title": "x"})


def test_the_same_browser_belongs_to_whoever_used_it_last(
    database: Database, service: FakePushService
) -> None:
    li, wang = (person(database, Role.CARER, login).user_id for login in ("li", "wang"))
    browser = Browser(service)
    subscribed(database, li, browser)
    subscribed(database, wang, browser)
    with database.read() as session:
        assert [len(push.of(session, one)) for one in (li, wang)] == [0, 1]


@pytest.mark.parametrize(
    "endpoint",
    [
        "https://169.254.169.254/latest",
        "https://evil.example/push.example",
        "https://push.example.evil.example/x",
        "http://push.example/x",
        "https://user:word@push.example/x",
        "file:///etc/passwd",
        "https://[::1]/x",
    ],
)
def test_addresses_that_lead_elsewhere_are_refused(endpoint: str) -> None:
    with pytest.raises(InvalidError, match="push service"):
        push.check_endpoint(endpoint, HOSTS)


def test_one_person_has_ten_browsers_at_most(database: Database, service: FakePushService) -> None:
    li = person(database, Role.CARER, "li").user_id
    for number in range(push.MOST):
        subscribed(database, li, Browser(service, f"/{number}"))
    with pytest.raises(InvalidError, match="take one away"):
        subscribed(database, li, Browser(service, "/more"))
