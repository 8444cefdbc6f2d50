"""Reports of gateways' condition come to rest in both time-series stores, and never hold anything else up."""

import asyncio
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from gateway.wire import DriverHealth, Health
from server.clock import now, to_ms
from server.db.database import Database
from server.errors import StoreUnavailableError
from server.gateways.health import series_of
from server.ingest.condition import QUEUE, ConditionWriter
from server.timeseries.influx import InfluxStore
from server.timeseries.sqlite import SqliteStore
from server.timeseries.store import TimeSeriesStore


def report(ms: int, celsius: float) -> Health:
    driver = DriverHealth(name="mqtt", running=True, restarts=0, readings=1, errors=2)
    return Health(at_ms=ms, uptime_s=1.5, cpu_celsius=celsius, clock_offset_ms=-0.5, drivers=[driver])


def writer(street: Database, store: Any) -> ConditionWriter:
    return ConditionWriter(SimpleNamespace(database=street, store=store))  # type: ignore[arg-type]  # all it uses


@pytest.mark.parametrize("kind", ["sqlite", "influx"])
async def test_a_day_of_reports_can_be_drawn(
    street: Database, kind: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    store: TimeSeriesStore
    if kind == "sqlite":
        store = SqliteStore(tmp_path / "readings.db")
    else:
        bucket = request.getfixturevalue("influx_bucket")
        store = InfluxStore(url=bucket.url, bucket=bucket.name, org="sunwell", token=bucket.token)
    end = now()
    writing = writer(street, store)
    for minutes, celsius in ((30, 41.0), (20, 42.0), (10, 43.0)):
        writing.put("gw-1", report(to_ms(end - timedelta(minutes=minutes)), celsius))
        writing.put("gw-2", report(to_ms(end - timedelta(minutes=minutes)), 90.0))
        writing.put("of nobody", report(to_ms(end), 1.0))
    batch = [writing._queue.get_nowait() for _ in range(9)]
    await writing._write(batch)
    await writing._write(batch[:1])  # heard again, as after a server's restart: the same point

    async def course(field: str) -> list[tuple[float, int]]:
        buckets = await store.series(
            family="gateway",
            position=series_of("gw-1"),
            field=field,
            start=end - timedelta(hours=24),
            end=end,
            width_ms=120_000,
        )
        return [(bucket.mean, bucket.count) for bucket in buckets]

    assert await course("cpu_celsius") == [(41.0, 1), (42.0, 1), (43.0, 1)]
    assert await course("clock_offset_ms") == [(-0.5, 1)] * 3
    assert await course("errors.mqtt") == [(2.0, 1)] * 3
    await store.close()


async def test_a_store_that_is_away_costs_reports_and_nothing_else(street: Database) -> None:
    asked = asyncio.Event()

    class Away:
        async def write(self, _points: object) -> None:
            asked.set()
            raise StoreUnavailableError("away")

    writing = writer(street, Away())
    async with asyncio.TaskGroup() as group:
        running = group.create_task(writing.run())
        writing.put("gw-1", report(1, 1.0))
        await asked.wait()
        for number in range(QUEUE + 5):
            writing.put("gw-1", report(number, 1.0))  # never waits, never grows
        assert writing._queue.qsize() == QUEUE
        assert not running.done()
        running.cancel()
