"""The line to the server is cut for three days: every press of them is there within 5 s of its return."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from edge.readings import Reading
from gateway.app import GatewayApp
from gateway.health.machine import monotonic_ms, wall_ms
from gateway.settings import Broker, GatewaySettings
from sunwell.simulate.network import Proxy
from tests.e2e.settled import Settled
from tests.e2e.street import SOS_TOPIC, press_at, put_device, register_home
from tests.e2e.system import RealSystem, wait_for
from tests.parts.influx import Bucket
from tests.parts.mosquitto import Mosquitto

DAYS_S = 72 * 3600.0
PRESSES = 20
AT_ONCE_S = 5.0
"""The promise: from the connection to the last occurrence in the server's record."""
SENSOR = "d-room"


class Machine:
    """A machine whose time can be moved on: both of its clocks, as if it had waited."""

    def __init__(self, behind_s: float) -> None:
        self.behind_s = behind_s

    def wait(self, seconds: float) -> None:
        """Let so much time go by at once."""
        self.behind_s -= seconds

    def wall_ms(self) -> int:
        """UTC milliseconds."""
        return wall_ms() - round(self.behind_s * 1000)

    def monotonic_ms(self) -> int:
        """Milliseconds that are never set."""
        return monotonic_ms() - round(self.behind_s * 1000)

    def now(self) -> datetime:
        """UTC."""
        return datetime.fromtimestamp(self.wall_ms() / 1000, UTC)


@pytest.fixture
async def server(
    mosquitto: Mosquitto, device_broker: Mosquitto, settled: Settled, influx_bucket: Bucket, tmp_path: Path
) -> AsyncIterator[RealSystem]:
    """The server on the real parts; the gateway is the test's own."""
    system = settled.system(tmp_path, mosquitto, device_broker, influx_bucket)
    try:
        await system.start_server()
        yield system
    finally:
        system.close()


def settings(system: RealSystem, uplink_port: int) -> GatewaySettings:
    """The gateway's settings; its telemetry may take one megabyte."""

    def broker(part: Mosquitto, port: int, user: str) -> Broker:
        return Broker(host="127.0.0.1", port=port, user=user, password_file=part.password_file(user))

    return GatewaySettings(
        name=system.gateway,
        data=system.folder / "gateway",
        uplink=broker(system.mosquitto, uplink_port, system.gateway),
        devices=broker(system.device_broker, system.device_broker.port, "edge"),
        discover=("zigbee2mqtt/+",),
        data_quota_mb=1,
    )


def measured(machine: Machine, value: float) -> Reading:
    """A room sensor's reading, stamped by the gateway."""
    now_ms = machine.wall_ms()
    return Reading(
        position="home-room",
        device=SENSOR,
        family="temperature",
        time_ms=now_ms,
        received_ms=now_ms,
        points={"temperature": value, "humidity": 50.0},
    )


async def test_twenty_presses_in_a_cut_of_three_days_with_a_full_quota(server: RealSystem) -> None:
    machine = Machine(DAYS_S)
    async with Proxy(server.mosquitto.port) as line:
        app = GatewayApp(settings(server, line.port), clock=machine.wall_ms, monotonic=machine.monotonic_ms)
        async with app, server.device_client() as button:
            await register_home(server)
            server.api("PUT", "/positions/home-room", {"area_id": "area-1", "name": "客厅"})
            await put_device(server, SENSOR, "home-room", "sonoff-snzb-02d", {"topic": "zigbee2mqtt/room"})
            await line.cut()
            pressed = []
            for number in range(PRESSES):
                machine.wait(DAYS_S / PRESSES)
                pressed.append(machine.now() - timedelta(minutes=2))
                await button.publish(SOS_TOPIC, press_at(pressed[-1]), qos=1)
                await fill(app, machine, number)
                await wait_for("the press is kept", lambda: app.health().alarm_depth > number)  # noqa: B023 - asked at once
            health = app.health()
            assert health.alarm_depth == PRESSES
            assert health.data_lost > 0, "the quota was not full"
            assert abs((machine.now() - datetime.now(UTC)).total_seconds()) < 1
            assert server.api.occurrences() == []

            await line.restore()
            await asyncio.wait_for(app.online.wait(), 70)
            connected = asyncio.get_running_loop().time()
            await app._judging.emit(measured(machine, 25.0))
            await wait_for("all presses", lambda: len(server.api.occurrences()) == PRESSES, seconds=AT_ONCE_S)
            took = asyncio.get_running_loop().time() - connected
            assert took < AT_ONCE_S
            await wait_for("the newest reading, not the last to come", lambda: room(server) == 25.0)

            await wait_for("an empty gateway", lambda: drained(app))
            assert room(server) == 25.0
            told = sorted(datetime.fromisoformat(one["device_at"]) for one in server.api.occurrences())
            assert told == [one.replace(microsecond=one.microsecond // 1000 * 1000) for one in pressed]
            assert all(one["late"] and one["clock_trusted"] for one in server.api.occurrences())
            (task,) = [one for one in server.api("GET", "/tasks") if one["rule"] == "sos"]
            assert (task["late"], task["occurrences"]) == (True, PRESSES)
            happened, heard = (datetime.fromisoformat(task[name]) for name in ("device_at", "created_at"))
            assert happened == told[0]
            assert heard - happened > timedelta(hours=68)


async def fill(app: GatewayApp, machine: Machine, number: int) -> None:
    """600 readings: all of them are twice what the quota takes."""
    for place in range(600):
        await app._judging.emit(measured(machine, 20 + number / 20 + place / 100_000))
    await app._judging.recorder.spill_all()


def room(system: RealSystem) -> Any:
    """The latest temperature, as the pages show it."""
    values = system.api("GET", "/readings/latest").get("home-room", [])
    return next((value["value"] for value in values if value["field"] == "temperature"), None)


def drained(app: GatewayApp) -> bool:
    """Whether the server has everything."""
    health = app.health()
    return (health.alarm_depth, health.data_depth) == (0, 0)
