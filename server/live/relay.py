"""Changes between server processes on PostgreSQL: told with NOTIFY, heard with LISTEN.

A process tells its own pages directly and the others through the database. SQLite has one server process
and needs none of this.
"""

import asyncio
import os
from collections.abc import Callable

import msgspec
import psycopg
import structlog

from server.db.database import Change, Database
from server.supervision import survived

log = structlog.get_logger(__name__)
CHANNEL = "sunwell_changes"
RETRY_S = 1.0


class _Note(msgspec.Struct, frozen=True):
    origin: str
    kind: str
    id: str
    what: str


class Relay:
    """Both ends of the channel, for one process."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._origin = f"{os.getpid()}-{os.urandom(4).hex()}"
        self._outgoing: asyncio.Queue[Change] = asyncio.Queue(1_000)
        self._loop = asyncio.get_running_loop()

    def tell(self, change: Change) -> None:
        """Queues a change for the other processes. Safe from any thread."""
        self._loop.call_soon_threadsafe(self._enqueue, change)

    async def run(self, heard: Callable[[Change], None]) -> None:
        """Sends and receives until cancelled; connects again by itself. `heard` gets the others' changes,
        and after a gap one resync, since some may have been missed."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._send(), name="relay-send")
            group.create_task(self._listen(heard), name="relay-listen")

    def _enqueue(self, change: Change) -> None:
        if not self._outgoing.full():
            self._outgoing.put_nowait(change)

    async def _send(self) -> None:
        while True:
            with survived("relay_notify_failed"):
                try:
                    async with await self._connect() as connection:
                        while True:
                            await self._notify(connection, await self._outgoing.get())
                except (psycopg.Error, OSError) as error:  # other processes' pages catch up by re-reading
                    log.warning("relay_notify_failed", error=str(error).strip()[:200])
            await asyncio.sleep(RETRY_S)

    async def _notify(self, connection: psycopg.AsyncConnection, change: Change) -> None:
        note = _Note(self._origin, change.kind, change.id, change.what)
        await connection.execute("SELECT pg_notify(%s, %s)", (CHANNEL, msgspec.json.encode(note).decode()))

    async def _connect(self) -> psycopg.AsyncConnection:
        """A connection of the relay's own: neither direction takes one from those that keep alarms."""
        url = self._database.engine.url.set(drivername="postgresql")
        return await psycopg.AsyncConnection.connect(
            url.render_as_string(hide_password=False), autocommit=True
        )

    async def _listen(self, heard: Callable[[Change], None]) -> None:
        while True:
            with survived("relay_lost"):
                try:
                    async with await self._connect() as connection:
                        await connection.execute(f"LISTEN {CHANNEL}")
                        heard(Change("resync", "", ""))
                        async for notify in connection.notifies():
                            note = msgspec.json.decode(notify.payload.encode(), type=_Note)
                            if note.origin != self._origin:
                                heard(Change(note.kind, note.id, note.what))
                except (psycopg.Error, OSError, msgspec.DecodeError) as error:
                    log.warning("relay_lost", error=str(error).strip()[:200])
            await asyncio.sleep(RETRY_S)
