"""The Modbus driver on a line: one request at a time, pauses, time-outs, and all troubles at once."""

import asyncio
import os
import shutil
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import count
from typing import Any

import pytest

from edge.driver import EdgeDevice, TroubleReason
from edge.drivers.modbus import ModbusDriver, Write
from edge.drivers.modbus.frames import checksum
from tests.contract.edge_inbox import PATIENCE_S, Inbox, device, running
from tests.contract.test_edge_modbus import profile_of

QUICK: dict[str, Any] = {"address": 0, "count": 1, "every": "20ms"}


@pytest.fixture
async def inbox() -> Inbox:
    return Inbox()


@asynccontextmanager
async def reading_from(inbox: Inbox, *devices: EdgeDevice) -> AsyncIterator[ModbusDriver]:
    driver = ModbusDriver(devices, emit=inbox.emit, trouble=inbox.trouble)
    async with running(driver.run):
        yield driver


class Host(asyncio.Protocol):
    """A Modbus TCP host whose units hold their own number, and answer after `wait_s`. It keeps what is under
    way at once, and the pauses between its answers and what is asked next."""

    def __init__(self, wait_s: float) -> None:
        self.wait_s = wait_s
        self.under_way: list[int] = []
        self.most = 0
        self.asked: set[int] = set()
        self.pauses: dict[int, list[float]] = {}
        self._answered_s: float | None = None
        self._loop = asyncio.get_running_loop()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        assert len(data) == 6 + struct.unpack_from(">H", data, 4)[0], "more than one request, or less"
        unit, function = data[6], data[7]
        if self._answered_s is not None:
            self.pauses.setdefault(unit, []).append(self._loop.time() - self._answered_s)
        self.asked.add(function)
        self.under_way.append(unit)
        self.most = max(self.most, len(self.under_way))
        values = 2 * data[11] if function == 3 else 0
        said = struct.pack(">BB", 3, values) + bytes((0, unit)) * (values // 2) if values else data[7:12]
        self._loop.call_later(self.wait_s, self._answer, data[:2], unit, said)

    def _answer(self, number: bytes, unit: int, said: bytes) -> None:
        self.under_way.remove(unit)
        self._answered_s = self._loop.time()
        self._transport.write(number + struct.pack(">HHB", 0, len(said) + 1, unit) + said)


@asynccontextmanager
async def host(wait_s: float) -> AsyncIterator[tuple[Host, int]]:
    served = Host(wait_s)
    server = await asyncio.get_running_loop().create_server(lambda: served, "127.0.0.1", 0)
    async with server:
        yield served, server.sockets[0].getsockname()[1]


def unit_at(port: int, unit: int, **address: Any) -> EdgeDevice:
    return device(profile_of(QUICK), f"unit-{unit}", host="127.0.0.1", port=port, unit=unit, **address)


async def test_one_request_is_under_way_on_a_line_commands_included(inbox: Inbox) -> None:
    async with (
        host(0.002) as (served, port),
        reading_from(inbox, *(unit_at(port, unit) for unit in range(1, 6))) as driver,
    ):
        await inbox.until(lambda: len(inbox.readings) >= 10)
        orders = [driver.write(f"unit-{unit}", Write("register", 7, (99,))) for unit in range(1, 6)]
        assert await asyncio.gather(*orders) == [True] * 5
        await inbox.until(lambda: len(inbox.readings) >= 30)
    assert served.most == 1
    assert served.asked == {3, 6}
    assert inbox.reasons() == []


async def test_the_line_is_silent_for_a_device_s_guard_time(inbox: Inbox) -> None:
    async with (
        host(0) as (served, port),
        reading_from(inbox, unit_at(port, 1, guard_ms=30), unit_at(port, 2)),
    ):
        await inbox.until(lambda: len(served.pauses.get(1, [])) >= 5 and len(served.pauses.get(2, [])) >= 5)
    assert min(served.pauses[1]) >= 0.03
    assert min(served.pauses[2]) < 0.03


async def test_each_device_has_its_own_time_out(inbox: Inbox) -> None:
    async with (
        host(0.15) as (_, port),
        reading_from(inbox, unit_at(port, 1, timeout_ms=2_000), unit_at(port, 2, timeout_ms=20)),
    ):
        await inbox.until(lambda: len(inbox.readings) >= 3 and inbox.troubles)
    assert {(one.device, one.points["r0"]) for one in inbox.readings} == {("unit-1", 1)}
    assert set(inbox.reasons("unit-2")) == {TroubleReason.NO_ANSWER}
    assert inbox.reasons("unit-1") == []


@asynccontextmanager
async def socat() -> AsyncIterator[tuple[str, str]]:
    """Two pseudo-terminals, joined by socat."""
    ends = ("pty,raw,echo=0", "pty,raw,echo=0")
    process = await asyncio.create_subprocess_exec("socat", "-d", "-d", *ends, stderr=asyncio.subprocess.PIPE)
    assert process.stderr is not None
    names: list[str] = []
    try:
        async with asyncio.timeout(PATIENCE_S):
            while len(names) < 2:
                line = (await process.stderr.readline()).decode()
                names += [word for word in line.split() if word.startswith("/dev/pts/")]
        yield names[0], names[1]
    finally:
        process.kill()
        await process.wait()


@pytest.mark.skipif(shutil.which("socat") is None, reason="socat is not installed")
async def test_garbage_cut_frames_an_echo_and_a_dead_unit_at_once(inbox: Inbox) -> None:
    """Units 1 and 3 are heard through all of it, and never with a value that they did not send."""
    turn = count()

    def serve(line: int) -> None:
        request = os.read(line, 512)
        unit, number = request[0], next(turn)
        os.write(line, request)  # a two-wire adapter that hears itself
        if unit == 2:
            return
        body = bytes((unit, 3, 2, 0, 11 * unit))
        answer = body + checksum(body)
        if number % 3 == 0:
            answer = b"\xff\x00" + request[:2] + b"\x02" + answer + b"\x55"
        if number % 7 == 0:
            answer = answer[: len(answer) // 2]
        os.write(line, answer)

    async with socat() as (near, far):
        line = os.open(far, os.O_RDWR | os.O_NOCTTY)
        asyncio.get_running_loop().add_reader(line, serve, line)
        units = [
            device(profile_of(QUICK), f"unit-{unit}", serial=near, baud=115_200, unit=unit, timeout_ms=60)
            for unit in (1, 2, 3)
        ]
        try:
            async with reading_from(inbox, *units):
                await inbox.until(lambda: len(inbox.readings) >= 60 and len(inbox.reasons("unit-2")) >= 2)
        finally:
            asyncio.get_running_loop().remove_reader(line)
            os.close(line)
    seen = {(one.device, one.points["r0"]) for one in inbox.readings}
    assert seen == {("unit-1", 11), ("unit-3", 33)}
    assert set(inbox.reasons("unit-2")) == {TroubleReason.NO_ANSWER}  # its echo is no answer
    assert {*inbox.reasons("unit-1"), *inbox.reasons("unit-3")} <= {TroubleReason.BAD_ANSWER}
