"""The Modbus driver against real Modbus TCP servers."""

import asyncio
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from edge.driver import EdgeDevice, TroubleReason
from edge.drivers.modbus import ModbusDriver
from firmware_profiles import Profile, parse_profile
from sunwell.simulate.modbus_host import ModbusHost, SimulatedUnit
from tests.contract.edge_inbox import Inbox, device, running

NOW_MS = 1_780_000_000_000


def probe(level_mm: int, unit: int = 1) -> SimulatedUnit:
    """A QDY30A that shows millimetres."""
    return SimulatedUnit(unit=unit, registers=lambda: {2: 2, 3: 0, 4: level_mm})


def profile_of(*reads: dict[str, Any]) -> Profile:
    """A profile with a point `r<address>` for each read of one register."""
    return parse_profile(
        {
            "id": "test-model",
            "schema": 1,
            "family": "well",
            "vendor": "Test",
            "model": "T",
            "name": {"zh": "测试", "en": "Test"},
            "transport": "modbus",
            "verified": "computed",
            "sources": ["made for tests"],
            "points": {
                f"r{read['address']}": {
                    "name": {"zh": "值", "en": "Value"},
                    "kind": "measure",
                    "unit": "1",
                    "range": [0, 65535],
                }
                for read in reads
            },
            "decode": {
                "kind": "registers",
                "reads": list(reads),
                "fields": {f"r{read['address']}": {"address": read["address"]} for read in reads},
            },
            "battery": {"kind": "mains"},
            "examples": [
                {
                    "name": f"example {n}",
                    "input": {"registers": {f"3:{reads[0]['address']}": [n]}},
                    "points": {f"r{reads[0]['address']}": n},
                }
                for n in range(2)
            ]
            + [{"name": "refused", "input": {"registers": {"4:65000": [1]}}, "refusal": "no_values"}],
        }
    )


@pytest.fixture
async def inbox() -> Inbox:
    return Inbox()


def level(name: str, host: ModbusHost | int, unit: int = 1, **address: Any) -> EdgeDevice:
    port = host if isinstance(host, int) else host.port
    return device("qdy30a", name, host="127.0.0.1", port=port, unit=unit, **address)


@asynccontextmanager
async def reading_from(inbox: Inbox, *devices: EdgeDevice) -> AsyncIterator[ModbusDriver]:
    driver = ModbusDriver(devices, emit=inbox.emit, trouble=inbox.trouble, clock=lambda: NOW_MS)
    async with running(driver.run):
        yield driver


async def test_registers_become_a_reading(inbox: Inbox) -> None:
    async with ModbusHost([probe(1234)]) as host, reading_from(inbox, level("well", host)):
        await inbox.until(lambda: inbox.readings)
    reading = inbox.readings[0]
    assert reading.points["water_level"] == 1234
    assert (reading.device, reading.position, reading.received_ms) == ("well", "at-well", NOW_MS)
    assert inbox.reasons() == []


async def test_a_dead_unit_does_not_delay_its_neighbours(inbox: Inbox) -> None:
    fast = profile_of({"address": 0, "count": 1, "every": "50ms", "fast": True})
    units = [SimulatedUnit(unit=unit, registers=lambda: {0: 7}) for unit in (1, 2, 3)]
    async with ModbusHost(units) as host:
        host.silent = {2}
        devices = [
            device(fast, f"unit-{unit}", host=host.host, port=host.port, unit=unit, timeout_ms=50)
            for unit in (1, 2, 3)
        ]
        async with reading_from(inbox, *devices):
            # Two timeouts of 50 ms and then nothing but probes: a hundred readings are soon there.
            await inbox.until(lambda: len(inbox.readings) >= 100)
    names = [reading.device for reading in inbox.readings]
    assert "unit-2" not in names
    assert names.count("unit-1") >= 40
    assert names.count("unit-3") >= 40
    assert set(inbox.reasons()) == {TroubleReason.NO_ANSWER}
    assert {report.source for report in inbox.troubles} == {"unit-2"}


async def test_a_silent_unit_is_found_again_when_it_answers(inbox: Inbox) -> None:
    quick = profile_of({"address": 0, "count": 1, "every": "1s", "fast": True})
    async with ModbusHost([SimulatedUnit(unit=1, registers=lambda: {0: 7})]) as host:
        host.silent = {1}
        async with reading_from(inbox, device(quick, "d", host=host.host, port=host.port, timeout_ms=50)):
            await inbox.until(lambda: len(inbox.reasons()) >= 2)
            assert inbox.readings == []
            host.silent = set()
            await inbox.until(lambda: inbox.readings)


async def test_an_unreachable_host_does_not_delay_another(inbox: Inbox, free_port: int) -> None:
    async with (
        ModbusHost([probe(5)]) as host,
        reading_from(inbox, level("dead", free_port), level("alive", host)),
    ):
        await inbox.until(lambda: inbox.readings and inbox.troubles)
    assert {reading.device for reading in inbox.readings} == {"alive"}
    assert set(inbox.reasons(f"127.0.0.1:{free_port}")) == {TroubleReason.UNREACHABLE}


async def test_a_host_that_comes_later_is_found(inbox: Inbox, free_port: int) -> None:
    async with reading_from(inbox, level("well", free_port)):
        await inbox.until(lambda: inbox.troubles)
        async with ModbusHost([probe(5)], port=free_port):
            await inbox.until(lambda: inbox.readings)


async def test_a_host_that_goes_away_and_comes_back_is_read_again(inbox: Inbox, free_port: int) -> None:
    quick = profile_of({"address": 0, "count": 1, "every": "50ms"})
    unit = SimulatedUnit(unit=1, registers=lambda: {0: 7})
    async with reading_from(inbox, device(quick, "d", host="127.0.0.1", port=free_port)):
        for _ in range(3):
            inbox.readings.clear()
            async with ModbusHost([unit], port=free_port):
                await inbox.until(lambda: len(inbox.readings) >= 3)
            inbox.troubles.clear()
            await inbox.until(lambda: inbox.troubles)


@pytest.mark.parametrize("answer", [b"", b"\0" * 300, bytes(range(9)), b"\0\1\0\0\0\2\1\x83"])
async def test_a_host_that_hangs_up_at_each_request_harms_nobody(inbox: Inbox, answer: bytes) -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(12)
        writer.write(answer)
        writer.close()

    quick = profile_of({"address": 0, "count": 1, "every": "20ms", "fast": True})
    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server, ModbusHost([SimulatedUnit(unit=1, registers=lambda: {0: 7})]) as good:
        port = server.sockets[0].getsockname()[1]
        bad = device(quick, "bad", host="127.0.0.1", port=port, timeout_ms=50)
        async with reading_from(inbox, bad, device(quick, "good", host=good.host, port=good.port)):
            await inbox.until(lambda: len(inbox.reasons("bad")) >= 2 and len(inbox.readings) >= 20)
        server.close()
    assert {reading.device for reading in inbox.readings} == {"good"}


@pytest.mark.parametrize("host", ["a..b", "x" * 70 + ".example", "no such host", "\N{SNOWMAN}" * 30])
async def test_a_host_that_is_no_name_harms_nobody(inbox: Inbox, host: str) -> None:
    async with ModbusHost([probe(5)]) as good:
        bad = device("qdy30a", "bad", host=host)
        async with reading_from(inbox, bad, level("good", good)):
            await inbox.until(lambda: inbox.troubles and inbox.readings)
    assert set(inbox.reasons()) == {TroubleReason.UNREACHABLE}


async def test_a_busy_device_gives_a_trouble_and_no_value(inbox: Inbox) -> None:
    async with ModbusHost([probe(5)]) as host:
        host.failing = {1: 6}
        quick = profile_of({"address": 2, "count": 1, "every": "50ms"})
        async with reading_from(inbox, device(quick, "d", host=host.host, port=host.port)):
            await inbox.until(lambda: inbox.troubles)
            assert inbox.readings == []
            assert inbox.reasons("d")[0] is TroubleReason.EXCEPTION_ANSWER
            assert "exception 6" in inbox.troubles[0].detail
            host.failing = {}
            await inbox.until(lambda: inbox.readings)
    assert inbox.readings[0].points == {"r2": 2}


async def test_a_hole_in_the_map_is_read_around_and_remembered(inbox: Inbox) -> None:
    holed = profile_of(*({"address": address, "count": 1, "every": "50ms"} for address in (0, 1, 5, 6)))
    present = {0: 10, 1: 11, 5: 15, 6: 16}
    async with ModbusHost([SimulatedUnit(unit=1, registers=lambda: present)]) as host:
        async with reading_from(inbox, device(holed, "d", host=host.host, port=host.port)):
            await inbox.until(lambda: len(inbox.readings) >= 3)
        asked = [(address, count) for _, _, address, count in host.requests]
    assert inbox.readings[0].points == {"r0": 10, "r1": 11, "r5": 15, "r6": 16}
    assert asked[:4] == [
        (0, 2),
        (5, 2),
        (0, 2),
        (5, 2),
    ]  # the refused block never reached the device's action
    assert inbox.troubles == []


async def test_what_a_device_does_not_have_is_said_and_not_asked_again(inbox: Inbox) -> None:
    wide = profile_of(*({"address": address, "count": 1, "every": "50ms"} for address in (0, 1, 2)))
    async with (
        ModbusHost([SimulatedUnit(unit=1, registers=lambda: {0: 10, 2: 12})]) as host,
        reading_from(inbox, device(wide, "d", host=host.host, port=host.port)),
    ):
        await inbox.until(lambda: len(inbox.readings) >= 3)
    assert {tuple(reading.points.items()) for reading in inbox.readings} == {(("r0", 10), ("r2", 12))}
    assert inbox.reasons() == [TroubleReason.UNSUPPORTED]


async def test_a_late_answer_is_never_taken_for_another_units(inbox: Inbox) -> None:
    """A gateway that answers unit 1 only after unit 2 has been asked."""
    held: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                header = await reader.readexactly(12)
                transaction, _, _, unit, function, _, count = struct.unpack(">HHHBBHH", header)
                body = struct.pack(">BBB", unit, function, 2 * count) + bytes([0, unit]) * count
                frame = struct.pack(">HHH", transaction, 0, len(body)) + body
                if unit == 1:
                    held.append(frame)
                    continue
                writer.write(b"".join(held) + frame)
                held.clear()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    quick = profile_of({"address": 0, "count": 1, "every": "20ms", "fast": True})
    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        devices = [
            device(quick, f"unit-{unit}", host="127.0.0.1", port=port, unit=unit, timeout_ms=30)
            for unit in (1, 2)
        ]
        async with reading_from(inbox, *devices):
            await inbox.until(lambda: len(inbox.readings) >= 10 and len(inbox.troubles) >= 2)
        server.close()
    assert {(reading.device, reading.points["r0"]) for reading in inbox.readings} == {("unit-2", 2)}


async def test_garbage_from_a_host_is_no_value(inbox: Inbox) -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while await reader.read(1000):
            writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server, ModbusHost([probe(5)]) as good:
        port = server.sockets[0].getsockname()[1]
        async with reading_from(inbox, level("liar", port, timeout_ms=50), level("good", good)):
            await inbox.until(lambda: inbox.reasons("liar") and inbox.readings)
        server.close()
    assert {reading.device for reading in inbox.readings} == {"good"}


async def test_devices_are_replaced_while_it_runs(inbox: Inbox) -> None:
    async with (
        ModbusHost([probe(1, 1), probe(2, 2)]) as one,
        ModbusHost([probe(3)]) as two,
        reading_from(inbox, level("a", one, 1), level("c", two)) as driver,
    ):
        await inbox.until(lambda: {reading.device for reading in inbox.readings} == {"a", "c"})
        driver.apply([level("a", one, 1), level("b", one, 2)])
        await inbox.until(lambda: "b" in {reading.device for reading in inbox.readings})
        driver.apply([])
        await asyncio.sleep(0)


@pytest.mark.parametrize(
    "address",
    [
        {},
        {"host": ""},
        {"host": 5},
        {"host": "h", "port": 0},
        {"host": "h", "port": "502"},
        {"host": "h", "unit": 256},
        {"host": "h", "unit": True},
        {"host": "h", "timeout_ms": 0},
    ],
)
async def test_a_useless_address_is_reported(inbox: Inbox, address: dict[str, Any]) -> None:
    ModbusDriver([device("qdy30a", "d", **address)], emit=inbox.emit, trouble=inbox.trouble)
    assert inbox.reasons("d") == [TroubleReason.BAD_ADDRESS]
    assert inbox.troubles[0].detail.startswith("address: ")
