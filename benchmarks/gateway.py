"""A gateway in the field: how soon it reads, what it costs, what a collapse of power takes, how it drains."""

import asyncio
import os
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import psutil

from benchmarks.report import keep, median_of, show
from gateway import wire
from gateway.lanes.spill import SpillFile
from tests.contract.gateway_parts import FakeServer, desired, fake_server
from tests.parts.mosquitto import Mosquitto, running_mosquitto
from tests.parts.processes import REPOSITORY, free_port

NAME: Final = "gw-1"
DEVICES: Final = tuple(f"b{number}" for number in range(200))
IDLE_S: Final = 20.0
SETTLE_S: Final = 5.0
PACE_S: Final = 0.1
"""Between two readings while the power is on."""
BACKLOG: Final = 3_000
ALARMS: Final = 20


@dataclass(frozen=True, slots=True)
class Bench:
    """A broker, the server's side of the wire, and a gateway's data folder."""

    broker: Mosquitto
    server: FakeServer
    data: Path

    @contextmanager
    def gateway(self, *, uplink: bool = True) -> Iterator[subprocess.Popen[bytes]]:
        """The gateway as a process; killed at the end, as by a power cut."""
        broker = self.broker
        variables = {
            "NAME": NAME,
            "DATA": str(self.data),
            "UPLINK__HOST": broker.host,
            "UPLINK__PORT": str(broker.port if uplink else free_port()),
            "UPLINK__USER": NAME,
            "UPLINK__PASSWORD_FILE": str(broker.password_file(NAME)),
            "DEVICES__HOST": broker.host,
            "DEVICES__PORT": str(broker.port),
            "DEVICES__USER": "edge",
            "DEVICES__PASSWORD_FILE": str(broker.password_file("edge")),
        }
        process = subprocess.Popen(
            [sys.executable, "-m", "sunwell", "gateway"],
            cwd=REPOSITORY,
            env=os.environ | {f"SUNWELL_GATEWAY_{name}": value for name, value in variables.items()},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            yield process
        finally:
            process.kill()
            process.wait(10)

    async def speak(self, device: str, pace_s: float) -> None:
        """Let a device speak again and again. Runs until cancelled."""
        while True:
            await self.server.say(device, {"battery": 50, "linkquality": 90})
            await asyncio.sleep(pace_s)

    async def acknowledge(self) -> None:
        """Say that everything is stored, as it comes. Runs until cancelled."""
        while True:
            frame = await self.server.take("up/data")
            await self.server.acknowledge(frame)

    @asynccontextmanager
    async def beside(self, *works: Any) -> AsyncIterator[None]:
        """These coroutines, while the block runs."""
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(work) for work in works]
            try:
                yield
            finally:
                for task in tasks:
                    task.cancel()


async def measure(rounds: int, out: Path) -> None:
    """Prints the tables and keeps them."""
    found = []
    for _ in range(rounds):
        with tempfile.TemporaryDirectory(prefix="sunwell-bench-") as folder, running_mosquitto() as broker:
            async with fake_server(broker, NAME) as server:
                found.append(await _round(Bench(broker, server, Path(folder))))
    result = median_of(found)
    result["loss s, worst"] = max(one["loss s, worst"] for one in found)
    show(f"a gateway with {len(DEVICES)} devices, medians of {rounds} rounds", [result])
    keep(out, "gateway", {"rounds": found, "median": result})


async def _round(bench: Bench) -> dict[str, float]:
    await bench.server.send("down/desired", desired(1, *DEVICES), retain=True)
    cost = await _cost(bench)
    return {**cost, "first reading s": await _first(bench), **await _loss(bench), **await _drain(bench)}


async def _cost(bench: Bench) -> dict[str, float]:
    """Memory, and the processor while nobody speaks and while each device speaks once a minute."""
    with bench.gateway() as child:
        process = psutil.Process(child.pid)
        await bench.server.take("up/state", lambda state: state.online and state.applied == 1)
        await asyncio.sleep(SETTLE_S)
        idle = await _share(process)
        async with bench.beside(bench.speak(DEVICES[0], 60 / len(DEVICES)), bench.acknowledge()):
            usual = await _share(process)
        return {"memory MB": process.memory_info().rss / 1e6, "idle CPU %": idle, "usual CPU %": usual}


async def _share(process: psutil.Process) -> float:
    before, began = process.cpu_times(), time.monotonic()
    await asyncio.sleep(IDLE_S)
    after = process.cpu_times()
    used = after.user + after.system - before.user - before.system
    return 100 * used / (time.monotonic() - began)


async def _first(bench: Bench) -> float:
    """From the start of the program to a reading at the server; what it has to do is on its disk."""
    bench.server.received.clear()
    async with bench.beside(bench.speak(DEVICES[1], 0.05)):
        began = time.monotonic()
        with bench.gateway():
            await bench.server.take("up/data")
            return time.monotonic() - began


async def _loss(bench: Bench) -> dict[str, float]:
    """Killed at a random moment while nobody acknowledges: how old is the newest reading on the disk?"""
    lost = []
    for _ in range(3):
        async with bench.beside(bench.speak(DEVICES[2], PACE_S)):
            with bench.gateway(uplink=False) as child:
                await asyncio.sleep(12 + 5 * random.random())
                child.kill()
                killed = time.time()
        lost.append(killed - await asyncio.to_thread(_newest, bench.data))
    return {"loss s, worst": max(lost)}


def _newest(folder: Path) -> float:
    file, _ = SpillFile.open(folder / "telemetry.db", now_ms=0, new_epoch=lambda: "none", quota_mb=256)
    rows = file._connection.execute("SELECT message FROM frame ORDER BY place DESC LIMIT 5").fetchall()
    file.close()
    frames = [wire.decode("up/data", row[0]) for row in rows]
    return float(max(one.r for frame in frames for one in frame.readings)) / 1000


async def _drain(bench: Bench) -> dict[str, float]:
    """After a cut: from the connection to the last of the alarms, and the rate at which the backlog goes."""
    with bench.gateway(uplink=False):
        await asyncio.sleep(4)
        for number in range(ALARMS):
            await bench.server.press(DEVICES[number])
        for number in range(BACKLOG):
            await bench.server.say(DEVICES[number % len(DEVICES)], {"battery": number % 100})
        await asyncio.sleep(9)  # until all of it is on the disk
    bench.server.received.clear()
    with bench.gateway() as _:
        await bench.server.take("up/state", lambda state: state.online)
        began = time.monotonic()
        for _number in range(ALARMS):
            await bench.server.acknowledge(await bench.server.take("up/alarm"))
        alarms_s = time.monotonic() - began
        readings = 0
        while readings < BACKLOG:
            frame = await bench.server.take("up/data")
            readings += len(frame.readings)
            await bench.server.acknowledge(frame)
        rate = readings / (time.monotonic() - began)
    return {f"{ALARMS} alarms s": alarms_s, "backlog readings/s": rate}
