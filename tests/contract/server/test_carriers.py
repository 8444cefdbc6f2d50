"""Each channel's own program (Apprise) against a stand-in for its service on this machine: the message
arrives, and says no more than the channel may carry. The services themselves are not asked."""

import json
import socketserver
import threading
from collections.abc import Iterator
from email import message_from_bytes, policy
from http.server import BaseHTTPRequestHandler
from typing import Any, cast
from urllib.parse import unquote_plus

import apprise.plugins.dingtalk
import apprise.plugins.feishu
import apprise.plugins.twilio
import apprise.plugins.wecombot
import pytest
from pydantic import SecretStr

from server.db.database import Database
from server.notify import channels, deliveries
from server.notify.channels import Addresses, SendError
from server.notify.texts import MessagePolicy
from server.policies import service as policies
from tests.contract.server.conftest import NOW, viewer_of
from tests.contract.server.test_alarm_record import press, record
from tests.contract.server.test_deliveries import _sender
from tests.contract.server.test_dispatch import work

HEX = "a" * 32
SECRET = ("秀英", "幸福路", "钥匙", "邻居", "床头")
"""What stands in the record and nobody outside may read: the given name, the address, how to get in."""
PLUGINS: dict[str, tuple[type[Any], str]] = {
    "dingtalk": (apprise.plugins.dingtalk.NotifyDingTalk, "notify_url"),
    "wecom": (apprise.plugins.wecombot.NotifyWeComBot, "notify_url"),
    "feishu": (apprise.plugins.feishu.NotifyFeishu, "notify_url"),
    "sms": (apprise.plugins.twilio.NotifyTwilio, "notify_sms_url"),
}
"""Where the library keeps a service's address, which the stand-in takes over."""
URLS = {
    "dingtalk": "dingtalk://" + HEX,
    "wecom": "wecombot://12345678-1234-1234-1234-123456789012",
    "feishu": "feishu://12345678-1234-1234-1234-123456789012",
    "sms": f"twilio://AC{HEX}:{HEX}@15551233456/13800138000",
    "mail": "mailto://127.0.0.1:{port}?from=sunwell@example.org&to=li@example.org&mode=insecure",
    "ntfy": "ntfy://127.0.0.1:{port}/topic",
}


class StandIn(socketserver.ThreadingTCPServer):
    """A service on a free port that takes everything and remembers it as text."""

    daemon_threads = True

    def __init__(self, handler: type[socketserver.BaseRequestHandler]) -> None:
        super().__init__(("127.0.0.1", 0), handler)
        self.arrived: list[str] = []
        self.refuses = False

    @property
    def port(self) -> int:
        """Where it listens."""
        return int(self.server_address[1])


class _Http(BaseHTTPRequestHandler):
    """DingTalk, WeCom, Feishu, an SMS gateway, ntfy."""

    def do_POST(self) -> None:
        stand_in = cast("StandIn", self.server)
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        text = json.dumps(json.loads(body), ensure_ascii=False) if body[:1] == "{" else unquote_plus(body)
        stand_in.arrived.append(f"{unquote_plus(self.path)} {self.headers} {text}")
        answer = b'{"code": 0, "errcode": 0, "sid": "x"}'
        self.send_response(500 if stand_in.refuses else 200)
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *_: object) -> None:
        """Says nothing."""


class _Smtp(socketserver.StreamRequestHandler):
    """A mail server."""

    def handle(self) -> None:
        stand_in = cast("StandIn", self.server)
        self.wfile.write(b"220 here\r\n")
        while line := self.rfile.readline():
            word = line[:4].upper()
            if word == b"QUIT":
                self.wfile.write(b"221 bye\r\n")
                return
            if word == b"MAIL" and stand_in.refuses:
                self.wfile.write(b"550 no\r\n")
                continue
            if word != b"DATA":
                self.wfile.write(b"250 well\r\n")
                continue
            self.wfile.write(b"354 go on\r\n")
            lines: list[bytes] = []
            while (line := self.rfile.readline()) != b".\r\n":
                lines.append(line)
            mail = message_from_bytes(b"".join(lines), policy=policy.default)
            parts = [str(part.get_content()) for part in mail.walk() if not part.is_multipart()]
            stand_in.arrived.append("\n".join((str(mail["subject"]), *parts)))
            self.wfile.write(b"250 well\r\n")


@pytest.fixture
def stand_in(channel: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[StandIn]:
    with StandIn(_Smtp if channel == "mail" else _Http) as server:
        if channel in PLUGINS:
            plugin, name = PLUGINS[channel]
            monkeypatch.setattr(plugin, name, f"http://127.0.0.1:{server.port}/{channel}")
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield server
        server.shutdown()


def _sent(database: Database, channel: str, port: int) -> str | None:
    """A press is told to li by this channel alone; gives what was wrong."""
    url = URLS[channel].format(port=port)
    has = Addresses({"li": {channel: SecretStr(url)}})
    record(database, press(1))
    work(database, NOW, has)
    sender = _sender(database, has, [])
    with database.write() as session:
        claimed = deliveries.claim(session, now=NOW, limit=8)
    with database.read() as session:
        (letter,) = sender.written(session, claimed, now=NOW)
    return channels.outcome(lambda: channels.carry(url, letter.title, sender.whole(letter)))


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
@pytest.mark.parametrize("channel", URLS)
def test_what_arrives_says_who_to_look_after_and_nothing_that_is_theirs(
    staffed: Database, channel: str, stand_in: StandIn
) -> None:
    assert _sent(staffed, channel, stand_in.port) is None
    (text,) = stand_in.arrived
    for told in ("危急", "王姓老人", "第一网格", "任务 1", "https://sunwell.example/take/v1."):
        assert told in text
    assert not [word for word in SECRET if word in text]


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
@pytest.mark.parametrize("channel", ["wecom", "mail"])
def test_a_channel_that_may_carry_the_number_alone_carries_no_more(
    staffed: Database, channel: str, stand_in: StandIn
) -> None:
    with staffed.write() as session:
        policies.put(session, viewer_of(staffed, "sun"), MessagePolicy(minimal=[channel]), now=NOW)
    assert _sent(staffed, channel, stand_in.port) is None
    (text,) = stand_in.arrived
    assert "任务 1" in text
    assert not [word for word in (*SECRET, "王", "第一网格", "危急", "sos") if word in text]


@pytest.mark.parametrize("channel", URLS)
def test_a_service_that_refuses_is_said(channel: str, stand_in: StandIn) -> None:
    stand_in.refuses = True
    with pytest.raises(SendError):
        channels.carry(URLS[channel].format(port=stand_in.port), "title", "body")
    assert stand_in.arrived == [] or channel != "mail"
