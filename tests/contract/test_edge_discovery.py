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
from tests.contract.edge_mqtt import NOW_MS, Street
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


async def test_what_a_starting_bridge_repeats_is_neither_event_nor_sign_of_life(network: Network) -> None:
    """Zigbee2MQTT sends its whole cache when it starts; only `action` is never among it."""
    inbox = Inbox()
    button = device("tuya-ts0215a-sos", "button", topic=f"{network.base}/button")
    driver = network.driver(inbox, [network.leak(), button], sources=Sources(zigbee2mqtt=(network.base,)))
    async with running(driver.run):
        await asyncio.wait_for(driver.ready.wait(), 10)
        await network.say("leak", {"water_leak": True, "battery": 90})
        await network.say("button", {"action": "emergency", "battery": 80})
        await inbox.until(lambda: len(inbox.readings) == 2)
        while TroubleReason.UNREACHABLE not in inbox.reasons("leak"):  # discovery connects in its own time
            await network.say("bridge/state", {"state": "offline"})
        await inbox.until(lambda: len(inbox.readings) == 4)
        await network.say("bridge/state", {"state": "online"})
        await network.say("leak", {"water_leak": True, "battery": 90, "linkquality": 3})
        await network.say("button", {"battery": 80, "linkquality": 3})
        await inbox.until(lambda: len(inbox.readings) == 6)
        assert {one.quality for one in inbox.readings[2:]} == {Quality.STALE}
        assert inbox.said("action") == ["emergency"]
        await network.say("button", {"action": "emergency", "battery": 80})
        await inbox.until(lambda: inbox.said("action") == ["emergency", "emergency"])
        assert inbox.readings[-1].quality is Quality.GOOD


async def test_a_last_seen_that_stands_still_is_a_repetition(network: Network) -> None:
    inbox = Inbox()
    driver = network.driver(inbox, [network.leak()], sources=Sources(zigbee2mqtt=(network.base,)))
    async with running(driver.run):
        await asyncio.wait_for(driver.ready.wait(), 10)
        for seen in (NOW_MS - 5_000, NOW_MS - 5_000, NOW_MS - 4_000):
            await network.say("leak", {"water_leak": False, "battery": 90, "last_seen": seen})
        await inbox.until(lambda: len(inbox.readings) == 3)
    assert [one.quality for one in inbox.readings] == [Quality.GOOD, Quality.STALE, Quality.GOOD]


async def test_contact_is_turned_round(network: Network) -> None:
    inbox = Inbox()
    cover = device("aqara-mccgq11lm", "cover", topic=f"{network.base}/cover")
    driver = network.driver(inbox, [cover], sources=Sources(zigbee2mqtt=(network.base,)))
    async with running(driver.run):
        await asyncio.wait_for(driver.ready.wait(), 10)
        await network.say("cover", {"contact": True})
        await network.say("cover", {"contact": False})
        await inbox.until(lambda: inbox.said("cover_open") == [False, True])


async def test_a_device_that_leaves_and_joins_again_keeps_its_position(network: Network) -> None:
    """It comes back under its bare address, as Zigbee2MQTT names what joins anew."""
    inbox = Inbox()
    found: asyncio.Queue[Findings] = asyncio.Queue()
    driver = MqttDriver(
        [network.leak("cellar")],
        emit=inbox.emit,
        trouble=inbox.trouble,
        settings=replace(network.settings, sources=Sources(zigbee2mqtt=(network.base,))),
        found=found.put_nowait,
    )

    async def told(topics: list[str]) -> None:
        async with asyncio.timeout(10):
            while [one.topic for one in (await found.get()).devices] != topics:
                pass

    await network.say("bridge/devices", [entry("cellar", binary("water_leak"))], retain=True)
    async with running(driver.run):
        await told([f"{network.base}/cellar"])
        await network.say("bridge/event", {"type": "device_leave", "data": {"ieee_address": ADDRESS}})
        await network.say("bridge/devices", [], retain=True)
        await told([])
        await network.say("bridge/devices", [entry(ADDRESS, binary("water_leak"))], retain=True)
        await told([f"{network.base}/{ADDRESS}"])
        await asyncio.wait_for(driver.ready.wait(), 10)
        await network.say(ADDRESS, {"water_leak": True})
        await inbox.until(lambda: inbox.said("leak") == [True])
    assert [(one.device, one.position) for one in inbox.readings] == [("leak", "at-leak")]
    await network.say("bridge/devices", b"", retain=True)


async def test_what_speaks_on_a_pattern_is_found_with_its_profile(network: Network) -> None:
    inbox = Inbox()
    found: asyncio.Queue[Findings] = asyncio.Queue()
    patterns = {f"{network.base}/wells/+/up": "acme-leak-1"}
    driver = MqttDriver(
        [],
        emit=inbox.emit,
        trouble=inbox.trouble,
        settings=replace(network.settings, sources=Sources(patterns=patterns)),
        found=found.put_nowait,
    )
    async with running(driver.run), asyncio.timeout(20):
        told = asyncio.create_task(found.get())
        while not told.done():  # until discovery is connected
            await network.say("wells/7/up", b"\x01\x5a")
            await asyncio.sleep(0.1)
        (one,) = told.result().devices
    assert (one.source, one.name, one.profile) == ("mqtt", "7", "acme-leak-1")
    assert one.topic == f"{network.base}/wells/7/up"
    assert inbox.reasons() == []
