"""A running Sunwell, on the real parts and on the embedded ones."""

import asyncio
import shutil
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from tests.e2e import brokers
from tests.e2e.settled import Settled, copied
from tests.e2e.street import register_home
from tests.e2e.system import EmbeddedSystem, RealSystem, System
from tests.parts.influx import Bucket, Influx
from tests.parts.mosquitto import Mosquitto
from tests.parts.postgres import Postgres

mosquitto = brokers.mosquitto
device_broker = brokers.device_broker


@pytest.fixture
async def real_system(
    mosquitto: Mosquitto, device_broker: Mosquitto, settled: Settled, influx_bucket: Bucket, tmp_path: Path
) -> AsyncIterator[RealSystem]:
    """Server and gateway as processes on Mosquitto, PostgreSQL and InfluxDB."""
    system = settled.system(tmp_path, mosquitto, device_broker, influx_bucket)
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
    settled_template: Settled,
    influx: Influx,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[RealSystem]:
    """One system on the real parts, with the home of tests.e2e.street, for all tests of a module that
    leave it running."""

    async def begin(system: RealSystem) -> None:
        await system.start_server()
        system.start_gateway()
        await register_home(system)

    bucket = influx.create()
    with copied(postgres, settled_template) as copy:
        folder = tmp_path_factory.mktemp("shared")
        system = copy.system(folder, mosquitto, device_broker, bucket)
        try:
            asyncio.run(begin(system))
            yield system
        finally:
            system.close()
    influx.drop(bucket)


@pytest.fixture
async def embedded_system(tmp_path: Path, settled_demo: Path) -> AsyncIterator[EmbeddedSystem]:
    """The demo without its street."""
    shutil.copytree(settled_demo, tmp_path / "data")
    system = EmbeddedSystem(tmp_path)
    try:
        await system.start()
        yield system
    finally:
        system.close()


@pytest.fixture(params=["real", pytest.param("embedded", marks=pytest.mark.soak)])
def system(request: pytest.FixtureRequest) -> System:
    """The real parts; in `make soak` the embedded ones too (else: the demo, and one press)."""
    running: System = request.getfixturevalue(f"{request.param}_system")
    return running
