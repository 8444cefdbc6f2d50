"""The simulated street, read by the real drivers over a real broker and real Modbus servers."""

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from edge.driver import EdgeDevice
from edge.drivers import DRIVERS
from edge.drivers.modbus import ModbusDriver
from edge.drivers.mqtt import Broker, MqttDriver, MqttSettings
from edge.readings import Quality
from sunwell.simulate.registry import Registry
from sunwell.simulate.street import Street
from tests.contract.edge_inbox import Inbox, packaged, running
from tests.parts.mosquitto import Mosquitto


class Watched:
    """A street and what its devices said."""

    def __init__(self, street: Street, inbox: Inbox) -> None:
        self.street = street
        self.inbox = inbox

    def heard(self, position: str, point: str) -> list[Any]:
        """All values of a point at a position, in order."""
        return [
            reading.points[point]
            for reading in self.inbox.readings
            if reading.position == position and point in reading.points
        ]


def edge_devices(registry: Registry, driver: str) -> list[EdgeDevice]:
    return [
        EdgeDevice(
            id=row.id,
            position=row.position_id,
            profile=packaged(row.profile),
            address=row.address,
            parameters=row.parameters,
        )
        for row in registry.devices
        if row.driver == driver
    ]


@pytest.fixture
async def watched(mosquitto: Mosquitto, tmp_path: Path) -> AsyncIterator[Watched]:
    inbox = Inbox()
    street = Street(
        mosquitto.host,
        mosquitto.port,
        username="devices",
        password=mosquitto.passwords["devices"],
        interval_s=0.5,
    )
    async with street:
        registry = street.registry()
        settings = MqttSettings(
            broker=Broker(
                host=mosquitto.host,
                port=mosquitto.port,
                username="edge",
                password_file=mosquitto.password_file("edge"),
            ),
            client_id=tmp_path.name,
        )
        mqtt = MqttDriver(
            edge_devices(registry, "mqtt"), emit=inbox.emit, trouble=inbox.trouble, settings=settings
        )
        modbus = ModbusDriver(edge_devices(registry, "modbus"), emit=inbox.emit, trouble=inbox.trouble)
        async with running(mqtt.run), running(modbus.run):
            await asyncio.wait_for(mqtt.ready.wait(), 20)
            yield Watched(street, inbox)


def test_the_registry_is_whole_and_consistent() -> None:
    registry = Street().registry()
    areas = {row.id for row in registry.areas}
    gateways = {row.id for row in registry.gateways}
    residents = {row.id for row in registry.residents}
    wells = {row.id for row in registry.wells}
    positions = {row.id: row for row in registry.positions}
    assert len(residents) >= 30
    assert len(wells) == 12
    assert gateways == {"gw-east", "gw-west", "gw-street"} == {row.gateway_id for row in registry.devices}
    used = {row.area_id for row in registry.gateways} | {row.area_id for row in registry.residents}
    assert (
        used | {row.area_id for row in registry.wells} | {row.area_id for row in registry.positions} <= areas
    )
    assert len({row.id for row in registry.devices}) == len(registry.devices) == len(positions)
    assert {row.position_id for row in registry.devices} == set(positions)
    homes = defaultdict(set)
    for row in registry.devices:
        profile = packaged(row.profile)
        assert profile.driver == row.driver == next(name for name in DRIVERS if name == row.driver)
        resident = positions[row.position_id].resident_id
        if resident is not None:
            homes[resident].add(profile.family)
            assert row.gateway_id in {"gw-east", "gw-west"}
        else:
            assert row.gateway_id == "gw-street"
    assert set(homes) == residents
    assert all(families == {"fall", "button"} for families in homes.values())
    models = {row.profile for row in registry.devices}
    assert models == {
        "tuya-ts0215a-sos", "owon-pb206", "milesight-ws101",
        "owon-fds315", "heiman-hs2fd-ef1", "tuya-mir-he200-ty", "milesight-vs373",
        "dingtek-dc410", "qdy30a", "honeywell-midas", "calex-pyrousb", "omega-os-mini", "xy-md02",
    }  # fmt: skip
    addresses = [str(sorted(row.address.items())) for row in registry.devices if row.driver == "mqtt"]
    assert len(set(addresses)) == len(addresses)


async def test_every_device_is_heard_and_nothing_is_amiss(watched: Watched) -> None:
    everybody = {row.id for row in watched.street.registry().positions}
    await watched.inbox.until(lambda: {reading.position for reading in watched.inbox.readings} == everybody)
    assert watched.inbox.troubles == []
    assert {reading.quality for reading in watched.inbox.readings} == {Quality.GOOD}
    assert [dict(reading.status) for reading in watched.inbox.readings if reading.status] == []


async def test_presses_and_falls_are_heard(watched: Watched) -> None:
    street, heard = watched.street, watched.heard
    for home in range(1, 9):
        await street.press(home)
        await street.fall(home)
    await watched.inbox.until(lambda: heard("h01-button", "action") == ["emergency"])
    await watched.inbox.until(lambda: True in heard("h02-button", "sos"))
    await watched.inbox.until(lambda: heard("h03-button", "button") == ["short"])
    await watched.inbox.until(lambda: "falling" in heard("h01-fall", "posture"))
    await watched.inbox.until(lambda: "fall_alarm" in heard("h02-fall", "fall_status"))
    await watched.inbox.until(lambda: "fall" in heard("h03-fall", "fall_status"))
    await watched.inbox.until(lambda: heard("h04-fall", "fall") == ["triggered"])


async def test_wells_and_kiosks_tell_what_happens(watched: Watched) -> None:
    street, heard, inbox = watched.street, watched.heard, watched.inbox
    await inbox.until(lambda: heard("w03-gas", "gas") and heard("k1-temperature", "temperature"))
    await street.open_cover(1)
    await street.gas(3)
    await street.fever(1)
    await inbox.until(lambda: heard("w01-cover", "cover_open")[-1:] == [True])
    await inbox.until(lambda: heard("w03-gas", "gas_high")[-1:] == [True])
    await inbox.until(lambda: 38.6 in heard("k1-temperature", "temperature"))
    await street.close_cover(1)
    await street.gas_clears(3)
    await street.water_rises(2)
    await inbox.until(lambda: heard("w01-cover", "cover_open")[-1:] == [False])
    await inbox.until(lambda: heard("w03-gas", "gas_high")[-1:] == [False])
    await inbox.until(lambda: max(heard("w02-cover", "water_level"), default=0) > 1_500)


async def test_batteries_run_down(watched: Watched) -> None:
    street, heard, inbox = watched.street, watched.heard, watched.inbox
    for home in (1, 2, 3):
        await street.battery_dies(home)
    await inbox.until(lambda: heard("h01-button", "battery")[-1:] == [4])
    await inbox.until(lambda: heard("h02-button", "battery_low")[-1:] == [True])
    await inbox.until(lambda: heard("h03-button", "battery")[-1:] == [4])
