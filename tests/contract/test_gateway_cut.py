"""The line to the server is down for thirteen hours: sensors are read all the while, and all is as before
when it is back."""

from collections.abc import AsyncIterator
from itertools import pairwise
from pathlib import Path

import pytest

from firmware_profiles.load import load_catalogue
from gateway import wire
from gateway.app import GatewayApp
from gateway.health.machine import monotonic_ms, wall_ms
from sunwell.simulate.modbus_host import ModbusHost, SimulatedUnit
from sunwell.simulate.network import Proxy
from tests.contract.gateway_parts import FakeServer, desired, fake_server, settings
from tests.contract.test_gateway import eventually
from tests.parts.mosquitto import Mosquitto

NAME = "gw-1"
HOURS = 13
THERMOMETER = "calex-pyrousb"


class Machine:
    """Both of its clocks can be moved on at once."""

    def __init__(self) -> None:
        self.ahead_ms = -HOURS * 3_600_000

    def wall_ms(self) -> int:
        """UTC milliseconds."""
        return wall_ms() + self.ahead_ms

    def monotonic_ms(self) -> int:
        """Milliseconds that are never set."""
        return monotonic_ms() + self.ahead_ms


@pytest.fixture
async def server(mosquitto: Mosquitto) -> AsyncIterator[FakeServer]:
    async with fake_server(mosquitto, NAME) as found:
        yield found


def both(version: int, port: int, *buttons: str) -> wire.DesiredMessage:
    """Buttons on MQTT, and a thermometer on Modbus."""
    document = desired(version, *buttons)
    thermometer = wire.DesiredDevice(
        id="t1",
        position="kiosk",
        profile=THERMOMETER,
        driver="modbus",
        address={"host": "127.0.0.1", "port": port, "unit": 3},
    )
    return desired(
        version,
        *buttons,
        devices=[*document.devices, thermometer],
        profiles={**document.profiles, THERMOMETER: load_catalogue()[THERMOMETER].document()},
    )


async def test_sensors_are_read_through_a_cut_and_everything_is_there_again_after_it(
    mosquitto: Mosquitto, server: FakeServer, tmp_path: Path
) -> None:
    registers = {0x0F: 360, 0x10: 358, 0x11: 362, 0x12: 361, 0x13: 361, 0x14: 280, 0x15: 0}
    machine = Machine()
    async with (
        ModbusHost([SimulatedUnit(unit=3, registers=lambda: registers)]) as slave,
        Proxy(mosquitto.port) as line,
    ):
        chosen = settings(mosquitto, NAME, tmp_path, uplink_port=line.port)
        app = GatewayApp(chosen, clock=machine.wall_ms, monotonic=machine.monotonic_ms)
        async with app:
            await server.send("down/desired", both(1, slave.port, "b1"), retain=True)
            await server.take("up/state", lambda state: state.session == app.session and state.applied == 1)
            await app.drivers["mqtt"].ready.wait()  # type: ignore[attr-defined]  # the MQTT driver's
            await line.cut()
            await server.take(
                "up/state", lambda state: state.session == app.session and not state.online
            )  # the last will
            server.received.clear()
            for hour in range(HOURS):
                machine.ahead_ms += 3_600_000
                counted = readings(app)
                await server.say("b1", {"battery": 70 - hour})
                wanted = counted if hour % 6 == 0 else {"mqtt"}  # the bus is polled once a real second
                await eventually(lambda: all(readings(app)[one] > counted[one] for one in wanted))  # noqa: B023 - asked at once
            assert app.health().clock_trusted
            assert server.received == []
            await server.press("b1")
            await eventually(lambda: app.health().alarm_depth == 1)
            await line.restore()  # an alarm waits: the next attempt is at most 5 s away
            state = await server.take("up/state", lambda state: state.online)
            assert (state.session, state.applied) == (app.session, 1)
            await server.send("down/desired", both(2, slave.port, "b1", "b2"), retain=True)
            await server.take("up/state", lambda state: state.online and state.applied == 2)
            await server.acknowledge(await server.take("up/alarm"))
            await server.press("b2")
            await server.acknowledge(await server.take("up/alarm", lambda alarm: alarm.device == "b2"))
            await eventually(lambda: app.health().alarm_depth == 0)
            seen: dict[float, int] = {}
            while len(seen) < HOURS:
                frame = await server.take("up/data")
                await server.acknowledge(frame)
                seen |= {
                    float(one.v["battery"]): one.t
                    for one in frame.readings
                    if "battery" in one.v and one.v["battery"] != 88
                }
            times = [seen[70 - hour] for hour in range(HOURS)]
            gaps = [after - before for before, after in pairwise(times)]
            assert all(abs(gap - 3_600_000) < 60_000 for gap in gaps)
            await line.cut()
            await server.take(
                "up/state", lambda state: state.session == app.session and not state.online
            )  # the will is in force again


def readings(app: GatewayApp) -> dict[str, int]:
    """How many each of the two drivers has read."""
    return {one.name: one.readings for one in app.health().drivers if one.name in ("mqtt", "modbus")}
