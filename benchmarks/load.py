"""Room sensors that speak: `python -m benchmarks.load PORT RATE`, a process of its own beside the presses.

Each message is one reading of four values on its sensor's own topic, as Zigbee2MQTT publishes it: at QoS 0,
which is its default. The log-in comes by environment. Told to end (SIGTERM), it prints how many it has sent.
"""

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from socket import IPPROTO_TCP, TCP_NODELAY

import aiomqtt

from benchmarks.street import room, sensor_topic

SENSORS = 100
USER, PASSWORD = "BENCH_MQTT_USER", "BENCH_MQTT_PASSWORD"


@asynccontextmanager
async def speaking(port: int, login: tuple[str, str] | None, rate: int) -> AsyncIterator[list[int]]:
    """The load, from the first message to the end of the block; then the list holds their number."""
    words = [sys.executable, "-m", "benchmarks.load", str(port), str(rate)]
    names = dict(zip((USER, PASSWORD), login, strict=True)) if login else {}
    sent: list[int] = []
    process = await asyncio.create_subprocess_exec(
        *words, env={**os.environ, **names}, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE
    )
    assert process.stdout is not None
    try:
        await process.stdout.readline()
        yield sent
    finally:
        with suppress(ProcessLookupError):
            process.terminate()
        out, _ = await process.communicate()
        sent.append(int(out or 0))


async def _speak(port: int, rate: int) -> int:
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    number = 0
    async with aiomqtt.Client(
        "127.0.0.1",
        port,
        username=os.environ.get(USER),
        password=os.environ.get(PASSWORD),
        protocol=aiomqtt.ProtocolVersion.V311,
        socket_options=[(IPPROTO_TCP, TCP_NODELAY, 1)],
    ) as client:
        print("speaking", flush=True)
        begun = time.perf_counter()
        while not stop.is_set():
            sensor = number % SENSORS
            await client.publish(sensor_topic(sensor), room(int(time.time() * 1000), sensor))
            number += 1
            pause = begun + number / rate - time.perf_counter()
            if pause > 0:
                with suppress(TimeoutError):
                    async with asyncio.timeout(pause):
                        await stop.wait()
    return number


if __name__ == "__main__":
    print(asyncio.run(_speak(int(sys.argv[1]), int(sys.argv[2]))))
