"""The MQTT driver beside a real Mosquitto: who is lost is stale, what is repeated is no sign of life."""

import asyncio
import json
from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import uuid4

import aiomqtt
import pytest

from edge.core.found import Findings
from edge.driver import EdgeDevice, TroubleReason
from edge.drivers.mqtt import MqttDriver
from edge.drivers.mqtt.discovery import Sources
from edge.readings import Quality
from tests.contract.edge_inbox import Inbox, device, running
from tests.contract.edge_mqtt import Street
from tests.parts.mosquitto import Mosquitto
from tests.unit.edge.core.test_zigbee2mqtt import ADDRESS, binary, entry


class Network(Street):
    """A Zigbee2MQTT of this test's own."""

    def __init__(self, broker: Mosquitto, folder: Path) -> None:
        super().__init__(broker, folder)
        self.base = f"zigbee2mqtt/{uuid4().hex[:8]}"

    def leak(self, name: str = "leak") -> EdgeDevice:
        return device("aqara-sjcgq12lm", "leak", topic=f"{self.base}/{name}", ieee_address=ADDRESS)

    async def say(self, topic: str, payload: Any, *, retain: bool = False) -> None:
        data = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
        async with aiomqtt.Client(
            self.broker.host,
            self.broker.port,
            username="devices",
            password=self.broker.passwords["devices"],
        ) as client:
            await client.publish(f"{self.base}/{topic}", data, qos=1, retain=retain)


@pytest.fixture
def network(mosquitto: Mosquitto, tmp_path: Path) -> Network:
    return Network(mosquitto, tmp_path)


@pytest.mark.parametrize("lost", ["bridge/state", "leak/availability"])
async def test_who_is_lost_says_its_values_once_more_as_stale(network: Network, lost: str) -> None:
    inbox = Inbox()
    driver = network.driver(inbox, [network.leak()], sources=Sources(zigbee2mqtt=(network.base,)))
    async with running(driver.run):
        await asyncio.wait_for(driver.ready.wait(), 10)
        await network.say("leak", {"water_leak": False, "battery": 90})
        await inbox.until(lambda: inbox.said("leak") == [False])
        while TroubleReason.UNREACHABLE not in inbox.reasons("leak"):  # discovery connects in its own time
            await network.say(lost, {"state": "offline"}, retain=True)
        await inbox.until(lambda: len(inbox.readings) == 2)
        told = inbox.readings[1]
        assert told.quality is Quality.STALE
        assert told.points == {"leak": False, "battery": 90}
        await network.say("leak", {"water_leak": False, "battery": 90})
        await network.say("leak", {"water_leak": True, "battery": 90})
        await inbox.until(lambda: len(inbox.readings) == 4)
        assert [one.quality for one in inbox.readings[2:]] == [Quality.STALE, Quality.GOOD]
    await network.say(lost, b"", retain=True)


async def test_a_new_name_moves_the_device_and_a_swapped_one_is_not_read_as_it(network: Network) -> None:
    inbox = Inbox()
    found: asyncio.Queue[Findings] = asyncio.Queue()
    settings = replace(network.settings, sources=Sources(zigbee2mqtt=(network.base,)))
    driver = MqttDriver(
        [network.leak("old")],
        emit=inbox.emit,
        trouble=inbox.trouble,
        settings=settings,
        found=found.put_nowait,
    )
    other = entry("old", binary("water_leak"), ieee_address="0x00158d00000000ee")
    await network.say("bridge/devices", [entry("new", binary("water_leak")), other], retain=True)
    async with running(driver.run):
        await asyncio.wait_for(driver.ready.wait(), 10)
        while not inbox.readings:
            await network.say("new", {"water_leak": True})
        count = len(inbox.readings)
        await network.say("old", {"water_leak": False})
        await network.say("new", {"water_leak": True, "battery": 7})
        await inbox.until(lambda: inbox.said("battery") == [7])
        assert False not in inbox.said("leak")[count:]
        told = await asyncio.wait_for(found.get(), 10)
    assert [one.id for one in told.devices] == [ADDRESS, "0x00158d00000000ee"]
    assert told.sources == (f"zigbee2mqtt/{network.base}",)
    await network.say("bridge/devices", b"", retain=True)
