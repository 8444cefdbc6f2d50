"""A gateway that boots without the time: nothing waits for the clock but telemetry, and all is put right."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from gateway import wire
from gateway.app import GatewayApp
from gateway.core.clock import EARLIEST_MS
from gateway.health.machine import wall_ms
from tests.contract.gateway_parts import FakeServer, desired, fake_server, settings
from tests.contract.test_gateway import eventually, with_buttons
from tests.parts.mosquitto import Mosquitto
from tests.parts.processes import free_port

NAME = "gw-1"
WRONG = {
    "1970": -(wall_ms() - 60_000),
    "three hours behind": -3 * 3_600_000,
    "a year ahead": 365 * 86_400_000,
}


class Machine:
    """Its wall clock is wrong until a time server answers."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, wrong_ms: int) -> None:
        self.wrong_ms = wrong_ms
        self.synchronised = False
        monkeypatch.setattr("gateway.judging.synchronised", lambda: self.synchronised)

    def wall_ms(self) -> int:
        """What `date` would say."""
        return wall_ms() + self.wrong_ms

    def set_right(self) -> None:
        """The time server has answered."""
        self.wrong_ms, self.synchronised = 0, True


@pytest.fixture
async def server(mosquitto: Mosquitto) -> AsyncIterator[FakeServer]:
    async with fake_server(mosquitto, NAME) as found:
        yield found


@pytest.mark.parametrize("wrong", WRONG)
async def test_what_came_before_the_time_was_known_is_put_right_and_flagged(
    mosquitto: Mosquitto, server: FakeServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, wrong: str
) -> None:
    """The line is down all the while, as it mostly is when no time server answers."""
    machine = Machine(monkeypatch, WRONG[wrong])
    first = settings(mosquitto, NAME, tmp_path, uplink_port=free_port())
    app = GatewayApp(first, clock=machine.wall_ms)
    async with app:
        await app.apply(desired(1, "b1", "b2"))
        await app.drivers["mqtt"].ready.wait()  # type: ignore[attr-defined]  # the MQTT driver's
        assert not app.health().clock_trusted
        pressed_ms = wall_ms()
        await server.press("b1")
        await server.say("b2", {"battery": 77})
        await eventually(lambda: app.health().alarm_depth == 1 and app.health().data_depth >= 1)
        await app._judging.recorder.spill_all()
        machine.set_right()
        await eventually(lambda: app.health().clock_trusted)
        told_ms = wall_ms()
        await server.say("b2", {"battery": 78})
        await eventually(lambda: app.health().data_depth >= 2)
    async with GatewayApp(settings(mosquitto, NAME, tmp_path)):
        alarm = await server.take("up/alarm")
        await server.acknowledge(alarm)
        assert (alarm.clock_trusted, pressed_ms <= alarm.device_ms <= told_ms) == (False, True)
        assert pressed_ms <= alarm.gateway_ms <= told_ms
        readings: dict[float, wire.DataReading] = {}
        while {77, 78} - readings.keys():
            frame = await server.take("up/data")
            await server.acknowledge(frame)
            readings |= {float(one.v["battery"]): one for one in frame.readings}
        before, after = readings[77], readings[78]
        assert (before.c, pressed_ms <= before.t == before.r <= told_ms) == (False, True)
        assert (after.c, after.t >= told_ms) == (True, True)


async def test_alarms_wait_for_no_clock_and_telemetry_waits_until_it_is_right(
    mosquitto: Mosquitto, server: FakeServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    machine = Machine(monkeypatch, -3 * 3_600_000)
    async with GatewayApp(settings(mosquitto, NAME, tmp_path), clock=machine.wall_ms) as app:
        await with_buttons(app, server, "b1")
        pressed_ms = wall_ms()
        await server.press("b1")
        alarm = await server.take("up/alarm")
        await server.acknowledge(alarm)
        assert not alarm.clock_trusted
        await eventually(lambda: app.health().data_depth >= 1 and app.health().alarm_depth == 0)
        assert [channel for channel, _ in server.received if channel == "up/data"] == []
        machine.set_right()
        frame = await server.take("up/data")
        assert pressed_ms <= frame.readings[0].t <= wall_ms()
        assert not frame.readings[0].c


async def test_without_a_time_server_in_reach_telemetry_goes_as_it_is_but_never_with_an_impossible_time(
    mosquitto: Mosquitto, server: FakeServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway.judging.HOLD_MS", 0)
    machine = Machine(monkeypatch, EARLIEST_MS - 86_400_000 - wall_ms())
    async with GatewayApp(settings(mosquitto, NAME, tmp_path), clock=machine.wall_ms) as app:
        await with_buttons(app, server, "b1")
        await server.say("b1", {"battery": 77})
        await eventually(lambda: app.health().data_depth >= 1)
        assert [channel for channel, _ in server.received if channel == "up/data"] == []
        machine.wrong_ms = -60_000  # set by hand: nobody knows whether it is right
        frame = await server.take("up/data")
        assert not frame.readings[0].c
        assert abs(frame.readings[0].t - wall_ms()) < 120_000
