"""From a request at the API to the device and back, on the whole system; and what a restart costs it."""

import asyncio
import base64
import json
from typing import Any

import aiomqtt
import pytest

from tests.e2e.street import put_device, register_home
from tests.e2e.system import WAIT_S, RealSystem, System, wait_for

BASE = "application/1/device/24e124136b502217"


async def ask(system: System, path: str, name: str, **arguments: Any) -> str:
    body = {"name": name, "arguments": arguments, "expires_in_s": 60}
    asked: dict[str, Any] = await asyncio.to_thread(system.api, "POST", f"{path}/commands", body)
    return str(asked["id"])


async def become(system: System, command_id: str, *states: str) -> dict[str, Any]:
    """Wait until the command is in one of these states."""

    def look() -> dict[str, Any] | None:
        command: dict[str, Any] = system.api("GET", f"/commands/{command_id}")
        return command if command["state"] in states else None

    found: dict[str, Any] = await wait_for(f"the command is {states}", look)
    return found


def eavesdropper(system: RealSystem) -> aiomqtt.Client:
    """A client that hears the gateway's replies while the server is down."""
    return aiomqtt.Client(
        "127.0.0.1",
        system.mosquitto.port,
        username="server",
        password=system.mosquitto.passwords["server"],
    )


async def test_a_gateway_answers(system: System) -> None:
    await register_home(system)
    command_id = await ask(system, f"/gateways/{system.gateway}", "identify")
    assert "session" in (await become(system, command_id, "done"))["detail"]
    command_id = await ask(system, f"/gateways/{system.gateway}", "update")
    assert (await become(system, command_id, "failed"))["detail"] == "not available"


async def test_a_downlink_is_confirmed_though_server_and_gateway_restart_meanwhile(
    real_system: RealSystem,
) -> None:
    system = real_system
    await register_home(system)
    system.api("PUT", "/positions/p-ws", {"area_id": "area-1", "name": "床头"})
    await put_device(system, "d-ws", "p-ws", "milesight-ws101", {"topic": f"{BASE}/event/up"})
    broker = system.device_broker
    async with aiomqtt.Client(
        "127.0.0.1", broker.port, username="bridge", password=broker.passwords["bridge"]
    ) as network:
        await network.subscribe(f"{BASE}/command/down", qos=1)
        command_id = await ask(system, "/devices/d-ws", "report_interval", seconds=1200)
        await become(system, command_id, "queued")
        async with asyncio.timeout(WAIT_S):
            message = await anext(aiter(network.messages))
        assert isinstance(message.payload, bytes)
        sent = json.loads(message.payload)
        assert sent["id"] == command_id
        assert base64.b64decode(sent["data"]) == b"\xff\x03\xb0\x04"
        system.kill("server")
        system.kill("gateway")
        ack = {"queueItemId": command_id, "acknowledged": True}
        await network.publish(f"{BASE}/event/ack", json.dumps(ack), qos=1)
        async with eavesdropper(system) as ear:
            await ear.subscribe(f"sunwell/v1/{system.gateway}/up/reply", qos=1)
            system.start_gateway()  # answers while no server listens
            async with asyncio.timeout(WAIT_S):
                reply = await anext(aiter(ear.messages))
            assert isinstance(reply.payload, bytes)
            assert json.loads(reply.payload)["id"] == command_id
        await system.start_server()
        assert (await become(system, command_id, "done"))["detail"] == "the device has confirmed it"


@pytest.mark.soak
async def test_a_command_to_a_gateway_that_is_away_reaches_it_when_it_is_back(
    real_system: RealSystem,
) -> None:
    await register_home(real_system)
    real_system.kill("gateway")
    command_id = await ask(real_system, f"/gateways/{real_system.gateway}", "test")
    await become(real_system, command_id, "sent")
    real_system.start_gateway()
    assert "drivers running" in (await become(real_system, command_id, "done"))["detail"]
