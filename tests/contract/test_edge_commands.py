"""Commands to devices through the drivers: real Mosquitto with a network server played by the test, and real
Modbus servers."""

import asyncio
import base64
import json
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any
from uuid import uuid4

import aiomqtt
import pytest

from edge.commanding import Commanded, CommandError, Outcome, Stage
from edge.driver import EdgeDevice, TroubleReason
from edge.drivers.modbus import ModbusDriver
from edge.drivers.mqtt import MqttDriver
from firmware_profiles import Downlink, order_of, parse_profile
from tests.contract.edge_inbox import PATIENCE_S, Inbox, device, running
from tests.contract.edge_mqtt import Street, subscribed
from tests.parts.mosquitto import Mosquitto

EUI = "24e124136b502217"
NOW_MS = 1_780_000_000_000


@pytest.fixture
def street(mosquitto: Mosquitto, tmp_path: Path) -> Street:
    return Street(mosquitto, tmp_path)


@pytest.fixture
async def inbox() -> Inbox:
    return Inbox()


class Network:
    """The network server's side: what it is asked, and what it says."""

    def __init__(self, client: aiomqtt.Client) -> None:
        self._client = client

    async def asked(self) -> tuple[str, Any]:
        """The next request."""
        async with asyncio.timeout(PATIENCE_S):
            async for message in self._client.messages:
                assert isinstance(message.payload, bytes)
                return str(message.topic), json.loads(message.payload)
        raise AssertionError("the connection ended")

    async def say(self, topic: str, document: dict[str, Any]) -> None:
        await self._client.publish(topic, json.dumps(document), qos=1)


@asynccontextmanager
async def network(broker: Mosquitto, *topics: str) -> AsyncIterator[Network]:
    async with aiomqtt.Client(
        broker.host, broker.port, username="bridge", password=broker.passwords["bridge"]
    ) as client:
        for topic in topics:
            await client.subscribe(topic, qos=1)
        yield Network(client)


class Outcomes:
    """What the driver tells of commands later."""

    def __init__(self) -> None:
        self._queue: asyncio.Queue[Outcome] = asyncio.Queue()
        self.tell = self._queue.put_nowait

    async def next(self) -> Outcome:
        async with asyncio.timeout(PATIENCE_S):
            return await self._queue.get()


def mqtt_driver(street: Street, inbox: Inbox, outcomes: Outcomes, *devices: EdgeDevice) -> MqttDriver:
    return MqttDriver(
        devices,
        emit=inbox.emit,
        trouble=inbox.trouble,
        settings=street.settings,
        clock=lambda: NOW_MS,
        outcome=outcomes.tell,
    )


async def test_a_downlink_through_chirpstack_and_what_becomes_of_it(street: Street, inbox: Inbox) -> None:
    base = f"application/{street.name}/device/{EUI}"
    button = device("milesight-ws101", "ws", topic=f"{base}/event/up")
    outcomes, key = Outcomes(), str(uuid4())
    driver = mqtt_driver(street, inbox, outcomes, button)
    assert isinstance(driver, Commanded)
    async with network(street.broker, f"{base}/command/down") as chirpstack, subscribed(driver):
        order = order_of(button.profile, "report_interval", {"seconds": 1200})
        at_once = await driver.command(key, "ws", order)
        assert (at_once.ok, at_once.stage) == (True, Stage.QUEUED)
        topic, asked = await chirpstack.asked()
        assert topic == f"{base}/command/down"
        assert asked["id"] == key
        assert asked["fPort"] == 85
        assert base64.b64decode(asked["data"]) == b"\xff\x03\xb0\x04"
        await chirpstack.say(f"{base}/event/txack", {"queueItemId": key})
        assert (await outcomes.next()).stage is Stage.TRANSMITTED
        await chirpstack.say(f"{base}/event/ack", {"queueItemId": key, "acknowledged": True})
        last = await outcomes.next()
        assert (last.key, last.ok, last.stage) == (key, True, Stage.DONE)


async def test_a_downlink_through_the_things_stack(street: Street, inbox: Inbox) -> None:
    base = f"v3/{street.name}@ttn/devices/kiosk-1"
    kiosk = device("dragino-lht65", "kiosk", topic=f"{base}/up")
    outcomes, key = Outcomes(), str(uuid4())
    driver = mqtt_driver(street, inbox, outcomes, kiosk)
    async with network(street.broker, "v3/+/devices/+/down/push") as stack, subscribed(driver):
        await driver.command(key, "kiosk", order_of(kiosk.profile, "reboot", {}))
        topic, asked = await stack.asked()
        assert topic == f"{base}/down/push"
        (one,) = asked["downlinks"]
        assert base64.b64decode(one["frm_payload"]) == b"\x04\xff"
        told = {"correlation_ids": one["correlation_ids"]}
        await stack.say(f"{base}/down/queued", told | {"downlink_queued": one})
        assert (await outcomes.next()).stage is Stage.QUEUED
        await stack.say(f"{base}/down/failed", {"downlink_failed": {"downlink": one, "error": {"name": "x"}}})
        last = await outcomes.next()
        assert (last.key, last.ok, last.detail) == (key, False, "the network server refused it: x")


async def test_a_zigbee_device_is_set_at_its_present_name(street: Street, inbox: Inbox) -> None:
    radar = device("sonoff-snzb-06p", "radar", topic=street.topic("radar"))
    driver = mqtt_driver(street, inbox, Outcomes(), radar)
    async with network(street.broker, "zigbee2mqtt/#") as bridge, subscribed(driver):
        order = order_of(radar.profile, "occupancy_timeout", {"seconds": 60})
        done = await driver.command(str(uuid4()), "radar", order)
        assert (done.ok, done.stage) == (True, Stage.DONE)
        assert await bridge.asked() == (f"{street.topic('radar')}/set", {"occupancy_timeout": 60})


async def test_where_nobody_listens_the_command_fails_at_once(street: Street, inbox: Inbox) -> None:
    radar = device("sonoff-snzb-06p", "radar", topic=street.topic("radar"))
    driver = mqtt_driver(street, inbox, Outcomes(), radar)
    order = order_of(radar.profile, "sensitivity", {"level": "low"})
    with pytest.raises(CommandError, match="cannot be reached just now"):
        await driver.command(str(uuid4()), "radar", order)
    async with subscribed(driver):
        with pytest.raises(CommandError, match="nobody listens on zigbee2mqtt"):
            await driver.command(str(uuid4()), "radar", order)


async def test_what_cannot_be_sent_says_why(street: Street, inbox: Inbox) -> None:
    odd = device("milesight-ws101", "odd", topic=f"devices/{street.name}/up")
    base = f"application/{street.name}/device/{EUI}"
    button = device("milesight-ws101", "ws", topic=f"{base}/event/up")
    driver = mqtt_driver(street, inbox, Outcomes(), odd, button)
    order = Downlink(85, b"\xff\x10\xff", False)
    async with subscribed(driver):
        for name, key, said in (
            ("odd", str(uuid4()), "neither ChirpStack"),
            ("nobody", str(uuid4()), "does not read such a device"),
            ("ws", "no-uuid", "must be a UUID"),
        ):
            with pytest.raises(CommandError, match=said):
                await driver.command(key, name, order)


async def test_joins_status_and_strange_news_cost_no_uplink(street: Street, inbox: Inbox) -> None:
    base = f"application/{street.name}/device/{EUI}"
    ws101 = device("milesight-ws101", "ws", topic=f"{base}/event/up")
    document = ws101.profile.document()
    told = {"name": {"zh": "电量", "en": "Battery"}, "kind": "measure", "unit": "%", "range": [0, 100]}
    document["points"]["network_battery"] = told
    profile = parse_profile(document)
    button = EdgeDevice(id="ws", position=ws101.position, profile=profile, address=ws101.address)
    driver = mqtt_driver(street, inbox, Outcomes(), button)
    async with network(street.broker) as chirpstack, subscribed(driver):
        await chirpstack.say(f"{base}/event/join", {"devAddr": "01020304"})
        await chirpstack.say(f"{base}/event/status", {"margin": 7, "batteryLevel": 61.5})
        await chirpstack.say(f"{base}/event/ack", {"queueItemId": 3})
        await chirpstack.say(f"application/{street.name}/device/{'0' * 16}/event/join", {})
        up = {
            "deviceInfo": {"devEui": EUI},
            "time": "2026-05-01T08:00:00Z",
            "fCnt": 3,
            "fPort": 85,
            "data": base64.b64encode(bytes.fromhex("ff2e01017564")).decode(),
            "rxInfo": [{"rssi": -110, "snr": -3}, {"rssi": -71, "snr": 9}],
        }
        await chirpstack.say(f"{base}/event/up", up)
        await inbox.until(lambda: len(inbox.readings) == 2)
        assert inbox.said("network_battery") == [61.5]
        assert inbox.said("rssi") == [-71]
        assert inbox.readings[1].time_ms == 1_777_622_400_000
        assert inbox.reasons("ws") == [TroubleReason.JOINED_ANEW]
        assert TroubleReason.UNKNOWN_DEVICE not in inbox.reasons()


@asynccontextmanager
async def pyrometer(held: dict[int, int]) -> AsyncIterator[int]:
    """A Modbus TCP unit that reads (3, 4) and writes (6) `held`; gives its port."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                number, _, length, unit = struct.unpack(">HHHB", await reader.readexactly(7))
                said = await reader.readexactly(length - 1)
                function, address, value = struct.unpack(">BHH", said[:5])
                if function == 6:
                    held[address] = value
                else:
                    words = [held.get(address + place, 0) for place in range(value)]
                    said = struct.pack(f">BB{value}H", function, 2 * value, *words)
                writer.write(struct.pack(">HHHB", number, 0, len(said) + 1, unit) + said)
        writer.close()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        yield server.sockets[0].getsockname()[1]


async def test_a_register_is_written_between_polls(inbox: Inbox) -> None:
    held = {24: 9000}
    async with pyrometer(held) as port:
        calex = device("calex-pyrousb", "calex", host="127.0.0.1", port=port, unit=1)
        driver = ModbusDriver([calex], emit=inbox.emit, trouble=inbox.trouble, clock=lambda: NOW_MS)

        async def emissivity(value: float) -> Outcome:
            order = order_of(calex.profile, "emissivity", {"emissivity": value})
            return await driver.command("k", "calex", order)

        with pytest.raises(CommandError, match="running line"):
            await emissivity(0.9)
        async with running(driver.run):
            await inbox.until(lambda: inbox.readings)
            assert (await emissivity(0.9)).detail == "the device held this value already"
            assert (await emissivity(0.98)).detail == "written"
            assert held[24] == 9800
            with pytest.raises(CommandError, match="registers and coils only"):
                await driver.command("k", "calex", Downlink(1, b"", False))
