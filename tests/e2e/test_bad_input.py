"""What cannot be used is reported with its place and counted; what comes after it is taken as ever."""

import itertools
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import aiomqtt
import pytest

from gateway import wire
from sunwell.simulate.modbus_host import ModbusHost, SimulatedUnit
from tests.e2e.street import SOS_TOPIC, press_at, put_device
from tests.e2e.system import RealSystem, System, wait_for

TEN_MEGABYTES = 10_000_000
MOMENTS = (datetime.now(UTC) + timedelta(seconds=2 * number - 600) for number in itertools.count())
"""Device times of presses: never two within the echo of one."""


def troubles(system: System) -> list[dict[str, Any]]:
    """What the gateway reports, as its page shows it."""
    (gateway,) = [one for one in system.api("GET", "/gateways") if one["id"] == system.gateway]
    found: list[dict[str, Any]] = gateway["health"].get("troubles", [])
    return found


async def reported(system: System, source: str, reason: str) -> dict[str, Any]:
    """Waits for a report about `source`."""
    found: dict[str, Any] = await wait_for(
        f"a report of {reason} about {source}",
        lambda: next((t for t in troubles(system) if source in t["source"] and t["reason"] == reason), None),
        seconds=45,
    )
    return found


async def quarantined(system: System, size: int) -> dict[str, Any]:
    """Waits for a refused message of this size from gw-2."""

    def look() -> dict[str, Any] | None:
        rows = system.api("GET", "/quarantine")
        return next((row for row in rows if row["gateway_id"] == "gw-2" and row["size"] == size), None)

    found: dict[str, Any] = await wait_for("the quarantine", look)
    return found


async def a_press_still_works(system: System) -> None:
    """The stream goes on."""
    before = len(system.api.occurrences())
    async with system.device_client() as client:
        await client.publish(SOS_TOPIC, press_at(next(MOMENTS)), qos=1)
    await wait_for("a press after the garbage", lambda: len(system.api.occurrences()) == before + 1)


@pytest.mark.parametrize(
    ("payload", "reason"),
    [
        (b"{", "invalid_json"),
        (b"\xff\xfe\x00garbage", "invalid_utf8"),
        (b'["no object"]', "unexpected_shape"),
        (b"[" * 50_000, "invalid_json"),
    ],
    ids=["cut JSON", "invalid UTF-8", "no object", "deep nesting"],
)
async def test_a_bad_payload_is_reported(shared_system: RealSystem, payload: bytes, reason: str) -> None:
    async with shared_system.device_client() as client:
        await client.publish(SOS_TOPIC, payload, qos=1)
    trouble = await reported(shared_system, "d-sos", reason)
    assert trouble["count"] >= 1
    assert trouble["detail"]
    await a_press_still_works(shared_system)


async def test_a_message_of_ten_megabytes_is_reported(shared_system: RealSystem) -> None:
    async with shared_system.device_client() as client:
        await client.publish(SOS_TOPIC, bytes(TEN_MEGABYTES), qos=1)
    trouble = await reported(shared_system, "d-sos", "oversized")
    assert str(TEN_MEGABYTES) in trouble["detail"]
    await a_press_still_works(shared_system)


async def test_an_unknown_device_is_reported(shared_system: RealSystem) -> None:
    async with shared_system.device_client() as client:
        await client.publish("zigbee2mqtt/stranger", press_at(next(MOMENTS)), qos=1)
    await reported(shared_system, "zigbee2mqtt/stranger", "unknown_device")
    await a_press_still_works(shared_system)


@pytest.mark.parametrize("year", [1970, datetime.now(UTC).year + 1])
async def test_an_impossible_time_is_reported_and_the_press_is_taken(
    shared_system: RealSystem, year: int
) -> None:
    before = {occurrence["id"] for occurrence in shared_system.api.occurrences()}

    def new() -> list[dict[str, Any]]:
        return [one for one in shared_system.api.occurrences() if one["id"] not in before]

    async with shared_system.device_client() as client:
        await client.publish(SOS_TOPIC, press_at(datetime.now(UTC).replace(year=year, day=1)), qos=1)
    (occurrence,) = await wait_for("the press", new)
    age = datetime.now(UTC) - datetime.fromisoformat(occurrence["device_at"])
    assert 0 <= age.total_seconds() < 60
    await reported(shared_system, "d-sos", "implausible_time")


async def test_a_modbus_exception_is_reported(shared_system: RealSystem) -> None:
    registers = {0x0F: 360, 0x10: 358, 0x11: 362, 0x12: 361, 0x13: 361, 0x14: 280, 0x15: 0}
    async with ModbusHost([SimulatedUnit(unit=3, registers=lambda: registers)]) as slave:
        slave.failing[3] = 4
        shared_system.api("PUT", "/positions/kiosk", {"area_id": "area-1", "name": "测温站"})
        await put_device(
            shared_system,
            "d-kiosk",
            "kiosk",
            "calex-pyrousb",
            {"host": "127.0.0.1", "port": slave.port, "unit": 3},
        )
        await reported(shared_system, "d-kiosk", "exception_answer")
        del slave.failing[3]
        await wait_for("a reading", lambda: "kiosk" in shared_system.api("GET", "/readings/latest"))


@pytest.mark.parametrize(
    ("channel", "payload", "reason"),
    [
        ("up/alarm", b'{"epoch":"e","seq":1}', "unreadable"),
        ("up/data", b"\x00\xff", "unreadable"),
        ("up/data", b'{"v":2,"epoch":"e","seq":1,"readings":[]}', "unreadable"),
        ("up/data", bytes(TEN_MEGABYTES), "unreadable"),
        ("up/state", b"nothing to read", "unreadable"),
    ],
    ids=["half an alarm", "no JSON", "another version", "10 MB", "a bad state"],
)
async def test_what_a_gateway_should_not_send_goes_to_quarantine(
    shared_system: RealSystem, channel: wire.Channel, payload: bytes, reason: str
) -> None:
    broker = shared_system.mosquitto
    async with aiomqtt.Client(
        broker.host, broker.port, username="gw-2", password=broker.passwords["gw-2"]
    ) as client:
        await client.publish(wire.topic("gw-2", channel), payload, qos=1)
        kept = await quarantined(shared_system, len(payload))
    assert (kept["gateway_id"], kept["reason"]) == ("gw-2", reason)
    assert kept["detail"]
    assert payload.startswith(bytes.fromhex(kept["payload"]))
    await a_press_still_works(shared_system)


async def test_readings_of_another_gateways_position_go_to_quarantine(shared_system: RealSystem) -> None:
    broker = shared_system.mosquitto
    now_ms = round(datetime.now(UTC).timestamp() * 1000)
    readings = [wire.DataReading(p="home-sos", d="d-sos", f="button", t=now_ms, r=now_ms, v={"battery": 1.5})]
    frame = wire.DataFrame(epoch="e", seq=1, readings=readings)
    async with aiomqtt.Client(
        broker.host, broker.port, username="gw-2", password=broker.passwords["gw-2"]
    ) as client:
        await client.publish(wire.topic("gw-2", "up/data"), wire.encode(frame), qos=1)
        kept = await quarantined(shared_system, len(wire.encode(frame)))
    assert "'home-sos' is not read through this gateway" in kept["detail"]
    assert json.loads(bytes.fromhex(kept["payload"]))["seq"] == 1
    values = shared_system.api("GET", "/readings/latest").get("home-sos", [])
    assert 1.5 not in [value["value"] for value in values]
