"""The command channel of a whole gateway on a real Mosquitto: at most once, in time, with replies."""

import asyncio
import base64
import json
import os
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

import aiomqtt
import pytest

from firmware_profiles.load import load_catalogue
from gateway import wire
from gateway.app import GatewayApp
from tests.contract.gateway_parts import WAIT_S, FakeServer, desired, fake_server, settings
from tests.contract.test_gateway import NAME
from tests.parts.mosquitto import Mosquitto
from tests.parts.processes import REPOSITORY

FAR = 4_000_000_000_000
EUI = "24e124136b502217"
BASE = f"application/7/device/{EUI}"


@pytest.fixture
async def server(mosquitto: Mosquitto) -> AsyncIterator[FakeServer]:
    async with fake_server(mosquitto, NAME) as found:
        yield found


async def ask(server: FakeServer, name: str, expires_ms: int = FAR, **arguments: Any) -> str:
    command_id = str(uuid4())
    command = wire.CommandMessage(
        id=command_id,
        name=name,  # type: ignore[arg-type]  # a Literal
        expires_ms=expires_ms,
        arguments=arguments,
    )
    await server.send("down/command", command)
    return command_id


async def reply_to(server: FakeServer, command_id: str) -> wire.ReplyMessage:
    reply: wire.ReplyMessage = await server.take("up/reply", lambda one: one.id == command_id)
    return reply


def with_lorawan_button(version: int = 1) -> wire.DesiredMessage:
    profile = load_catalogue()["milesight-ws101"]
    button = wire.DesiredDevice(
        id="ws",
        position="room",
        profile=profile.id,
        driver="mqtt",
        address={"topic": f"{BASE}/event/up"},
    )
    return desired(version, devices=[button], rules=[], profiles={profile.id: profile.document()})


@asynccontextmanager
async def chirpstack(broker: Mosquitto) -> AsyncIterator[aiomqtt.Client]:
    async with aiomqtt.Client(
        broker.host, broker.port, username="bridge", password=broker.passwords["bridge"]
    ) as client:
        await client.subscribe(f"{BASE}/command/down", qos=1)
        yield client


async def downlink(client: aiomqtt.Client) -> Any:
    async with asyncio.timeout(WAIT_S):
        async for message in client.messages:
            assert isinstance(message.payload, bytes)
            return json.loads(message.payload)
    raise AssertionError("the connection ended")


@pytest.mark.parametrize(
    ("name", "expires_ms", "ok", "said"),
    [
        ("identify", FAR, True, "session"),
        ("test", FAR, True, "drivers running"),
        ("restart", FAR, False, "inside another program"),
        ("update", FAR, False, "not available"),
        ("locate", FAR, False, "no output"),
        ("log_level", FAR, False, "another program"),
        ("identify", 1, False, "expired"),
    ],
)
async def test_commands_are_answered_and_late_ones_refused(
    mosquitto: Mosquitto,
    server: FakeServer,
    tmp_path: Path,
    name: str,
    expires_ms: int,
    ok: bool,
    said: str,
) -> None:
    async with GatewayApp(settings(mosquitto, NAME, tmp_path)) as app:
        await app.online.wait()
        reply = await reply_to(server, await ask(server, name, expires_ms))
        assert reply.ok is ok
        assert said in reply.detail


async def test_from_the_server_to_the_device_and_back(
    mosquitto: Mosquitto, server: FakeServer, tmp_path: Path
) -> None:
    async with chirpstack(mosquitto) as network, GatewayApp(settings(mosquitto, NAME, tmp_path)) as app:
        await app.online.wait()
        await app.apply(with_lorawan_button())
        await app.drivers["mqtt"].ready.wait()  # type: ignore[attr-defined]  # the MQTT driver's
        asked: dict[str, Any] = {
            "device": "ws",
            "command": "report_interval",
            "arguments": {"seconds": 1200},
        }
        command_id = await ask(server, "device", **asked)
        assert (await reply_to(server, command_id)).stage == "queued"
        sent = await downlink(network)
        assert sent["id"] == command_id
        assert base64.b64decode(sent["data"]) == b"\xff\x03\xb0\x04"
        # the same command again: the same reply, and nothing goes out a second time
        again = wire.CommandMessage(id=command_id, name="device", expires_ms=FAR, arguments=asked)
        await server.send("down/command", again)
        assert (await reply_to(server, command_id)).stage == "queued"
        other = await ask(server, "device", device="ws", command="reboot", arguments={})
        assert (await downlink(network))["id"] == other
        await network.publish(f"{BASE}/event/txack", json.dumps({"queueItemId": command_id}), qos=1)
        assert (await reply_to(server, command_id)).stage == "transmitted"
        ack = {"queueItemId": command_id, "acknowledged": True}
        await network.publish(f"{BASE}/event/ack", json.dumps(ack), qos=1)
        last = await reply_to(server, command_id)
        assert (last.ok, last.stage) == (True, "done")


async def test_an_outcome_days_and_a_restart_later_still_finds_its_command(
    mosquitto: Mosquitto, server: FakeServer, tmp_path: Path
) -> None:
    chosen = settings(mosquitto, NAME, tmp_path)
    async with chirpstack(mosquitto) as network:
        async with GatewayApp(chosen) as app:
            await app.online.wait()
            await app.apply(with_lorawan_button())
            await app.drivers["mqtt"].ready.wait()  # type: ignore[attr-defined]  # the MQTT driver's
            command_id = await ask(server, "device", device="ws", command="reboot", arguments={})
            assert (await reply_to(server, command_id)).stage == "queued"
        ack = {"queueItemId": command_id, "acknowledged": True}
        await network.publish(f"{BASE}/event/ack", json.dumps(ack), qos=1)  # while the gateway is down
        async with GatewayApp(chosen):
            last = await reply_to(server, command_id)
            assert (last.ok, last.stage) == (True, "done")


async def test_arguments_outside_the_description_send_nothing(
    mosquitto: Mosquitto, server: FakeServer, tmp_path: Path
) -> None:
    async with chirpstack(mosquitto) as network, GatewayApp(settings(mosquitto, NAME, tmp_path)) as app:
        await app.online.wait()
        await app.apply(with_lorawan_button())
        await app.drivers["mqtt"].ready.wait()  # type: ignore[attr-defined]  # the MQTT driver's
        for wrong in (
            {"device": "ws", "command": "report_interval", "arguments": {"seconds": 10**30}},
            {"device": "ws", "command": "../../command/down", "arguments": {}},
            {"device": "zigbee2mqtt/#", "command": "reboot", "arguments": {}},
            {"device": None, "command": None, "arguments": None},
        ):
            assert not (await reply_to(server, await ask(server, "device", **wrong))).ok
        last = await ask(server, "device", device="ws", command="reboot", arguments={})
        assert (await downlink(network))["id"] == last


async def test_a_restart_ends_the_program_in_order_after_its_reply(
    mosquitto: Mosquitto, server: FakeServer, tmp_path: Path
) -> None:
    prefix = "SUNWELL_GATEWAY_"
    variables = {
        "NAME": NAME,
        "DATA": str(tmp_path),
        "UPLINK__HOST": mosquitto.host,
        "UPLINK__PORT": str(mosquitto.port),
        "UPLINK__USER": NAME,
        "UPLINK__PASSWORD_FILE": str(mosquitto.password_file(NAME)),
    }
    environment = os.environ | {prefix + name: value for name, value in variables.items()}
    argv = [sys.executable, "-m", "sunwell", "gateway"]
    process = await asyncio.to_thread(subprocess.Popen, argv, cwd=REPOSITORY, env=environment)
    try:
        await server.take("up/state", lambda state: state.online)
        assert (await reply_to(server, await ask(server, "log_level", level="debug", minutes=1))).ok
        command_id = await ask(server, "restart")
        assert (await reply_to(server, command_id)).ok
        await server.take("up/state", lambda state: not state.online)
        assert await asyncio.to_thread(process.wait, WAIT_S) == 0
    finally:
        process.kill()
        process.wait(5)
    # started again, as systemd does: the same command gets the same reply, and it does not end again
    async with GatewayApp(settings(mosquitto, NAME, tmp_path), restart=pytest.fail) as app:
        await app.online.wait()
        await server.send("down/command", wire.CommandMessage(id=command_id, name="restart", expires_ms=FAR))
        assert (await reply_to(server, command_id)).ok
