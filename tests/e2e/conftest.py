"""A running Sunwell, on the real parts and on the embedded ones."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from tests.e2e.street import register_home
from tests.e2e.system import EmbeddedSystem, RealSystem, System
from tests.parts.influx import Bucket, Influx
from tests.parts.mosquitto import Mosquitto
from tests.parts.postgres import Postgres


@pytest.fixture
async def real_system(
    mosquitto: Mosquitto, device_broker: Mosquitto, pg_url: str, influx_bucket: Bucket, tmp_path: Path
) -> AsyncIterator[RealSystem]:
    """Server and gateway as processes on Mosquitto, PostgreSQL and InfluxDB."""
    system = RealSystem(tmp_path, mosquitto, device_broker, pg_url, influx_bucket)
    try:
        await system.start_server()
        system.start_gateway()
        yield system
    finally:
        system.close()


@pytest.fixture(scope="module")
def shared_system(
    mosquitto: Mosquitto,
    device_broker: Mosquitto,
    postgres: Postgres,
    influx: Influx,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[RealSystem]:
    """One system on the real parts, with the home of tests.e2e.street, for all tests of a module that
    leave it running."""
    name, bucket = postgres.create(), influx.create()
    system = RealSystem(
        tmp_path_factory.mktemp("shared"), mosquitto, device_broker, postgres.url(name), bucket
    )

    async def begin() -> None:
        await system.start_server()
        system.start_gateway()
        await register_home(system)

    try:
        asyncio.run(begin())
        yield system
    finally:
        system.close()
        postgres.drop(name)
        influx.drop(bucket)


@pytest.fixture
async def embedded_system(tmp_path: Path) -> AsyncIterator[EmbeddedSystem]:
    """The demo without its street."""
    system = EmbeddedSystem(tmp_path)
    try:
        await system.start()
        yield system
    finally:
        system.close()


@pytest.fixture(params=["real", "embedded"])
def system(request: pytest.FixtureRequest) -> System:
    """Both, one after the other."""
    running: System = request.getfixturevalue(f"{request.param}_system")
    return running
