"""A running server, an installer, gateways, and what probes them."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiomqtt

from gateway.app import GatewayApp
from gateway.enrolment import enrolling
from gateway.enrolment.identity import Identity, IdentityStore
from gateway.enrolment.wire import Code, client_id, read_code
from gateway.settings import Broker, GatewaySettings
from server.app import Server
from server.clock import now
from server.enrolment import views
from server.enrolment.desk import Desk
from server.gateways import views as gateways
from server.users.viewer import Viewer
from tests.parts.mosquitto import Mosquitto

WAIT_S = 15.0


@dataclass
class Enrolling:
    """A running server, an installer, and gateways by the folder that they keep themselves in."""

    server: Server
    broker: Mosquitto
    installer: Viewer
    folder: Path
    prefix: str

    @property
    def desk(self) -> Desk:
        """The server's enrolment."""
        desk: Desk = self.server.app.state.desk
        return desk

    def name(self, number: int) -> str:
        """A gateway of this test alone: the broker is shared."""
        return f"gw-{self.prefix}-{number}"

    def code(self, number: int) -> Code:
        """A new code for a gateway."""
        return read_code(self.desk.make_code(self.installer, self.name(number)).text)

    def store(self, name: str) -> IdentityStore:
        """The folder of a machine."""
        return IdentityStore(self.folder / name)

    async def enrol(self, number: int, machine: str | None = None) -> Identity:
        """A machine becomes that gateway."""
        store = self.store(machine or f"pi-{number}")
        return await asyncio.to_thread(enrolling.enrol, self.code(number), store)

    def state(self, number: int) -> str:
        """What the page says of it."""
        with self.server.context.database.read() as session:
            return views.one(session, self.name(number), now=now()).state


def connecting(identity: Identity, **changes: Any) -> aiomqtt.Client:
    """A client with what a gateway was given, and whatever a hostile one changes."""
    broker = identity.broker
    assert broker.tls is not None
    given: dict[str, Any] = {
        "username": broker.user,
        "password": broker.password(),
        "identifier": client_id(identity.known.gateway),
        "tls_params": aiomqtt.TLSParameters(
            ca_certs=str(broker.tls.ca), certfile=str(broker.tls.certificate), keyfile=str(broker.tls.key)
        ),
        "protocol": aiomqtt.ProtocolVersion.V5,
        "timeout": 2,
    }
    return aiomqtt.Client(broker.host, broker.port, **(given | changes))


async def enters(identity: Identity, **changes: Any) -> bool:
    """Whether the broker lets it in."""
    try:
        async with connecting(identity, **changes):
            return True
    except aiomqtt.MqttError:
        return False


async def granted(client: aiomqtt.Client, topic: str) -> bool:
    """Whether the broker grants a subscription."""
    codes = await client.subscribe(topic, qos=1)
    return all((code if isinstance(code, int) else code.value) < 0x80 for code in codes)


@asynccontextmanager
async def running_gateway(
    world: Enrolling, identity: Identity, tmp_path: Path, clock: Callable[[], int] | None = None
) -> AsyncIterator[GatewayApp]:
    """The gateway program in this process, as `sunwell gateway` builds it."""
    settings = GatewaySettings(
        name=identity.known.gateway,
        data=tmp_path / "data",
        uplink=identity.broker,
        identity=world.folder / "pi-1",
        devices=Broker(port=world.broker.port, user="edge", password_file=world.broker.password_file("edge")),
    )
    extra: dict[str, Any] = {} if clock is None else {"clock": clock}
    async with GatewayApp(settings, identity=identity, **extra) as gateway:
        yield gateway


async def settled(world: Enrolling) -> None:
    """Until the broker is back and knows all gateways."""
    assert world.desk.rights is not None
    await asyncio.wait_for(world.desk.rights.settled.wait(), WAIT_S)


def gateway_is_online(world: Enrolling, number: int) -> bool:
    """What the server's page says."""
    with world.server.context.database.read() as session:
        return gateways.one(session, world.name(number)).online


async def until(look: Callable[[], bool]) -> None:
    """Wait for what happens in other processes."""
    async with asyncio.timeout(WAIT_S):
        while not await asyncio.to_thread(look):  # noqa: ASYNC110 - other programs have no events here
            await asyncio.sleep(0.05)


async def published(client: aiomqtt.Client, topic: str, payload: bytes = b"hostile") -> None:
    """Publish, whatever the broker answers: what counts is who hears it."""
    with suppress(aiomqtt.MqttError):
        await client.publish(topic, payload, qos=1)
