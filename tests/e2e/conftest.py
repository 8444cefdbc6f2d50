"""A running Sunwell, on the real parts and on the embedded ones."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.e2e.system import EmbeddedSystem, RealSystem, System
from tests.parts.influx import Bucket
from tests.parts.mosquitto import Mosquitto


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
