"""The Modbus poller beside pymodbus, and beside dead units: `python -m benchmarks modbus`.

50 units of 40 registers each. In each round all cases run one after the other; figures are medians of the
rounds, ratios are of cases of the same round, to the peer that does the like:

- reading: pymodbus throws the registers away; the driver's lines decide what to ask, and throw away as well;
- converting: pymodbus makes signed numbers of all registers (`convert_from_registers`, one call for all) and
  scales them; the driver makes checked readings of 40 points out of them and emits these.
"""

import asyncio
import statistics
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final, NamedTuple

from pymodbus.client import AsyncModbusTcpClient, ModbusTcpClient

from benchmarks.modbus_slaves import BAUD, REGISTERS, UNITS, serve_rtu, serve_tcp, serving
from benchmarks.report import console, keep
from edge.core.plan import Want
from edge.driver import EdgeDevice, system_clock
from edge.drivers.modbus import ModbusDriver
from edge.drivers.modbus.addresses import TcpPlace, UnitAddress
from edge.drivers.modbus.delivery import Member, Said
from edge.drivers.modbus.line import Line
from edge.readings import Reading
from firmware_profiles import Profile, parse_profile

DEAD: Final = 10
FIRST_S: Final = 10
"""The cold start is looked at by itself."""
Ports = Sequence[int]


class Case(NamedTuple):
    """What a case did while it was measured."""

    polls_a_second: float
    cpu_us_a_poll: float
    cpu_percent: float


Run = Callable[[Ports, float], Coroutine[Any, Any, Case]]


def profile(every: str) -> Profile:
    """A model with one read of 40 registers: tenths of a degree, with the usual sign of a broken sensor."""
    name = {"zh": "值", "en": "Value"}
    names = [f"r{n}" for n in range(REGISTERS)]
    return parse_profile(
        {
            "id": "bench",
            "schema": 1,
            "family": "temperature",
            "vendor": "Bench",
            "model": "B",
            "name": name,
            "transport": "modbus",
            "verified": "computed",
            "sources": ["made for measuring"],
            "points": {
                one: {"name": name, "kind": "measure", "unit": "Cel", "range": [-40, 125]} for one in names
            },
            "decode": {
                "kind": "registers",
                "reads": [{"address": 0, "count": REGISTERS, "every": every}],
                "fields": {
                    one: {"address": n, "type": "i16", "scale": 0.1, "sentinels": {"0x7FFF": "error"}}
                    for n, one in enumerate(names)
                },
            },
            "battery": {"kind": "mains"},
            "examples": [
                {"name": f"example {n}", "input": {"registers": {"3:0": [n]}}, "points": {"r0": n / 10}}
                for n in range(2)
            ]
            + [{"name": "refused", "input": {"registers": {"4:65000": [1]}}, "refusal": "no_values"}],
        }
    )


@asynccontextmanager
async def driving(devices: Sequence[EdgeDevice]) -> AsyncIterator[Counter[str]]:
    """Our driver; gives the readings counted by unit."""
    counts: Counter[str] = Counter()

    async def emit(reading: Reading) -> None:
        counts[reading.device] += 1

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
    return _case(total() - polls, time.process_time() - cpu, time.monotonic() - start)


def _case(polls: int, cpu_s: float, passed_s: float) -> Case:
    return Case(polls / passed_s, cpu_s * 1e6 / max(1, polls), 100 * cpu_s / passed_s)


def decoding(every: str) -> Run:
    """The whole driver: readings of 40 points."""

    async def run(ports: Ports, seconds: float) -> Case:
        model = profile(every)
        devices = [
            EdgeDevice(
                id=f"u{unit}",
                position=f"p{unit}",
                profile=model,
                address={"host": "127.0.0.1", "port": ports[unit % len(ports)], "unit": unit},
            )
            for unit in range(1, UNITS + 1)
        ]
        async with driving(devices) as counts:
            return await measured(seconds, counts.total)

    return run


def reading_only(every: str) -> Run:
    """The driver's lines alone: registers are read and counted, but not decoded."""

    async def run(ports: Ports, seconds: float) -> Case:
        count = 0

        async def deliver(said: Said) -> None:
            nonlocal count
            assert len(said.finished.values.words) == REGISTERS
            count += 1

        reads = profile(every).register_reads()
        async with asyncio.TaskGroup() as tasks:
            running = []
            for index, port in enumerate(ports):
                place = TcpPlace("127.0.0.1", port)
                line = Line(place, deliver=deliver, trouble=lambda report: None, clock=system_clock)
                units = [unit for unit in range(1, UNITS + 1) if unit % len(ports) == index]
                line.apply([_member(place, unit, reads) for unit in units])
                running.append(tasks.create_task(line.run()))
            case = await measured(seconds, lambda: count)
            for task in running:
                task.cancel()
        return case

    return run


def _member(place: TcpPlace, unit: int, reads: Sequence[Any]) -> Member:
    device = EdgeDevice(id=f"u{unit}", position=f"p{unit}", profile=profile("1s"), address={})
    wants = tuple(Want(unit, 3, read.every_ms, False, 0, REGISTERS) for read in reads)
    return Member(device, UnitAddress(place, unit), wants)


def _converted(registers: Sequence[int]) -> list[float]:
    numbers = AsyncModbusTcpClient.convert_from_registers(registers, AsyncModbusTcpClient.DATATYPE.INT16)
    assert isinstance(numbers, list)
    return [round(float(number) * 0.1, 9) for number in numbers]


def asynchronous(every_s: float, *, convert: bool) -> Run:
    """pymodbus's asynchronous client, one for each port: it asks unit after unit."""

    async def run(ports: Ports, seconds: float) -> Case:
        count = 0
        stopping = False  # its `wait_for` may swallow a cancellation

        async def poll(index: int, port: int) -> None:
            nonlocal count
            units = [unit for unit in range(1, UNITS + 1) if unit % len(ports) == index]
            async with AsyncModbusTcpClient("127.0.0.1", port=port) as client:
                due = time.monotonic()
                while not stopping:
                    for unit in units:
                        answer = await client.read_holding_registers(0, count=REGISTERS, device_id=unit)
                        found = _converted(answer.registers) if convert else answer.registers
                        assert len(found) == REGISTERS
                        count += 1
                    due += every_s
                    await asyncio.sleep(max(0.0, due - time.monotonic()) if every_s else 0)

        async with asyncio.TaskGroup() as tasks:
            for index, port in enumerate(ports):
                tasks.create_task(poll(index, port))
            case = await measured(seconds, lambda: count)
            stopping = True
        return case

    return run


def blocking(*, convert: bool) -> Run:
    """pymodbus's blocking client: one connection, and nothing else in its thread."""

    async def run(ports: Ports, seconds: float) -> Case:
        with ModbusTcpClient("127.0.0.1", port=ports[0]) as client:
            _ask(client, min(1.0, seconds / 3), convert=convert)
            return _ask(client, seconds, convert=convert)

    return run


def _ask(client: ModbusTcpClient, seconds: float, *, convert: bool) -> Case:
    polls, cpu, start = 0, time.process_time(), time.monotonic()
    while time.monotonic() - start < seconds:
        for unit in range(1, UNITS + 1):
            answer = client.read_holding_registers(0, count=REGISTERS, device_id=unit)
            found = _converted(answer.registers) if convert else answer.registers
            assert len(found) == REGISTERS
            polls += 1
    return _case(polls, time.process_time() - cpu, time.monotonic() - start)


READING: Final = "pymodbus async, reading"
CONVERTING: Final = "pymodbus async, converting"


def _both(every: str, every_s: float) -> dict[str, Run]:
    return {
        READING: asynchronous(every_s, convert=False),
        "Sunwell, reading": reading_only(every),
        CONVERTING: asynchronous(every_s, convert=True),
        "Sunwell, readings of 40 points": decoding(every),
    }


FLAT_OUT: Final = _both("1ms", 0)
SYNC: Final[dict[str, Run]] = {
    "pymodbus sync, reading": blocking(convert=False),
    "pymodbus sync, converting": blocking(convert=True),
}


def compare(title: str, cases: dict[str, Run], ports: Ports, rounds: int, seconds: float) -> dict[str, Any]:
    """All cases in turn, forth and back; prints medians, and the ratios to both of pymodbus's async cases."""
    seen: dict[str, list[Case]] = {name: [] for name in cases}
    for turn in range(rounds):
        for name in list(cases) if turn % 2 == 0 else list(cases)[::-1]:
            seen[name].append(asyncio.run(cases[name](ports, seconds)))
    console.print(f"\n{title}, {rounds} rounds of {seconds:g} s")
    console.print(
        f"  {'':31} {'polls/s':>8} {'registers/s':>12} {'CPU µs/poll':>12} {'CPU %':>6}"
        "   rate and CPU × reading, × converting"
    )
    table = {}
    for name, runs in seen.items():
        row = {field: statistics.median(getattr(run, field) for run in runs) for field in Case._fields}
        for peer in (READING, CONVERTING):
            for field in ("polls_a_second", "cpu_us_a_poll"):
                pairs = zip(runs, seen[peer], strict=True)
                row[f"{field} / {peer}"] = statistics.median(
                    getattr(one, field) / getattr(other, field) for one, other in pairs
                )
        table[name] = row
        ratios = [row[f"{field} / {peer}"] for peer in (READING, CONVERTING) for field in Case._fields[:2]]
        console.print(
            f"  {name:31} {row['polls_a_second']:8.0f} {row['polls_a_second'] * REGISTERS:12.0f} "
            f"{row['cpu_us_a_poll']:12.1f} {row['cpu_percent']:6.2f}   "
            "{:.2f} {:.2f}, {:.2f} {:.2f}".format(*ratios)
        )
    return table


async def rates_of_living(port: str, seconds: float, every: str) -> tuple[float, float]:
    """Readings a second of the units that never die, from the very start: of the first 10 s, and of all."""
    model = profile(every)
    devices = [
        EdgeDevice(
            id=f"u{unit}",
            position=f"p{unit}",
            profile=model,
            address={"serial": port, "baud": BAUD, "unit": unit},
        )
        for unit in range(1, UNITS + 1)
    ]
    async with driving(devices) as counts:
        await asyncio.sleep(min(FIRST_S, seconds))
        first = _living(counts)
        await asyncio.sleep(max(0.0, seconds - FIRST_S))
        return first / min(FIRST_S, seconds), _living(counts) / seconds


def _living(counts: Counter[str]) -> int:
    return sum(count for name, count in counts.items() if int(name[1:]) > DEAD)


def beside_dead(every: str, seconds: float) -> dict[str, float]:
    """What ten dead units of fifty on one RTU line take from the others. The dead ones are asked first."""
    rates = {}
    for dead in (0, DEAD):
        with serving(serve_rtu, dead) as port:
            rates[dead] = asyncio.run(rates_of_living(port, seconds, every))
    kept_first, kept = (rates[DEAD][part] / rates[0][part] for part in (0, 1))
    console.print(
        f"  every {every:>4}: {rates[0][1]:6.1f} readings/s of {UNITS - DEAD} units while all live, "
        f"{rates[DEAD][1]:6.1f} with {DEAD} dead: {kept:.0%}; of the first {FIRST_S} s {kept_first:.0%}"
    )
    return {
        "all_alive": rates[0][1],
        "some_dead": rates[DEAD][1],
        "kept": kept,
        "kept_of_the_first_seconds": kept_first,
    }


def measure(rounds: int, seconds: float, dead_seconds: float, out: Path) -> None:
    """All of it, printed and kept."""
    result: dict[str, Any] = {}
    with serving(serve_tcp) as ports:
        one = ports[:1]
        flat_out = {**FLAT_OUT, **SYNC}
        result["flat_out"] = compare("As fast as possible, one connection", flat_out, one, rounds, seconds)
        result["flat_out_50"] = compare(
            "As fast as possible, 50 connections", FLAT_OUT, ports, rounds, seconds
        )
        result["each_second"] = compare(
            "Each unit once a second, one connection", _both("1s", 1), one, rounds, max(4.0, 2 * seconds)
        )
    console.print(
        f"\n{DEAD} of {UNITS} units dead on a pseudo-terminal at the pace of {BAUD} baud, "
        f"{dead_seconds:g} s from a cold start"
    )
    result["beside_dead"] = {every: beside_dead(every, dead_seconds) for every in ("1s", "1ms")}
    console.print(f"\n{keep(out, 'modbus', result)}")
