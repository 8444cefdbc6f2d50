"""One open page's stream: changes as they are committed, a heartbeat while nothing happens.

The page shows how old the newest sign of life is, so a heartbeat is an event, not a comment. A stream ends
by itself after `LIFE_S`, so that the browser connects, and is asked who it is, again.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from typing import Final

from starlette.concurrency import run_in_threadpool
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from server.clock import now, to_ms
from server.db.database import Change
from server.errors import StoreUnavailableError
from server.live.bus import Bus

HEARTBEAT_S: Final = 10.0
LIFE_S: Final = 900.0
"""Log-ins end and rights change: within a quarter of an hour an open page notices."""
RETRY_MS: Final = 2_000

Event = tuple[str, str]
Tell = Callable[[Change], Iterable[Event]]
"""What a change means to this page: events of (name, data). Called in a worker thread."""


def encode(event: Event) -> bytes:
    """An event in the form of the text/event-stream format; its data may have many lines."""
    name, data = event
    lines = "".join(f"data: {line}\n" for line in data.splitlines() or [""])
    return f"event: {name}\n{lines}\n".encode()


class EventStream(Response):
    """A response that lives until the page goes, the server stops, or its time is over."""

    media_type = "text/event-stream"

    def __init__(self, bus: Bus, tell: Tell) -> None:
        super().__init__(
            headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"}, media_type=self.media_type
        )
        del self.headers["content-length"]
        self._bus = bus
        self._tell = tell

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Streams; the first event is `hello`, sent after listening has begun."""
        start = {"type": "http.response.start", "status": 200, "headers": self.raw_headers}
        with self._bus.subscribe() as changes:
            await send(start)
            async with asyncio.TaskGroup() as group:
                speaking = group.create_task(self._speak(changes.next, send), name="live-speak")
                watching = group.create_task(_gone(receive), name="live-watch")
                speaking.add_done_callback(lambda _: watching.cancel())
                watching.add_done_callback(lambda _: speaking.cancel())

    async def _speak(self, following: Callable[[], Awaitable[Change | None]], send: Send) -> None:
        loop = asyncio.get_running_loop()

        async def say(*events: Event, last: bool = False) -> None:
            body = b"".join(encode(event) for event in events)
            await send({"type": "http.response.body", "body": body, "more_body": not last})

        await send(
            {"type": "http.response.body", "body": f"retry: {RETRY_MS}\n\n".encode(), "more_body": True}
        )
        await say(("hello", _moment()))
        end = loop.time() + LIFE_S
        beat = loop.time() + HEARTBEAT_S
        while loop.time() < end:
            try:
                async with asyncio.timeout_at(beat):
                    change = await following()
            except TimeoutError:
                await say(("heartbeat", _moment()))
                beat = loop.time() + HEARTBEAT_S
                continue
            if change is None:
                break
            try:
                events = await self._events(change)
            except StoreUnavailableError:
                break  # the page connects again, and then reads everything
            if events:
                await say(*events)
        await say(last=True)

    async def _events(self, change: Change) -> list[Event]:
        if change.kind == "resync":
            return [("resync", "")]
        return await run_in_threadpool(lambda: list(self._tell(change)))


async def _gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


def _moment() -> str:
    return str(to_ms(now()))
