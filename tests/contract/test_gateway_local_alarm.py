"""The room hears a press while the uplink is cut: a whole gateway, a real broker for the buttons, and
gpiozero's own MockFactory in the place of the pins."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from gpiozero.pins.mock import MockFactory

from gateway import wire
from gateway.app import GatewayApp
from gateway.outputs.gpio import GpioSwitch
from gateway.outputs.local_alarm import Fittings
from tests.contract.gateway_parts import WAIT_S, FakeServer, desired, fake_server, settings
from tests.contract.test_gateway import NAME
from tests.contract.test_gateway_commands import ask, reply_to
from tests.parts.mosquitto import Mosquitto
from tests.parts.processes import free_port


class Siren(GpioSwitch):
    """A siren at a mock pin whose changes can be awaited; it notes what had happened before it sounded."""

    def __init__(self, pins: MockFactory) -> None:
        super().__init__("siren", 17, factory=pins)
        self._pins = pins
        self._told = asyncio.Event()
        self.app: GatewayApp | None = None
        self.kept_before: list[int] = []

    def set(self, on: bool) -> None:
        """Switch, and note."""
        before = self.is_on
        super().set(on)
        if self.is_on != before:
            if on and self.app is not None:
                self.kept_before.append(self.app.health().alarm_depth)
            self._told.set()

    @property
    def is_on(self) -> bool:
        """What the pin says."""
        return self._pins.pin(17).function == "output" and bool(self._pins.pin(17).state)

    async def until(self, on: bool) -> None:
        """Return once the pin is so."""
        async with asyncio.timeout(WAIT_S):
            while self.is_on is not on:
                self._told.clear()
                await self._told.wait()


@pytest.fixture
async def server(mosquitto: Mosquitto) -> AsyncIterator[FakeServer]:
    async with fake_server(mosquitto, NAME) as found:
        yield found


@pytest.fixture
def siren() -> Siren:
    return Siren(MockFactory())


async def prepared(app: GatewayApp, siren: Siren) -> None:
    siren.app = app
    await app.apply(desired(1, "b1"))
    await app.drivers["mqtt"].ready.wait()  # type: ignore[attr-defined]  # the MQTT driver's


async def test_a_press_sounds_with_the_uplink_cut_and_is_on_disk_by_then(
    mosquitto: Mosquitto, server: FakeServer, tmp_path: Path, siren: Siren
) -> None:
    cut_off = settings(mosquitto, NAME, tmp_path, uplink_port=free_port())
    async with GatewayApp(cut_off, fitted=Fittings(siren=siren)) as app:
        await prepared(app, siren)
        assert not siren.is_on
        await server.press("b1")
        await siren.until(on=True)
        assert not app.online.is_set()
        assert siren.kept_before == [1]  # first on disk, then heard: nothing was waited for in between
    assert not siren.is_on


async def test_the_answer_of_a_person_silences_that_press_only(
    mosquitto: Mosquitto, server: FakeServer, tmp_path: Path, siren: Siren
) -> None:
    async with GatewayApp(settings(mosquitto, NAME, tmp_path), fitted=Fittings(siren=siren)) as app:
        await app.online.wait()
        await prepared(app, siren)
        alarms: list[wire.AlarmMessage] = []
        for _ in range(2):
            await server.press("b1")
            alarms.append(await server.take("up/alarm"))
            await server.acknowledge(alarms[-1])
        await siren.until(on=True)
        reply = await reply_to(server, await ask(server, "silence", breaches=[alarms[0].breach]))
        assert (reply.ok, reply.detail, siren.is_on) == (True, "silenced: 1", True)
        reply = await reply_to(server, await ask(server, "silence", breaches=alarms[1].breach))
        assert not reply.ok
        assert siren.is_on
        assert (await reply_to(server, await ask(server, "silence", breaches=[alarms[1].breach]))).ok
        await siren.until(on=False)
