"""What deploy/mosquitto lets each user do, tried on the real broker with hostile clients."""

import asyncio
import base64
import hashlib
import json
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiomqtt
import pytest

from tests.parts.mosquitto import Mosquitto, running_mosquitto
from tests.parts.presence import part_or_skip
from tests.parts.processes import REPOSITORY

SHARED = "$share/ingest/sunwell/v1/+/up/#"
LONG_S = 30
"""Far more than any answer takes, also beside other work; whoever waits so long has failed."""


@pytest.fixture(scope="module")
def mosquitto() -> Iterator[Mosquitto]:
    """A broker of this file's own: on a shared one the states of other tests' gateways are retained."""
    with part_or_skip(running_mosquitto) as part:
        yield part


@asynccontextmanager
async def client(broker: Mosquitto, user: str, **options: object) -> AsyncIterator[aiomqtt.Client]:
    """A connected client of this user, MQTT 5."""
    async with aiomqtt.Client(
        broker.host,
        broker.port,
        username=user,
        password=broker.passwords.get(user, "none"),
        protocol=aiomqtt.ProtocolVersion.V5,
        **options,  # type: ignore[arg-type] # the options of aiomqtt.Client, one by one
    ) as connected:
        yield connected


async def received(broker: Mosquitto, reader: str, subscription: str, sender: str, topic: str) -> list[bytes]:
    """What `reader` gets on `subscription` when `sender` publishes on `topic`.

    The end is told by a message that the reader may get for certain, sent after it in the same way.
    """
    sure = {
        "server": ("gw-3", "sunwell/v1/gw-3/up/data"),
        "bridge": ("devices", "zigbee2mqtt/the-end"),
    }
    sure_sender, sure_topic = sure.get(reader, ("server", f"sunwell/v1/{reader}/down/command"))
    async with client(broker, reader) as listening, client(broker, sender) as sending:
        await subscribe(listening, subscription)
        await subscribe(listening, sure_topic)
        await publish(sending, topic, b"probe")
        async with client(broker, sure_sender) as last:
            await publish(last, sure_topic, b"end")
        got: list[bytes] = []
        async with asyncio.timeout(LONG_S):
            async for message in listening.messages:
                if message.retain:
                    continue  # left behind by another test on this broker
                if message.payload == b"end":
                    return got
                assert isinstance(message.payload, bytes)
                got.append(message.payload)
    raise AssertionError("the connection ended")


async def subscribe(listening: aiomqtt.Client, subscription: str) -> bool:
    """Whether the broker granted it."""
    codes = await listening.subscribe(subscription, qos=1)
    return all((code if isinstance(code, int) else code.value) < 0x80 for code in codes)


async def publish(sending: aiomqtt.Client, topic: str, payload: bytes, qos: int = 1) -> None:
    """Publish and wait for the broker's answer, whatever it is."""
    try:
        await sending.publish(topic, payload, qos=qos)
    except aiomqtt.MqttError:
        return


@pytest.mark.parametrize(
    ("reader", "subscription", "sender", "topic", "through"),
    [
        # a gateway and the server reach one another
        ("server", SHARED, "gw-1", "sunwell/v1/gw-1/up/alarm", True),
        ("server", "sunwell/v1/+/up/#", "gw-1", "sunwell/v1/gw-1/up/data", True),
        ("server", "$share/ingest/sunwell/v1/+/up/alarm", "gw-1", "sunwell/v1/gw-1/up/alarm", True),
        ("server", "sunwell/v1/+/up/state", "gw-1", "sunwell/v1/gw-1/up/state", True),
        ("gw-1", "sunwell/v1/gw-1/down/#", "server", "sunwell/v1/gw-1/down/ack", True),
        # a gateway speaks and hears for itself only
        ("server", SHARED, "gw-1", "sunwell/v1/gw-2/up/alarm", False),
        ("server", SHARED, "gw-1", "sunwell/v1/gw-1/upx/alarm", False),
        ("gw-2", "sunwell/v1/gw-2/down/#", "gw-1", "sunwell/v1/gw-2/down/desired", False),
        ("gw-1", "sunwell/v1/gw-2/down/#", "server", "sunwell/v1/gw-2/down/ack", False),
        ("gw-1", "sunwell/v1/+/down/#", "server", "sunwell/v1/gw-2/down/ack", False),
        ("gw-1", "#", "server", "sunwell/v1/gw-2/down/ack", False),
        ("gw-1", "sunwell/v1/gw-2/up/#", "gw-2", "sunwell/v1/gw-2/up/alarm", False),
        # acknowledgements come from the server alone
        ("gw-1", "sunwell/v1/gw-1/down/#", "gw-1", "sunwell/v1/gw-1/down/ack", False),
        ("gw-1", "sunwell/v1/gw-1/down/#", "devices", "sunwell/v1/gw-1/down/ack", False),
        # devices stay on their side
        ("server", SHARED, "devices", "sunwell/v1/devices/up/alarm", False),
        ("server", SHARED, "devices", "sunwell/v1/gw-1/up/alarm", False),
        ("gw-1", "zigbee2mqtt/#", "devices", "zigbee2mqtt/button-1", True),
        ("gw-1", "application/#", "devices", "application/1/device/0102/event/up", True),
        ("gw-1", "devices/#", "devices", "devices/kiosk-1", True),
        ("gw-1", "devices/#", "gw-2", "devices/kiosk-1", False),
        ("gw-1", "elsewhere/#", "devices", "elsewhere/1", False),
        ("gw-1", "v3/#", "devices", "v3/street@t/devices/well-1/up", True),
        # commands to devices, and nothing that a device would say itself
        ("bridge", "application/+/device/+/command/#", "gw-1", "application/1/device/01/command/down", True),
        ("bridge", "v3/+/devices/+/down/push", "gw-1", "v3/street@t/devices/well-1/down/push", True),
        ("bridge", "zigbee2mqtt/#", "gw-1", "zigbee2mqtt/button-1/set", True),
        ("bridge", "zigbee2mqtt/#", "gw-1", "zigbee2mqtt/home 1/radar/set", True),
        ("bridge", "zigbee2mqtt/#", "gw-1", "zigbee2mqtt/button-1", False),
        ("bridge", "zigbee2mqtt/#", "gw-1", "zigbee2mqtt/bridge/request/device/remove", False),
    ],
)
async def test_who_reaches_whom(
    mosquitto: Mosquitto, reader: str, subscription: str, sender: str, topic: str, through: bool
) -> None:
    got = await received(mosquitto, reader, subscription, sender, topic)
    assert got == ([b"probe"] if through else [])


@pytest.mark.parametrize("user", ["devices", "edge", "gw-1", "bridge"])
@pytest.mark.parametrize(
    "subscription",
    [
        SHARED,
        "$share/ingest/sunwell/v1/+/up/alarm",
        "$share/x/#",
        "sunwell/#",
        "#",
        "$CONTROL/#",
        "$CONTROL/dynamic-security/v1/response",
    ],
)
async def test_only_the_server_may_join_the_group_that_takes_alarms(
    mosquitto: Mosquitto, user: str, subscription: str
) -> None:
    async with client(mosquitto, user) as thief:
        assert not await subscribe(thief, subscription)


async def test_no_alarm_is_lost_to_a_thief_in_the_shared_group(mosquitto: Mosquitto) -> None:
    async with client(mosquitto, "server") as server, client(mosquitto, "devices") as thief:
        await subscribe(server, SHARED)
        await subscribe(thief, SHARED)
        async with client(mosquitto, "gw-1") as gateway:
            for number in range(20):
                await publish(gateway, "sunwell/v1/gw-1/up/alarm", str(number).encode())
        got = []
        async with asyncio.timeout(LONG_S):
            async for message in server.messages:
                got.append(message.payload)
                if len(got) == 20:
                    break
    assert got == [str(number).encode() for number in range(20)]


@pytest.mark.parametrize(("user", "password"), [("gw-1", "wrong"), ("nobody", "x"), (None, None)])
async def test_nobody_enters_without_the_right_password(
    mosquitto: Mosquitto, user: str | None, password: str | None
) -> None:
    with pytest.raises(aiomqtt.MqttError):
        async with aiomqtt.Client(mosquitto.host, mosquitto.port, username=user, password=password):
            pass


def connect_packet(user: str, password: str, will_topic: str, will: str) -> bytes:
    """CONNECT of MQTT 3.1.1 with a last will of QoS 1."""
    texts = [f"dying-{user}", will_topic, will, user, password]
    fields = b"".join(len(text).to_bytes(2, "big") + text.encode() for text in texts)
    body = b"\x00\x04MQTT\x04" + bytes([0b1100_1110]) + b"\x00\x3c" + fields
    assert len(body) < 128
    return bytes([0x10, len(body)]) + body


@pytest.mark.parametrize(("gateway", "heard"), [("gw-2", b"offline"), ("gw-1", b"end")])
async def test_a_last_will_speaks_for_its_own_gateway_only(
    mosquitto: Mosquitto, gateway: str, heard: bytes
) -> None:
    will = connect_packet(gateway, mosquitto.passwords[gateway], "sunwell/v1/gw-2/up/state", "offline")
    async with client(mosquitto, "server") as server:
        await subscribe(server, "sunwell/v1/+/up/#")
        reader, writer = await asyncio.open_connection(mosquitto.host, mosquitto.port)
        writer.write(will)
        await reader.read(4)
        writer.transport.abort()
        async with client(mosquitto, "gw-3") as honest:
            await publish(honest, "sunwell/v1/gw-3/up/data", b"end")
        async with asyncio.timeout(LONG_S):
            message = await anext(aiter(server.messages))
        assert message.payload == heard


async def test_sessions_and_retained_state_outlive_a_restart(mosquitto: Mosquitto) -> None:
    async with client(mosquitto, "server") as server:
        await server.publish("sunwell/v1/gw-1/down/desired", b"kept", qos=1, retain=True)
    mosquitto.restart()
    async with client(mosquitto, "gw-1") as gateway:
        await subscribe(gateway, "sunwell/v1/gw-1/down/#")
        async with asyncio.timeout(LONG_S):
            message = await anext(aiter(gateway.messages))
        assert message.payload == b"kept"
    async with client(mosquitto, "server") as server:
        await server.publish("sunwell/v1/gw-1/down/desired", b"", qos=1, retain=True)


async def test_a_killed_broker_comes_back_on_the_same_port(mosquitto: Mosquitto) -> None:
    mosquitto.kill()
    with pytest.raises(aiomqtt.MqttError):
        async with client(mosquitto, "gw-1"):
            pass
    mosquitto.start()
    async with client(mosquitto, "gw-1") as gateway:
        assert await subscribe(gateway, "sunwell/v1/gw-1/down/#")


async def test_a_message_over_the_limit_is_refused_and_the_next_goes_through(
    mosquitto: Mosquitto,
) -> None:
    async with client(mosquitto, "server") as server, client(mosquitto, "gw-1") as gateway:
        await subscribe(server, "sunwell/v1/+/up/#")
        await publish(gateway, "sunwell/v1/gw-1/up/data", bytes(20_000_000), qos=0)
        async with client(mosquitto, "gw-1") as again:
            await publish(again, "sunwell/v1/gw-1/up/data", b"next")
        async with asyncio.timeout(LONG_S):
            message = await anext(aiter(server.messages))
        assert message.payload == b"next"


def test_the_users_file_holds_hashes_and_is_private(tmp_path: Path) -> None:
    secret = tmp_path / "p"
    secret.write_text("a-long-password\n")
    out = tmp_path / "users.json"
    script = REPOSITORY / "scripts" / "broker-users"
    subprocess.run([sys.executable, str(script), str(out), f"server={secret}"], check=True)
    assert out.stat().st_mode & 0o077 == 0
    assert "a-long-password" not in out.read_text()
    (user,) = json.loads(out.read_text())["clients"]
    salt = base64.b64decode(user["salt"])
    digest = hashlib.pbkdf2_hmac("sha512", b"a-long-password", salt, user["iterations"])
    assert base64.b64decode(user["password"]) == digest


def test_a_user_without_a_role_is_refused(tmp_path: Path) -> None:
    secret = tmp_path / "p"
    secret.write_text("x")
    script = REPOSITORY / "scripts" / "broker-users"
    run = subprocess.run(
        [sys.executable, str(script), str(tmp_path / "users.json"), f"somebody={secret}"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 1
    assert "user 'somebody': neither gw-NAME nor one of server" in run.stderr
