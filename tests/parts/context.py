"""What a server's pages, sweeps and handlers work with, around a database, without a server."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from firmware_profiles import Catalogue
from server.alarms.texts import RuleTexts
from server.context import Context
from server.db.database import Database
from server.live.bus import Bus
from server.settings import ServerSettings
from server.timeseries.sqlite import SqliteStore


@asynccontextmanager
async def context_around(database: Database, catalogue: Catalogue, folder: Path) -> AsyncIterator[Context]:
    """With an embedded store; its files lie in `folder`, what it tells of is told in this event loop."""
    store = SqliteStore(folder / "readings.db")
    try:
        yield Context(
            settings=ServerSettings(data=folder),
            database=database,
            store=store,
            catalogue=catalogue,
            texts=RuleTexts(catalogue.values()),
            bus=Bus(asyncio.get_running_loop()),
        )
    finally:
        await store.close()
