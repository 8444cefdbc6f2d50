"""The broker with its TLS listener, and a server that enrols."""

import asyncio
import zlib
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from server.app import Server
from server.clock import now
from server.places import schemas, service
from server.settings import ServerSettings
from server.users import service as users
from server.users.roles import Role
from server.users.viewer import Viewer
from tests.contract.enrolment.world import WAIT_S, Enrolling
from tests.parts.authority import authority_in, broker_files
from tests.parts.mosquitto import Mosquitto, running_mosquitto
from tests.parts.presence import part_or_skip
from tests.parts.processes import free_port


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the authority lies, which outlives the servers of single tests."""
    return tmp_path_factory.mktemp("enrolment")


@pytest.fixture(scope="session")
def broker(folder: Path) -> Iterator[Mosquitto]:
    """Mosquitto with its TLS listener and no gateway's user."""
    files = broker_files(folder, authority_in(folder).authority)
    with part_or_skip(lambda: running_mosquitto(["server", "devices", "edge"], tls=files)) as part:
        yield part


@pytest.fixture
async def world(
    broker: Mosquitto, folder: Path, tmp_path: Path, request: pytest.FixtureRequest
) -> AsyncIterator[Enrolling]:
    """A server that enrols, with two gateways registered."""
    settings = ServerSettings(
        data=tmp_path / "server",
        mqtt_port=broker.port,
        mqtt_user="server",
        mqtt_password_file=broker.password_file("server"),
        http_port=0,
        ca=folder / "authority",
        enrol_port=(port := free_port()),
        enrol_host="127.0.0.1",
        enrol_address=f"127.0.0.1:{port}",
        gateway_broker=f"127.0.0.1:{broker.tls_port}",
    )
    server = Server(settings)
    async with server.running():
        prefix = f"{zlib.crc32(request.node.name.encode()) % 1_000_000:06d}"
        with server.context.database.write() as session:
            service.put_area(session, "area", schemas.AreaIn(kind="grid", name="第一网格"))
            for number in (1, 2):
                gateway = schemas.GatewayIn(area_id="area", name=f"网关{number}")
                service.put_gateway(session, f"gw-{prefix}-{number}", gateway, now=now())
            user = users.add(
                session, login="i", name="i", role=Role.INSTALLER, password="correct horse", now=now()
            )
            viewer = Viewer(user_id=user.id, name=user.name, role=Role.INSTALLER)
        rights = server.app.state.desk.rights
        async with asyncio.timeout(WAIT_S):
            await rights.settled.wait()
        yield Enrolling(server, broker, viewer, tmp_path / "machines", prefix)
