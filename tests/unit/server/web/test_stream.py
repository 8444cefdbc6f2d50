"""The stream of an open page: first hello, then changes, heartbeats in between, and a clean end."""

import asyncio
from collections.abc import Iterator

import pytest
from starlette.types import Message

from server.db.database import Change
from server.live.bus import QUEUE, Bus
from server.web.live import stream
from server.web.live.stream import Event, EventStream, encode


def test_data_of_many_lines_stays_one_event() -> None:
    assert encode(("task", "<p>\n</p>\n")) == b"event: task\ndata: <p>\ndata: </p>\n\n"
    assert encode(("resync", "")) == b"event: resync\ndata: \n\n"


def test_a_line_break_of_any_kind_begins_no_new_field() -> None:
    assert encode(("task", "a\rdata: b\x0bevent: evil")).count(b"\nevent") == 0


class Page:
    """The other end of one stream."""

    def __init__(self) -> None:
        self.sent: asyncio.Queue[bytes] = asyncio.Queue()
        self.gone = asyncio.Event()
        self.ended = False

    async def receive(self) -> Message:
        await self.gone.wait()
        return {"type": "http.disconnect"}

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.body":
            self.ended = not message.get("more_body", False)
            await self.sent.put(message["body"])

    async def until(self, words: bytes) -> bytes:
        """The first body that holds `words`."""
        while words not in (body := await self.sent.get()):
            pass
        return body


def _tell(change: Change) -> Iterator[Event]:
    if change.kind == "task":
        yield "task", f"<b>{change.id}</b>"


async def test_changes_arrive_and_the_bus_ends_it() -> None:
    bus = Bus(asyncio.get_running_loop())
    page = Page()
    async with asyncio.TaskGroup() as group:
        group.create_task(EventStream(bus, _tell)({"type": "http"}, page.receive, page.send))
        await page.until(b"event: hello")
        bus.publish(Change("gateway", "g"))
        bus.publish(Change("task", "7", "opened"))
        assert await page.until(b"event: task") == b"event: task\ndata: <b>7</b>\n\n"
        bus.close()
    assert page.ended


async def test_a_page_that_goes_ends_it() -> None:
    bus = Bus(asyncio.get_running_loop())
    page = Page()
    async with asyncio.TaskGroup() as group:
        group.create_task(EventStream(bus, _tell)({"type": "http"}, page.receive, page.send))
        await page.until(b"event: hello")
        page.gone.set()
    assert not bus._subscriptions


async def test_silence_is_filled_with_heartbeats(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stream, "HEARTBEAT_S", 0.01)
    monkeypatch.setattr(stream, "LIFE_S", 0.05)
    page = Page()
    await EventStream(Bus(asyncio.get_running_loop()), _tell)({"type": "http"}, page.receive, page.send)
    await page.until(b"event: heartbeat")
    assert page.ended  # after its life the browser connects, and is asked who it is, again


async def test_a_slow_page_is_told_to_read_all_again() -> None:
    bus = Bus(asyncio.get_running_loop())
    page = Page()
    async with asyncio.TaskGroup() as group:
        group.create_task(EventStream(bus, _tell)({"type": "http"}, page.receive, page.send))
        await page.until(b"event: hello")
        for number in range(QUEUE + 2):
            bus._fan_out(Change("task", str(number)))
        await page.until(b"event: resync")
        bus.close()
