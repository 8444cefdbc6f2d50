"""Committed changes on their way to open pages. One bus a process; any thread may publish.

A subscriber that cannot keep up loses single changes and gets one `RESYNC` instead: its page reads the
whole list again. Nothing waits for a slow page.
"""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from typing import Final

from server.db.database import Change

QUEUE: Final = 256
RESYNC: Final = Change("resync", "", "")


class Subscription:
    """An asynchronous stream of changes."""

    def __init__(self) -> None:
        self._queue: asyncio.Queue[Change | None] = asyncio.Queue(QUEUE)

    def put(self, change: Change | None) -> None:
        """Hands over a change; None ends the stream. To be called in the event loop."""
        try:
            self._queue.put_nowait(change)
        except asyncio.QueueFull:
            while not self._queue.empty():
                self._queue.get_nowait()
            self._queue.put_nowait(RESYNC if change is not None else None)

    async def next(self) -> Change | None:
        """The next change, or None at the end. Put a time limit around it to send a heartbeat in between."""
        return await self._queue.get()

    async def __aiter__(self) -> AsyncIterator[Change]:
        """All changes until the bus closes."""
        while (change := await self._queue.get()) is not None:
            yield change


class Bus:
    """Fans changes out to subscriptions."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._subscriptions: set[Subscription] = set()
        self._closed = False

    def publish(self, change: Change) -> None:
        """Tells every subscriber. Safe from any thread, and after the end."""
        try:
            self._loop.call_soon_threadsafe(self._fan_out, change)
        except RuntimeError:  # the loop has ended: nobody is looking any more
            return

    @contextmanager
    def subscribe(self) -> Iterator[Subscription]:
        """A stream of all changes from now on. To be used in the event loop."""
        subscription = Subscription()
        if self._closed:
            subscription.put(None)
        self._subscriptions.add(subscription)
        try:
            yield subscription
        finally:
            self._subscriptions.discard(subscription)

    def close(self) -> None:
        """Ends every stream, so that open pages do not hold up a stop."""
        self._closed = True
        self._fan_out(None)

    def _fan_out(self, change: Change | None) -> None:
        for subscription in self._subscriptions:
            subscription.put(change)
