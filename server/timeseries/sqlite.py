"""Readings in one SQLite file: the embedded store, for demonstrations and small sites.

One row a value, and beside it the newest value of each field, which the device list asks for all the time.
Rows older than the retention are dropped in passing. All calls run on one thread of their own.
"""

import asyncio
import json
import sqlite3
from collections.abc import Callable, Collection, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final, TypeVar

from server.clock import from_ms, now, to_ms
from server.errors import StoreUnavailableError
from server.timeseries.store import (
    TEXT,
    Bucket,
    LatestValue,
    Point,
    StoredValue,
    TextValue,
    base_name,
    in_time_order,
    newest,
    whole_moments,
)

T = TypeVar("T")
RETENTION: Final = timedelta(days=30)
PRUNE_EVERY: Final = 1_000
"""Writes between two prunings."""

_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS readings (
    position TEXT NOT NULL, field TEXT NOT NULL, time_ms INTEGER NOT NULL,
    family TEXT NOT NULL, area TEXT NOT NULL, device TEXT NOT NULL, gateway TEXT NOT NULL,
    value NOT NULL,
    PRIMARY KEY (position, field, time_ms)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS readings_time ON readings (time_ms);
CREATE TABLE IF NOT EXISTS latest (
    position TEXT NOT NULL, field TEXT NOT NULL, time_ms INTEGER NOT NULL, family TEXT NOT NULL,
    value NOT NULL,
    PRIMARY KEY (position, field)
) WITHOUT ROWID;
"""
_INSERT: Final = "INSERT OR REPLACE INTO readings VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
_LATEST: Final = """
INSERT INTO latest VALUES (?, ?, ?, ?, ?)
ON CONFLICT (position, field) DO UPDATE
SET time_ms = excluded.time_ms, family = excluded.family, value = excluded.value
WHERE excluded.time_ms >= latest.time_ms
"""
_NEWEST: Final = "SELECT family, position, field, time_ms, value FROM latest WHERE time_ms >= ?"
_AT: Final = " AND position IN (SELECT value FROM json_each(?))"
_SERIES: Final = """
SELECT time_ms / :width * :width, avg(value), min(value), max(value), count(*) FROM readings
WHERE position = :position AND field = :field AND family = :family AND time_ms >= :start AND time_ms < :end
GROUP BY 1 ORDER BY 1
"""
_OF_FIELD: Final = """
SELECT time_ms, value FROM readings
WHERE position = :position AND field IN (:field, :text) AND family = :family
"""
_WITHIN: Final = _OF_FIELD + " AND time_ms >= :start AND time_ms < :end ORDER BY time_ms DESC LIMIT :limit"
_BEFORE: Final = _OF_FIELD + " AND time_ms < :start ORDER BY time_ms DESC LIMIT 1"


_STORED: Final = """
SELECT time_ms, field, value FROM readings
WHERE position = ? AND family = ? AND time_ms >= ? AND time_ms < ? ORDER BY time_ms, field LIMIT ?
"""


class SqliteStore:
    """A `TimeSeriesStore` in a file."""

    def __init__(self, path: Path) -> None:
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="timeseries")
        self._writes = 0
        path.parent.mkdir(parents=True, exist_ok=True)
        self._connection = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
        self._connection.execute("PRAGMA journal_mode=WAL")
        self._connection.execute("PRAGMA synchronous=FULL")  # an acknowledged frame is on the disk
        self._connection.executescript(_SCHEMA)

    async def write(self, points: Sequence[Point]) -> None:
        """See `TimeSeriesStore`."""
        await self._on_thread(lambda: self._write(points))

    async def latest(
        self,
        families: Mapping[str, Collection[str]],
        *,
        since: datetime,
        positions: Collection[str] | None = None,
    ) -> dict[str, list[LatestValue]]:
        """See `TimeSeriesStore`."""
        query = _NEWEST
        asked: list[int | str] = [to_ms(since)]
        if positions is not None:
            query += _AT
            asked.append(json.dumps(list(positions)))
        rows = await self._on_thread(lambda: self._connection.execute(query, asked).fetchall())
        return newest(
            (position, LatestValue(name, from_ms(time_ms), value))
            for family, position, name, time_ms, value in rows
            if base_name(name) in families.get(family, ())
        )

    async def series(
        self, *, family: str, position: str, field: str, start: datetime, end: datetime, width_ms: int
    ) -> list[Bucket]:
        """See `TimeSeriesStore`."""
        asked = {
            "family": family,
            "position": position,
            "field": field,
            "start": to_ms(start),
            "end": to_ms(end),
            "width": width_ms,
        }
        rows = await self._on_thread(lambda: self._connection.execute(_SERIES, asked).fetchall())
        return [Bucket(from_ms(row[0]), *row[1:]) for row in rows]

    async def texts(
        self, *, family: str, position: str, field: str, start: datetime, end: datetime, limit: int
    ) -> list[TextValue]:
        """See `TimeSeriesStore`."""
        asked = {
            "family": family,
            "position": position,
            "field": field,
            "text": field + TEXT,
            "start": to_ms(start),
            "end": to_ms(end),
            "limit": limit + 1,
        }
        within, before = await self._on_thread(
            lambda: [self._connection.execute(query, asked).fetchall() for query in (_WITHIN, _BEFORE)]
        )
        return in_time_order(
            [(from_ms(time_ms), value) for time_ms, value in within],
            (from_ms(before[0][0]), before[0][1]) if before else None,
            limit=limit,
        )

    async def stored(
        self, *, family: str, position: str, start: datetime, end: datetime, limit: int
    ) -> list[StoredValue]:
        """See `TimeSeriesStore`."""
        asked = (position, family, to_ms(start), to_ms(end), limit)
        rows = await self._on_thread(lambda: self._connection.execute(_STORED, asked).fetchall())
        values = [StoredValue(from_ms(time_ms), name, value) for time_ms, name, value in rows]
        return whole_moments(values, cut=len(rows) == limit)

    async def check(self) -> None:
        """See `TimeSeriesStore`."""
        await self._on_thread(lambda: self._connection.execute("SELECT 1").fetchone())

    async def close(self) -> None:
        """See `TimeSeriesStore`."""
        await self._on_thread(self._connection.close)
        self._thread.shutdown()

    def _write(self, points: Sequence[Point]) -> None:
        rows = [
            (p.position, name, p.time_ms, p.family, p.area, p.device, p.gateway, value)
            for p in points
            for name, value in p.fields.items()
        ]
        newest = [(r[0], r[1], r[2], r[3], r[7]) for r in rows]
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            self._connection.executemany(_INSERT, rows)
            self._connection.executemany(_LATEST, newest)
            self._prune()
        except BaseException:
            self._connection.execute("ROLLBACK")
            raise
        self._connection.execute("COMMIT")

    def _prune(self) -> None:
        self._writes += 1
        if self._writes % PRUNE_EVERY == 0:
            self._connection.execute("DELETE FROM readings WHERE time_ms < ?", (to_ms(now() - RETENTION),))

    async def _on_thread(self, work: Callable[[], T]) -> T:
        try:
            return await asyncio.get_running_loop().run_in_executor(self._thread, work)
        except sqlite3.Error as error:
            raise StoreUnavailableError(f"the time-series file does not answer: {error}") from error
