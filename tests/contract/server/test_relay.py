"""Server processes on one PostgreSQL tell one another of changes."""

import asyncio

import pytest

from server.db.database import Change, Database, announce
from server.live.relay import Relay

pytestmark = pytest.mark.parametrize("database", ["postgres"], indirect=True)


async def test_a_change_here_is_heard_there_and_not_twice_here(database: Database) -> None:
    """Two relays, as two processes have them; each has its own database pool."""
    other = Database(database.engine.url.render_as_string(hide_password=False))
    heard: dict[str, asyncio.Queue[Change]] = {"here": asyncio.Queue(), "there": asyncio.Queue()}
    here, there = Relay(database), Relay(other)
    database.listeners.append(here.tell)
    async with asyncio.TaskGroup() as group:
        tasks = [
            group.create_task(here.run(heard["here"].put_nowait)),
            group.create_task(there.run(heard["there"].put_nowait)),
        ]
        async with asyncio.timeout(10):
            for queue in heard.values():
                assert (await queue.get()).kind == "resync"  # connected: something may have been missed
            with database.write() as session:
                announce(session, Change("task", "1", "opened"))
            assert await heard["there"].get() == Change("task", "1", "opened")
            there.tell(Change("task", "2", "opened"))
            assert await heard["here"].get() == Change("task", "2", "opened")
        assert heard["here"].empty()
        for task in tasks:
            task.cancel()
    other.dispose()
