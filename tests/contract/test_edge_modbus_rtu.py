"""The Modbus driver on serial lines: real pseudo-terminals, a real RTU server, and trouble in between."""

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from edge.driver import EdgeDevice, TroubleReason
from edge.drivers.modbus import CommandError, ModbusDriver, Write
from firmware_profiles import Profile
from tests.contract.edge_inbox import Inbox, device, running
from tests.contract.serial_line import Disturb, Pieces, SerialLine, serial_line
from tests.contract.test_edge_modbus import profile_of

QUICK: dict[str, Any] = {"address": 0, "count": 2, "every": "20ms"}
TIMEOUT_MS = 100


def on(line: SerialLine, unit: int, model: Profile | None = None, **address: Any) -> EdgeDevice:
    given = {"timeout_ms": TIMEOUT_MS, "baud": 115_200} | address
    return device(model or profile_of(QUICK), f"unit-{unit}", serial=line.port, unit=unit, **given)


@pytest.fixture
async def inbox() -> Inbox:
    return Inbox()


@asynccontextmanager
async def reading_from(inbox: Inbox, *devices: EdgeDevice) -> AsyncIterator[ModbusDriver]:
    driver = ModbusDriver(devices, emit=inbox.emit, trouble=inbox.trouble)
    async with running(driver.run):
        yield driver


def values(inbox: Inbox, name: str, point: str = "r0") -> set[Any]:
    return {one.points[point] for one in inbox.readings if one.device == name and point in one.points}


async def test_units_on_a_serial_line_are_read(inbox: Inbox) -> None:
    async with (
        serial_line({1: {0: 11, 1: 0}, 2: {0: 22, 1: 0}}) as line,
        reading_from(inbox, on(line, 1, timeout_ms=2_000), on(line, 2, timeout_ms=2_000)),
    ):
        await inbox.until(lambda: len(inbox.readings) >= 20)
    assert values(inbox, "unit-1") == {11}
    assert values(inbox, "unit-2") == {22}
    assert inbox.reasons() == []


def garbage_around(request: bytes, answer: bytes) -> Pieces:
    return [(0, b"\xff\x00" + request[:2] + b"\x04" + answer[:3]), (0.005, answer + b"\x55\xaa")]


def byte_by_byte(request: bytes, answer: bytes) -> Pieces:
    return [(0.001 * place, answer[place : place + 1]) for place in range(len(answer))]


def cut_then_whole(request: bytes, answer: bytes) -> Pieces:
    return [(0, answer[:4]), (0.005, answer)]


def with_another_units_frame_before(request: bytes, answer: bytes) -> Pieces:
    return [(0, bytes.fromhex("0903040009000a923d")), (0.002, answer)]


@pytest.mark.parametrize(
    "disturb", [garbage_around, byte_by_byte, cut_then_whole, with_another_units_frame_before]
)
async def test_an_answer_is_found_in_what_comes_with_it(inbox: Inbox, disturb: Disturb) -> None:
    async with serial_line({1: {0: 11, 1: 5}}) as line:
        line.disturb = disturb
        async with reading_from(inbox, on(line, 1)):
            await inbox.until(lambda: len(inbox.readings) >= 10)
    assert values(inbox, "unit-1") == {11}


async def test_a_line_that_echoes_is_read_and_written(inbox: Inbox) -> None:
    async with serial_line({1: {0: 11, 1: 5}}) as line:
        line.echo = True
        async with reading_from(inbox, on(line, 1)) as driver:
            await inbox.until(lambda: len(inbox.readings) >= 10)
            assert await driver.write("unit-1", Write("register", 1, (6,)))
            line.disturb = lambda request, answer: [] if request[1] == 6 else [(0, answer)]
            with pytest.raises(CommandError, match="no usable answer to writing"):
                await driver.write("unit-1", Write("register", 1, (7,)))  # its own echo is no consent
    assert values(inbox, "unit-1") == {11}


def cut_short(request: bytes, answer: bytes) -> Pieces:
    return [(0, answer[:-2])]


def wrong_checksum(request: bytes, answer: bytes) -> Pieces:
    return [(0, answer[:-1] + bytes((answer[-1] ^ 1,)))]


def too_short(request: bytes, answer: bytes) -> Pieces:
    return [(0, bytes.fromhex("010302000bf843"))]  # right in itself, but one register instead of two


@pytest.mark.parametrize("disturb", [cut_short, wrong_checksum, too_short])
async def test_what_is_no_good_answer_is_no_value(inbox: Inbox, disturb: Disturb) -> None:
    def disturbed(request: bytes, answer: bytes) -> Pieces:
        return disturb(request, answer) if request[0] == 1 else [(0, answer)]

    async with serial_line({1: {0: 11, 1: 5}, 2: {0: 22, 1: 5}}) as line:
        line.disturb = disturbed
        async with reading_from(inbox, on(line, 1), on(line, 2)):
            await inbox.until(lambda: len(inbox.reasons("unit-1")) >= 2 and len(inbox.readings) >= 20)
            assert values(inbox, "unit-1") == set()
            line.disturb = lambda request, answer: [(0, answer)]
            await inbox.until(lambda: values(inbox, "unit-1"))
    assert values(inbox, "unit-2") == {22}
    assert set(inbox.reasons("unit-1")) == {TroubleReason.BAD_ANSWER}


async def test_a_dead_unit_leaves_its_neighbours_their_turns(inbox: Inbox) -> None:
    async with serial_line({unit: {0: 11 * unit, 1: 5} for unit in (1, 2, 3)}) as line:
        line.dead = {2}
        async with reading_from(inbox, *(on(line, unit, timeout_ms=50) for unit in (1, 2, 3))):
            await inbox.until(lambda: len(inbox.readings) >= 100)
            assert values(inbox, "unit-2") == set()
            line.dead = set()
            await inbox.until(lambda: values(inbox, "unit-2"))
    assert TroubleReason.NO_ANSWER in inbox.reasons("unit-2")


async def test_a_late_answer_is_never_another_ones(inbox: Inbox) -> None:
    """Unit 1 answers after its time: to its own next request, and to its neighbour's."""
    two = profile_of(
        {"address": 0, "count": 2, "every": "20ms"}, {"address": 500, "count": 2, "every": "20ms"}
    )
    late_s = 1.5 * TIMEOUT_MS / 1000

    def late(request: bytes, answer: bytes) -> Pieces:
        return [(late_s if request[0] == 1 and request[2:4] == b"\0\0" else 0, answer)]

    registers = {0: 11, 1: 12, 500: 51, 501: 52}
    async with serial_line({1: registers, 2: registers}) as line:
        line.disturb = late
        async with reading_from(inbox, on(line, 1, two), on(line, 2, two)):
            await inbox.until(lambda: len(inbox.readings) >= 30 and len(inbox.troubles) >= 4)
    assert values(inbox, "unit-1") == set()
    assert values(inbox, "unit-1", "r500") <= {51}
    assert values(inbox, "unit-2") == {11}
    assert values(inbox, "unit-2", "r500") == {51}


async def test_a_port_that_is_not_there_is_said_and_found_later(inbox: Inbox) -> None:
    lost = device(profile_of(QUICK), "lost", serial="/dev/nothing-here", unit=1)
    async with serial_line({1: {0: 11, 1: 5}}) as line, reading_from(inbox, lost, on(line, 1)):
        await inbox.until(lambda: inbox.readings and inbox.troubles)
    assert inbox.reasons("/dev/nothing-here")[0] is TroubleReason.UNREACHABLE
    assert values(inbox, "unit-1") == {11}


async def test_settings_of_one_line_must_agree(inbox: Inbox) -> None:
    async with (
        serial_line({1: {0: 11, 1: 5}}) as line,
        reading_from(inbox, on(line, 1), on(line, 2, baud=9_600)) as driver,
    ):
        await inbox.until(lambda: inbox.readings)
        assert inbox.reasons("unit-2") == [TroubleReason.BAD_ADDRESS]
        driver.apply([on(line, 1, baud=9_600)])  # the port is let go and opened anew
        inbox.readings.clear()
        await inbox.until(lambda: inbox.readings)


async def test_a_sleeper_is_woken_before_each_poll(inbox: Inbox) -> None:
    wake = {"fc": 6, "address": 1, "value": 1, "pause_ms": 1}
    async with (
        serial_line({1: {0: 11, 1: 5}}) as line,
        reading_from(inbox, on(line, 1, wake=wake)),
    ):
        await inbox.until(lambda: len(inbox.readings) >= 5)
    functions = [request[1] for request in line.requests]
    assert functions[:6] == [6, 3, 6, 3, 6, 3]


async def test_a_command_stands_between_polls_and_spares_memory(inbox: Inbox) -> None:
    async with (
        serial_line({1: {0: 11, 1: 5}}) as line,
        reading_from(inbox, on(line, 1, timeout_ms=2_000)) as driver,
    ):
        await inbox.until(lambda: inbox.readings)
        assert await driver.write("unit-1", Write("register", 1, (77,))) is True
        assert await driver.write("unit-1", Write("register", 1, (77,))) is False
        assert await driver.write("unit-1", Write("register", 0, (1, 2))) is True
        with pytest.raises(CommandError, match="exception 2"):
            await driver.write("unit-1", Write("register", 900, (1,)))
        with pytest.raises(CommandError, match="no device"):
            await driver.write("unit-9", Write("register", 0, (1,)))
        many = [driver.write("unit-1", Write("register", 1, (value,))) for value in range(20)]
        assert await asyncio.gather(*many) == [True] * 20
    assert set(inbox.reasons()) == set()  # none of them met a poll
    assert sum(request[1] in (6, 16) for request in line.requests) == 23


async def test_a_serial_server_passes_rtu_frames_over_tcp(inbox: Inbox) -> None:
    async with serial_line({3: {0: 33, 1: 5}}) as line:

        async def bridge(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            port = os.open(line.port, os.O_RDWR | os.O_NONBLOCK)
            loop = asyncio.get_running_loop()
            loop.add_reader(port, lambda: writer.write(os.read(port, 512)))
            while frame := await reader.read(512):
                os.write(port, frame)
            loop.remove_reader(port)
            os.close(port)
            writer.close()

        server = await asyncio.start_server(bridge, "127.0.0.1", 0)
        async with server:
            tcp_port = server.sockets[0].getsockname()[1]
            unit = device(profile_of(QUICK), "unit-3", host="127.0.0.1", port=tcp_port, framer="rtu", unit=3)
            async with reading_from(inbox, unit):
                await inbox.until(lambda: len(inbox.readings) >= 10)
    assert values(inbox, "unit-3") == {33}
    assert inbox.reasons() == []
