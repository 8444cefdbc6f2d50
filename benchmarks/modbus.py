"""`python -m benchmarks.modbus`: the Modbus poller beside bare pymodbus, and beside dead units.

50 units of 40 holding registers each stand behind one connection, in a process of their own. In each round
all cases run one after the other; figures are medians of the rounds, ratios are of cases in the same round.
The driver does more than pymodbus: it also decides what to ask, decodes, and emits readings.
"""

import asyncio
import json
import multiprocessing
import os
import pty
import select
import socket
import statistics
import struct
import time
import tty
from collections import Counter
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from itertools import cycle
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Annotated, Any, Final, NamedTuple

import typer
from pymodbus.client import AsyncModbusTcpClient

from benchmarks.report import console, machine, show_machine
from edge.core.plan import Want
from edge.driver import EdgeDevice, system_clock
from edge.drivers.modbus import ModbusDriver
from edge.drivers.modbus.addresses import TcpPlace, UnitAddress
from edge.drivers.modbus.delivery import Member, Said
from edge.drivers.modbus.frames import checksum
from edge.drivers.modbus.line import Line
from edge.readings import Reading
from firmware_profiles import Profile, parse_profile

UNITS: Final = 50
REGISTERS: Final = 40
DEAD: Final = 10
BAUD: Final = 115_200
_BODIES: Final = [
    struct.pack(f">BB{REGISTERS}H", 3, 2 * REGISTERS, *range(turn, turn + REGISTERS)) for turn in range(251)
]
"""Answers in turn, so that no unit's registers stay as they were. 251 is prime to the number of units."""


class Case(NamedTuple):
    """What a case did while it was measured."""

    polls_a_second: float
    cpu_ms_a_1000_polls: float
    cpu_percent: float


def profile(points: int, every: str) -> Profile:
    """A model with one read of 40 registers and so many points in it."""
    name = {"zh": "值", "en": "Value"}
    return parse_profile(
        {
            "id": f"bench-{points}",
            "schema": 1,
            "family": "well",
            "vendor": "Bench",
            "model": "B",
            "name": name,
            "transport": "modbus",
            "verified": "computed",
            "sources": ["made for measuring"],
            "points": {
                f"r{n}": {"name": name, "kind": "measure", "unit": "1", "range": [0, 65535]}
                for n in range(points)
            },
            "decode": {
                "kind": "registers",
                "reads": [{"address": 0, "count": REGISTERS, "every": every}],
                "fields": {f"r{n}": {"address": n} for n in range(points)},
            },
            "battery": {"kind": "mains"},
            "examples": [
                {"name": f"example {n}", "input": {"registers": {"3:0": [n]}}, "points": {"r0": n}}
                for n in range(2)
            ]
            + [{"name": "refused", "input": {"registers": {"4:65000": [1]}}, "refusal": "no_values"}],
        }
    )


def serve_tcp(ready: Connection) -> None:
    """Answers every request for 40 registers, one connection after the other. A process of its own."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        ready.send(listener.getsockname()[1])
        while True:
            connection, _ = listener.accept()
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            bodies = cycle(_BODIES)
            with connection, suppress(ConnectionError):
                while request := connection.recv(512):
                    body = next(bodies)
                    connection.sendall(request[:4] + struct.pack(">HB", len(body) + 1, request[6]) + body)


def serve_rtu(ready: Connection, dead: int) -> None:
    """Answers units over `dead` on a pseudo-terminal, with the speed of 115,200 baud and 2 ms turnaround."""
    master, slave = pty.openpty()
    tty.setraw(slave)
    ready.send(os.ttyname(slave))
    while True:
        select.select([master], [], [])
        request = os.read(master, 512)
        unit = request[0]
        if unit <= dead:
            continue
        frame = bytes((unit,)) + _BODIES[unit]
        time.sleep(0.002 + (len(request) + len(frame) + 2) * 10 / BAUD)
        os.write(master, frame + checksum(frame))


@contextmanager
def serving(target: Callable[..., None], *arguments: Any) -> Iterator[Any]:
    """A server in a process of its own; gives what it says when it is ready."""
    context = multiprocessing.get_context("spawn")
    here, there = context.Pipe()
    process = context.Process(target=target, args=(there, *arguments), daemon=True)
    process.start()
    try:
        yield here.recv()
    finally:
        process.kill()
        process.join()


@asynccontextmanager
async def driving(model: Profile, **address: Any) -> AsyncIterator[Counter[str]]:
    """Our driver on all units; gives the readings counted by unit."""
    counts: Counter[str] = Counter()

    async def emit(reading: Reading) -> None:
        counts[reading.device] += 1

    devices = [
        EdgeDevice(id=f"u{unit}", position=f"p{unit}", profile=model, address={**address, "unit": unit})
        for unit in range(1, UNITS + 1)
    ]
    driver = ModbusDriver(devices, emit=emit, trouble=lambda report: None)
    async with asyncio.TaskGroup() as tasks:
        running = tasks.create_task(driver.run())
        yield counts
        running.cancel()


async def measured(seconds: float, total: Callable[[], int]) -> Case:
    """What happens in so many seconds, after a warm-up."""
    await asyncio.sleep(min(1.0, seconds / 3))
    polls, cpu, start = total(), time.process_time(), time.monotonic()
    await asyncio.sleep(seconds)
    polls, cpu, passed = total() - polls, time.process_time() - cpu, time.monotonic() - start
    return Case(polls / passed, cpu * 1e6 / max(1, polls), 100 * cpu / passed)


async def ours(port: int, seconds: float, every: str, points: int) -> Case:
    """The driver, with so many points a reading."""
    async with driving(profile(points, every), host="127.0.0.1", port=port) as counts:
        return await measured(seconds, counts.total)


async def reading_only(port: int, seconds: float, every: str) -> Case:
    """The driver's line alone: registers are read and counted, but not decoded; what bare pymodbus does."""
    count = 0

    async def deliver(said: Said) -> None:
        nonlocal count
        assert len(said.finished.values.words) == REGISTERS
        count += 1

    model = profile(1, every)
    place = TcpPlace("127.0.0.1", port)
    line = Line(place, deliver=deliver, trouble=lambda report: None, clock=system_clock)
    line.apply(
        [
            Member(
                EdgeDevice(id=f"u{unit}", position=f"p{unit}", profile=model, address={}),
                UnitAddress(place, unit),
                tuple(Want(unit, 3, read.every_ms, False, 0, REGISTERS) for read in model.register_reads()),
            )
            for unit in range(1, UNITS + 1)
        ]
    )
    async with asyncio.TaskGroup() as tasks:
        running = tasks.create_task(line.run())
        case = await measured(seconds, lambda: count)
        running.cancel()
    return case


async def bare(port: int, seconds: float, every_s: float) -> Case:
    """pymodbus's asynchronous client, which asks unit after unit and throws the registers away."""
    count = 0
    stopping = False  # its `wait_for` may swallow a cancellation

    async def poll() -> None:
        nonlocal count
        async with AsyncModbusTcpClient("127.0.0.1", port=port) as client:
            due = time.monotonic()
            while not stopping:
                for unit in range(1, UNITS + 1):
                    answer = await client.read_holding_registers(0, count=REGISTERS, device_id=unit)
                    assert len(answer.registers) == REGISTERS
                    count += 1
                due += every_s
                await asyncio.sleep(max(0.0, due - time.monotonic()) if every_s else 0)

    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(poll())
        case = await measured(seconds, lambda: count)
        stopping = True
    return case


Run = Callable[[int, float], Coroutine[Any, Any, Case]]
FLAT_OUT: Final[dict[str, Run]] = {
    "pymodbus async, bare": lambda port, seconds: bare(port, seconds, 0),
    "driver, not decoding": lambda port, seconds: reading_only(port, seconds, "1ms"),
    "driver, 8 points": lambda port, seconds: ours(port, seconds, "1ms", 8),
    "driver, 40 points": lambda port, seconds: ours(port, seconds, "1ms", 40),
}
EACH_SECOND: Final[dict[str, Run]] = {
    "pymodbus async, bare": lambda port, seconds: bare(port, seconds, 1),
    "driver, not decoding": lambda port, seconds: reading_only(port, seconds, "1s"),
    "driver, 8 points": lambda port, seconds: ours(port, seconds, "1s", 8),
    "driver, 40 points": lambda port, seconds: ours(port, seconds, "1s", 40),
}


def compare(title: str, cases: dict[str, Run], rounds: int, seconds: float) -> dict[str, Any]:
    """All cases in turn, round after round; prints the medians, and the ratio to the first case."""
    seen: dict[str, list[Case]] = {name: [] for name in cases}
    with serving(serve_tcp) as port:
        for turn in range(rounds):
            for name in list(cases) if turn % 2 == 0 else list(cases)[::-1]:
                seen[name].append(asyncio.run(cases[name](port, seconds)))
    console.print(f"\n{title}, {rounds} rounds of {seconds:g} s")
    first = next(iter(cases))
    table = {}
    for name, runs in seen.items():
        row = {field: statistics.median(getattr(run, field) for run in runs) for field in Case._fields}
        pairs = list(zip(runs, seen[first], strict=True))
        row["rate_ratio"] = statistics.median(a.polls_a_second / b.polls_a_second for a, b in pairs)
        row["cpu_ratio"] = statistics.median(a.cpu_ms_a_1000_polls / b.cpu_ms_a_1000_polls for a, b in pairs)
        table[name] = row
        console.print(
            f"  {name:22} {row['polls_a_second']:8.0f} polls/s {row['polls_a_second'] * REGISTERS:9.0f} "
            f"registers/s ({row['rate_ratio']:.2f}×)  CPU {row['cpu_percent']:6.2f} %, "
            f"{row['cpu_ms_a_1000_polls']:6.1f} ms/1000 polls ({row['cpu_ratio']:.2f}×)"
        )
    return table


async def rate_of_living(port: str, seconds: float, every: str) -> float:
    """Readings a second of the units that never die, from the very start."""
    async with driving(profile(8, every), serial=port, baud=BAUD) as counts:
        await asyncio.sleep(seconds)
        return sum(count for name, count in counts.items() if int(name[1:]) > DEAD) / seconds


def beside_dead(every: str, seconds: float) -> dict[str, float]:
    """What ten dead units of fifty on one RTU line take from the others."""
    rates = {}
    for dead in (0, DEAD):
        with serving(serve_rtu, dead) as port:
            rates[dead] = asyncio.run(rate_of_living(port, seconds, every))
    kept = rates[DEAD] / rates[0]
    console.print(
        f"  every {every:>4}: {rates[0]:6.1f} readings/s of {UNITS - DEAD} units while all live, "
        f"{rates[DEAD]:6.1f} with {DEAD} dead: {kept:.0%}"
    )
    return {"all_alive": rates[0], "some_dead": rates[DEAD], "kept": kept}


def main(
    rounds: Annotated[int, typer.Option(min=1, help="Times that everything is measured")] = 5,
    seconds: Annotated[float, typer.Option(min=0.2, help="Length of a case")] = 3.0,
    dead_seconds: Annotated[float, typer.Option(min=1, help="Length of a run with dead units")] = 60.0,
    out: Annotated[Path, typer.Option(help="Folder of the JSON results")] = Path("build/bench"),
) -> None:
    """Measures the Modbus poller on this machine."""
    show_machine()
    result: dict[str, Any] = {"machine": machine()}
    result["flat_out"] = compare("As fast as possible, one connection", FLAT_OUT, rounds, seconds)
    result["each_second"] = compare("Each unit once a second", EACH_SECOND, rounds, max(6.0, 2 * seconds))
    console.print(
        f"\n{DEAD} of {UNITS} units dead on an RTU line of {BAUD} baud, {dead_seconds:g} s from start"
    )
    result["beside_dead"] = {every: beside_dead(every, dead_seconds) for every in ("1s", "1ms")}
    out.mkdir(parents=True, exist_ok=True)
    (out / "modbus.json").write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    typer.run(main)
