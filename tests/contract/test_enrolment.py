"""From the code to the broker and back out again: the real server and gateway code on a real Mosquitto."""

import asyncio
import ssl
import zlib
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

import aiomqtt
import msgspec
import pytest

from gateway.app import GatewayApp
from gateway.enrolment import enrolling, keys
from gateway.enrolment.enrolling import EnrolError, RefusedError
from gateway.enrolment.identity import Identity, IdentityStore
from gateway.enrolment.wire import Code, read_code
from gateway.settings import Broker, GatewaySettings
from server.app import Server
from server.clock import now
from server.db.models import GatewayCode, GatewayCredential
from server.enrolment import views
from server.enrolment.desk import Desk
from server.gateways import views as gateways
from server.places import schemas, service
from server.settings import ServerSettings
from server.users import service as users
from server.users.roles import Role
from server.users.viewer import Viewer
from tests.parts.authority import authority_in, broker_files
from tests.parts.mosquitto import Mosquitto, running_mosquitto
from tests.parts.presence import part_or_skip
from tests.parts.processes import free_port

pytestmark = pytest.mark.real
WAIT_S = 15.0


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the authority lies, which outlives the servers of single tests."""
    return tmp_path_factory.mktemp("enrolment")


@pytest.fixture(scope="module")
def broker(folder: Path) -> Iterator[Mosquitto]:
    """Mosquitto with its TLS listener and no gateway's user."""
    files = broker_files(folder, authority_in(folder).authority)
    with part_or_skip(lambda: running_mosquitto(["server", "devices", "edge"], tls=files)) as part:
        yield part


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
        "identifier": f"probe-{identity.folder.name}",
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


async def test_a_code_becomes_a_certificate_that_the_broker_takes(world: Enrolling) -> None:
    assert world.state(1) == "never"
    identity = await world.enrol(1)
    assert identity.known.gateway == world.name(1)
    assert world.state(1) == "enrolled"
    async with connecting(identity) as gateway:
        assert await granted(gateway, f"sunwell/v1/{world.name(1)}/down/#")
        await gateway.publish(f"sunwell/v1/{world.name(1)}/up/state", b"{}", qos=1)
    for file in identity.folder.iterdir():
        assert file.stat().st_mode & 0o077 == 0
    assert identity.folder.stat().st_mode & 0o077 == 0


async def test_the_key_never_leaves_the_gateway_and_the_code_is_not_kept(world: Enrolling) -> None:
    code = world.code(1)
    identity = await asyncio.to_thread(enrolling.enrol, code, world.store("pi"))
    with world.server.context.database.read() as session:
        rows = [*session.query(GatewayCode), *session.query(GatewayCredential)]
        kept = repr([{**vars(row)} for row in rows])
    assert (identity.folder / "password").read_text() not in kept
    assert identity.key.decode() not in kept
    assert code.secret.hex() not in kept


async def test_a_gateway_reaches_nothing_of_another(world: Enrolling) -> None:
    mine, other = await world.enrol(1), world.name(2)
    await world.enrol(2)
    hostile = (
        "#",
        "+/+/+/#",
        "sunwell/#",
        "sunwell/v1/#",
        "sunwell/v1/+/down/#",
        "sunwell/v1/+/up/#",
        f"sunwell/v1/{other}/down/#",
        f"sunwell/v1/{other}/up/#",
        f"sunwell/v1/{world.name(1)}/#",
        "$share/ingest/sunwell/v1/+/up/#",
        f"$share/x/sunwell/v1/{other}/down/#",
        "$CONTROL/dynamic-security/v1/response",
        "$CONTROL/#",
        "zigbee2mqtt/#",
    )
    server = aiomqtt.Client(
        "127.0.0.1", world.broker.port, username="server", password=world.broker.passwords["server"]
    )
    async with connecting(mine) as gateway, server as listening:
        assert [topic for topic in hostile if await granted(gateway, topic)] == []
        await listening.subscribe("sunwell/v1/+/up/#", qos=1)
        for topic in (f"sunwell/v1/{other}/up/alarm", f"sunwell/v1/{other}/down/ack", "zigbee2mqtt/x"):
            await published(gateway, topic)
        control = {"commands": [{"command": "createClient", "username": "gw-thief", "password": "x"}]}
        await published(gateway, "$CONTROL/dynamic-security/v1", msgspec.json.encode(control))
        await published(gateway, f"sunwell/v1/{world.name(1)}/up/data", b"honest")
        async with asyncio.timeout(WAIT_S):
            async for message in listening.messages:
                if message.retain or message.topic.matches(f"sunwell/v1/{other}/up/state"):
                    continue
                assert message.payload == b"honest"
                break
    assert not await enters(mine, username="gw-thief", password="x")


async def test_a_certificate_opens_no_other_place(world: Enrolling) -> None:
    mine, theirs = await world.enrol(1), await world.enrol(2)
    assert not await enters(mine, username=world.name(2))
    assert not await enters(mine, username="server")
    assert not await enters(mine, username=None, password=None)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(cadata=mine.authority)
    assert not await enters(theirs, tls_params=None, tls_context=context)


async def test_a_revoked_gateway_is_thrown_out_and_refused_at_once(world: Enrolling) -> None:
    identity = await world.enrol(1)
    async with connecting(identity) as gateway:
        assert await world.desk.revoke(world.installer, world.name(1), "stolen")
        with pytest.raises(aiomqtt.MqttError):
            await asyncio.wait_for(anext(aiter(gateway.messages)), WAIT_S)
    assert not await enters(identity)
    assert world.state(1) == "revoked"
    with pytest.raises(RefusedError, match="revoked"):
        await asyncio.to_thread(enrolling.renew, world.store("pi-1"), identity)
    assert await world.enrol(1)
    assert world.state(1) == "enrolled"


async def test_a_gateway_revoked_while_the_broker_was_away_is_refused_when_it_is_back(
    world: Enrolling,
) -> None:
    identity = await world.enrol(1)
    kept = await world.enrol(2)
    world.broker.stop()
    try:
        assert not await world.desk.revoke(world.installer, world.name(1))
    finally:
        world.broker.start()
    await settled(world)
    assert not await enters(identity)
    assert await enters(kept)


async def test_a_broker_that_lost_its_users_is_given_them_again(world: Enrolling) -> None:
    identity = await world.enrol(1)
    users_file = world.broker.folder / "dynamic-security.json"
    world.broker.stop()
    document = msgspec.json.decode(users_file.read_bytes())
    document["clients"] = [one for one in document["clients"] if not one["username"].startswith("gw-")]
    document["roles"] = [one for one in document["roles"] if not one["rolename"].startswith("gw-")]
    users_file.write_bytes(msgspec.json.encode(document))
    world.broker.start()
    await settled(world)
    while not await enters(identity):  # noqa: ASYNC110 - the broker tells nobody of a new user
        await asyncio.sleep(0.1)


async def test_a_renewed_certificate_works_and_the_connection_moves_to_it(world: Enrolling) -> None:
    identity = await world.enrol(1)
    store, key = world.store("pi-1"), identity.key
    renewed = await asyncio.to_thread(enrolling.renew, store, identity)
    assert renewed.key != key
    assert await enters(renewed)
    assert not identity.folder.exists()
    assert store.read() == renewed


async def test_a_renewal_whose_answer_was_lost_can_be_asked_for_again(
    world: Enrolling, monkeypatch: pytest.MonkeyPatch
) -> None:
    identity = await world.enrol(1)
    store = world.store("pi-1")

    def lost(*_: object, **__: object) -> Identity:
        raise EnrolError("the line was cut")

    with monkeypatch.context() as patched:
        patched.setattr(enrolling, "_keep", lost)
        with pytest.raises(EnrolError, match="cut"):
            await asyncio.to_thread(enrolling.renew, store, identity)
    renewed = await asyncio.to_thread(enrolling.renew, store, identity)
    assert await enters(renewed)


async def test_a_foreign_key_renews_nothing(world: Enrolling) -> None:
    mine, theirs = await world.enrol(1), await world.enrol(2)
    (theirs.folder / "gateway.key").write_bytes(keys.make_key())
    with pytest.raises(RefusedError, match="not signed"):
        await asyncio.to_thread(enrolling.renew, world.store("pi-2"), theirs)
    assert await enters(mine)


async def test_after_a_factory_reset_a_new_code_gives_the_old_place_and_ends_the_old_one(
    world: Enrolling,
) -> None:
    old = await world.enrol(1, "old-pi")
    new = await world.enrol(1, "new-pi")
    assert new.known.gateway == old.known.gateway == world.name(1)
    assert await enters(new)
    assert not await enters(old)


async def test_a_code_counts_once_but_the_same_gateway_may_ask_again(world: Enrolling) -> None:
    code = world.code(1)
    store = world.store("pi")
    key = store.pending_key(keys.make_key())
    first = await asyncio.to_thread(enrolling.enrol, code, store)
    with pytest.raises(RefusedError, match="another gateway has used this code"):
        await asyncio.to_thread(enrolling.enrol, code, world.store("thief"))
    again = world.store("again")
    again.pending_key(key)
    second = await asyncio.to_thread(enrolling.enrol, code, again)
    assert second.broker.password() == (first.folder / "password").read_text()


async def test_wrong_old_and_replaced_codes_are_refused_with_their_reason(world: Enrolling) -> None:
    code = world.code(1)
    wrong = Code(address=code.address, fingerprint=code.fingerprint, secret=bytes(15))
    with pytest.raises(RefusedError, match="does not know this code"):
        await asyncio.to_thread(enrolling.enrol, wrong, world.store("pi"))
    newer = world.code(1)
    with pytest.raises(RefusedError, match="does not know this code"):
        await asyncio.to_thread(enrolling.enrol, code, world.store("pi"))
    with world.server.context.database.write() as session:
        session.query(GatewayCode).update({"expires_at": now()})
    with pytest.raises(RefusedError, match="time is over"):
        await asyncio.to_thread(enrolling.enrol, newer, world.store("pi"))
    assert world.store("pi").read() is None


async def test_an_impostor_is_told_nothing(world: Enrolling) -> None:
    code = world.code(1)
    other = Code(address=code.address, fingerprint=bytes(20), secret=code.secret)
    with pytest.raises(RefusedError, match="not the server that made this code"):
        await asyncio.to_thread(enrolling.enrol, other, world.store("pi"))
    with world.server.context.database.read() as session:
        assert session.query(GatewayCode).filter(GatewayCode.used_at.is_not(None)).count() == 0


async def test_guessing_is_slowed_down(world: Enrolling) -> None:
    code = world.code(1)
    reasons = []
    for number in range(7):
        guess = Code(address=code.address, fingerprint=code.fingerprint, secret=bytes(14) + bytes([number]))
        with pytest.raises(EnrolError) as refused:
            await asyncio.to_thread(enrolling.enrol, guess, world.store("pi"))
        reasons.append(str(refused.value))
    assert "too many wrong codes" in reasons[-1]


async def test_the_port_for_gateways_serves_nothing_else(world: Enrolling) -> None:
    nobody = ssl.create_default_context()
    nobody.check_hostname, nobody.verify_mode = False, ssl.CERT_NONE
    address = world.server.context.settings.enrol_address

    def status(path: str) -> int:
        try:
            with urlopen(Request(f"https://{address}{path}"), context=nobody, timeout=5) as answer:
                return int(answer.status)
        except OSError as error:
            return int(getattr(error, "code", 0))

    found = {path: await asyncio.to_thread(status, path) for path in PATHS}
    assert found == PATHS


PATHS = {"/api/v1/enrol/authority": 200, "/": 404, "/login": 404, "/api/v1/tasks": 404, "/metrics": 404}


async def test_a_running_gateway_renews_by_itself_and_stays_connected(
    world: Enrolling, tmp_path: Path
) -> None:
    identity = await world.enrol(1)
    due_ms = keys.renewal_due_ms(identity.certificate)
    async with running_gateway(world, identity, tmp_path, clock=lambda: due_ms + 1) as gateway:
        store = world.store("pi-1")
        await until(lambda: (found := store.read()) is not None and found.folder != identity.folder)
        await asyncio.wait_for(gateway.online.wait(), WAIT_S)
        await until(lambda: gateway_is_online(world, 1))
        assert world.state(1) == "enrolled"


async def test_a_running_gateway_is_on_the_page_and_gone_from_it_when_revoked(
    world: Enrolling, tmp_path: Path
) -> None:
    identity = await world.enrol(1)
    async with running_gateway(world, identity, tmp_path) as gateway:
        await until(lambda: gateway_is_online(world, 1))
        await world.desk.revoke(world.installer, world.name(1))
        await until(lambda: not gateway.online.is_set() and not gateway_is_online(world, 1))
        await world.enrol(1)  # the same machine, with a new code: it takes that over while it runs
        await until(lambda: gateway_is_online(world, 1))


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
