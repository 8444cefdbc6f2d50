"""SIGKILL to server, gateway and both brokers, each while presses come in: all are there, none twice."""

import asyncio
from datetime import UTC, datetime, timedelta

import aiomqtt
import pytest

from tests.e2e.street import SOS_TOPIC, press_at, register_home
from tests.e2e.system import RealSystem, wait_for

PRESSES = 60
EVERY_S = 0.05
KILL_AFTER = 15
START_AFTER = 35


class Button:
    """A radio stick's publisher: says each press until the broker has it, over any number of connections."""

    def __init__(self, system: RealSystem) -> None:
        self._system = system
        self._waiting: asyncio.Queue[str] = asyncio.Queue()
        self.said = 0

    def press(self, payload: str) -> None:
        """Pressed. The stick keeps it until the broker has it."""
        self._waiting.put_nowait(payload)

    async def run(self, presses: int) -> None:
        """Says so many presses."""
        payload: str | None = None
        while self.said < presses:
            try:
                async with self._system.device_client() as client:
                    while self.said < presses:
                        payload = payload or await self._waiting.get()
                        await client.publish(SOS_TOPIC, payload, qos=1, timeout=2)
                        payload = None
                        self.said += 1
            except aiomqtt.MqttError:
                await asyncio.sleep(0.05)


@pytest.mark.parametrize(
    "victim",
    [
        "server",
        "gateway",
        pytest.param("mosquitto", marks=pytest.mark.soak),
        pytest.param("device_broker", marks=pytest.mark.soak),
    ],
)
async def test_every_press_survives(real_system: RealSystem, victim: str) -> None:
    """Presses come every 50 ms; the victim is killed after the 15th and starts again after the 35th."""
    await register_home(real_system)
    begin = datetime.now(UTC) - timedelta(seconds=2 * PRESSES)
    times = [begin + timedelta(seconds=2 * number) for number in range(PRESSES)]
    button = Button(real_system)
    async with asyncio.TaskGroup() as group:
        group.create_task(button.run(PRESSES))
        for number, moment in enumerate(times):
            if number == KILL_AFTER:
                await asyncio.to_thread(kill, real_system, victim)
            if number == START_AFTER:
                await start(real_system, victim)
            button.press(press_at(moment))
            await asyncio.sleep(EVERY_S)
    await real_system.wait_ready()
    await wait_for("all occurrences", lambda: len(real_system.api.occurrences()) >= PRESSES)
    await asyncio.sleep(6)  # longer than any re-send waits: a doubled one would show now
    seen = sorted(occurrence["device_at"] for occurrence in real_system.api.occurrences())
    assert [datetime.fromisoformat(time) for time in seen] == [
        moment.replace(microsecond=moment.microsecond // 1000 * 1000) for moment in times
    ]


def kill(system: RealSystem, victim: str) -> None:
    """SIGKILL."""
    if victim in ("server", "gateway"):
        system.kill(victim)
    else:
        getattr(system, victim).kill()


async def start(system: RealSystem, victim: str) -> None:
    """Starts it again, without waiting for it."""
    if victim == "gateway":
        system.start_gateway()
    elif victim == "server":
        system.begin_server()
    else:
        await asyncio.to_thread(getattr(system, victim).start)
