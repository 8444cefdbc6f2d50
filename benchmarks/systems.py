"""The systems that are measured: `sunwell demo --no-sim`, and server and gateway on the real parts."""

import asyncio
import os
import subprocess
import sys
import tempfile
import urllib.request
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

import psutil

from sunwell.demo.people import PASSWORD as DEMO_PASSWORD
from tests.e2e.system import PASSWORD, EmbeddedSystem, RealSystem, System
from tests.parts.influx import running_influx
from tests.parts.mosquitto import running_mosquitto
from tests.parts.postgres import running_postgres

CARER = "carer"
RAM = Path("/dev/shm")
"""Debian's RAM file system that everybody may write to; without it the device broker is on the disk too."""


class Parts(StrEnum):
    """What a system stands on."""

    EMBEDDED = "embedded"
    REAL = "real"


@dataclass(frozen=True, slots=True)
class Measured:
    """A running system, the log-in of a carer of it, and the devices' log-in at their broker."""

    parts: Parts
    system: System
    login: str
    password: str
    device_login: tuple[str, str] | None = None

    def cpu_s(self) -> float:
        """Seconds of processor time that Sunwell's own processes have used; not brokers and databases."""
        system = self.system
        children = [system.process] if isinstance(system, EmbeddedSystem) else self._real().processes.values()
        times = [psutil.Process(child.pid).cpu_times() for child in children]
        return sum(one.user + one.system for one in times)

    def _real(self) -> RealSystem:
        assert isinstance(self.system, RealSystem)
        return self.system

    async def readings_stored(self) -> int:
        """How many readings the server has stored since its start."""
        return await asyncio.to_thread(self._readings_stored)

    def _readings_stored(self) -> int:
        with urllib.request.urlopen(f"{self.system.api.url}/metrics", timeout=10) as answer:
            for line in answer.read().decode().splitlines():
                name, _, value = line.partition(" ")
                if name == "sunwell_readings_total":
                    return int(float(value))
        raise LookupError("the server's metrics have no sunwell_readings_total")


@asynccontextmanager
async def running(parts: Parts) -> AsyncIterator[Measured]:
    """A fresh system. Its data is on the disk of the temporary folder, except the device broker's, which
    deploy/ wants on a RAM file system. Raises PartMissingError."""
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="sunwell-bench-")))
        if parts is Parts.EMBEDDED:
            embedded = EmbeddedSystem(folder)
            stack.callback(embedded.close)
            await embedded.start()
            yield Measured(parts, embedded, CARER, DEMO_PASSWORD)
            return
        mosquitto = stack.enter_context(running_mosquitto())
        with _temporary_files_in(RAM):
            device_broker = stack.enter_context(running_mosquitto(beside_gateway=True))
        postgres = stack.enter_context(running_postgres())
        influx = stack.enter_context(running_influx())
        url = await asyncio.to_thread(lambda: postgres.url(postgres.create()))
        bucket = await asyncio.to_thread(influx.create)
        real = RealSystem(folder, mosquitto, device_broker, url, bucket)
        stack.callback(real.close)
        await asyncio.to_thread(_add_carer, real)
        await real.start_server()
        real.start_gateway()
        devices = ("devices", device_broker.passwords["devices"])
        yield Measured(parts, real, CARER, PASSWORD, devices)


@contextmanager
def _temporary_files_in(folder: Path) -> Iterator[None]:
    before = tempfile.tempdir
    tempfile.tempdir = str(folder) if folder.is_dir() else before
    try:
        yield
    finally:
        tempfile.tempdir = before


def _add_carer(system: RealSystem) -> None:
    words = ["user", "add", CARER, "--role", "carer", "--password-file", str(system.folder / "password")]
    subprocess.run(
        [sys.executable, "-m", "sunwell", *words],
        check=True,
        env={**os.environ, **system.server_environment},
        stdout=subprocess.DEVNULL,
    )
