"""The databases that tests start are what production relies on: durable, separate, read as in production."""

import os
import select

import psycopg
import pytest
from influxdb_client.client.influxdb_client_async import InfluxDBClientAsync
from influxdb_client.domain.write_precision import WritePrecision
from influxdb_client.rest import ApiException

from tests.parts.influx import Bucket, Influx
from tests.parts.postgres import Postgres


def dsn(url: str) -> str:
    """libpq's form of a SQLAlchemy address."""
    return url.replace("postgresql+psycopg", "postgresql")


def test_postgres_is_durable_and_keeps_committed_rows_over_a_kill(postgres: Postgres, pg_url: str) -> None:
    with psycopg.connect(dsn(pg_url)) as connection:
        shown = {name: connection.execute(f"SHOW {name}").fetchone() for name in ("fsync", "TimeZone")}
        connection.execute("CREATE TABLE press (n int)")
        connection.execute("INSERT INTO press VALUES (1)")
    assert shown == {"fsync": ("on",), "TimeZone": ("UTC",)}
    with psycopg.connect(dsn(pg_url)) as unfinished:
        unfinished.execute("INSERT INTO press VALUES (2)")
        postgres.kill()
        select.select([unfinished], [], [], 10)  # its children live on until they notice
        with pytest.raises(psycopg.OperationalError):
            unfinished.commit()
    postgres.start()
    with psycopg.connect(dsn(pg_url)) as connection:
        assert connection.execute("SELECT n FROM press").fetchall() == [(1,)]


def test_postgres_refuses_a_wrong_password(postgres: Postgres, pg_url: str) -> None:
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        psycopg.connect(dsn(pg_url).replace(postgres.password, "wrong"))


def test_a_prepared_database_is_filled_once_and_copied(postgres: Postgres) -> None:
    calls = []

    def prepare(url: str) -> None:
        calls.append(url)
        with psycopg.connect(dsn(url)) as connection:
            connection.execute("CREATE TABLE ready (n int)")

    names = [postgres.create(template=postgres.prepared("ready_template", prepare)) for _ in range(2)]
    for name in names:
        with psycopg.connect(dsn(postgres.url(name))) as connection:
            assert connection.execute("SELECT count(*) FROM ready").fetchone() == (0,)
        postgres.drop(name)
    assert len(calls) == 1
    assert names[0] != names[1]


async def write(bucket: Bucket, lines: list[str], precision: str = "ms") -> None:
    """Write ready lines with the official client, as the server does."""
    async with InfluxDBClientAsync(
        url=bucket.url, token=bucket.token, org=bucket.org, enable_gzip=True
    ) as client:
        await client.write_api().write(bucket=bucket.name, record=lines, write_precision=WritePrecision.MS)  # type: ignore[arg-type] # the library's enum is of texts


async def test_lines_written_as_version_2_are_read_with_influxql(influx_bucket: Bucket) -> None:
    await write(
        influx_bucket,
        [
            "well,position=well-0427 water_level=120i 1790000000000",
            'well,position=井盖二 note="滿" 1790000000001',
        ],
    )
    series = influx_bucket.query("SELECT water_level FROM well WHERE position = 'well-0427'")
    assert series == [{"name": "well", "columns": ["time", "water_level"], "values": [[1790000000000, 120]]}]
    assert influx_bucket.query("SELECT note FROM well WHERE position = '井盖二'")[0]["values"][0][1] == "滿"


async def test_a_line_that_influxdb_refuses_is_an_error_and_not_silence(influx_bucket: Bucket) -> None:
    with pytest.raises(ApiException) as caught:
        await write(influx_bucket, ["well,position=x water_level= 1790000000000"])
    assert caught.value.status == 400


async def test_influx_keeps_acknowledged_lines_over_a_kill(influx: Influx, influx_bucket: Bucket) -> None:
    await write(influx_bucket, ["well,position=a water_level=1i 1790000000000"])
    influx.kill()
    try:
        with pytest.raises(ApiException) as caught:
            await write(influx_bucket, ["well,position=a water_level=2i 1790000000001"])
        assert caught.value.status in {502, 504}
    finally:
        influx.start()
    assert influx_bucket.query("SELECT water_level FROM well")[0]["values"] == [[1790000000000, 1]]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root starts parts as other users")
def test_parts_do_not_run_as_root(postgres: Postgres, influx: Influx) -> None:
    for process in (postgres.process, influx.process):
        with open(f"/proc/{process.pid}/status") as status:  # noqa: PTH123 -- a kernel file
            uid = next(line for line in status if line.startswith("Uid:")).split()[1]
        assert int(uid) != 0
