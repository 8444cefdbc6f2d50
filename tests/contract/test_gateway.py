"""A whole gateway on a real Mosquitto: nothing is forgotten before the server has it, alarms go first."""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from gateway import wire
from gateway.app import GatewayApp
from gateway.settings import GatewaySettings
from tests.contract.gateway_parts import FakeServer, desired, fake_server, settings
from tests.parts.mosquitto import Mosquitto
from tests.parts.processes import REPOSITORY, free_port

NAME = "gw-1"


@pytest.fixture
async def server(mosquitto: Mosquitto) -> AsyncIterator[FakeServer]:
    async with fake_server(mosquitto, NAME) as found:
        yield found


@asynccontextmanager
async def running(chosen: GatewaySettings) -> AsyncIterator[GatewayApp]:
    """A gateway that runs, and must stop within five seconds."""
    app = GatewayApp(chosen)
    async with app:
        yield app
        began = asyncio.get_running_loop().time()
    assert asyncio.get_running_loop().time() - began < 5


async def with_buttons(app: GatewayApp, server: FakeServer, *devices: str, version: int = 1) -> None:
    """Register buttons through the desired state and wait until they are heard."""
    await server.send("down/desired", desired(version, *devices), retain=True)
    await server.take("up/state", lambda state: state.session == app.session and state.applied == version)
    await app.drivers["mqtt"].ready.wait()  # type: ignore[attr-defined]  # the MQTT driver's


async def eventually(check: Callable[[], bool]) -> None:
    """Return when it is so; fail if that takes ten seconds."""
    for _ in range(500):
        if check():
            return
        await asyncio.sleep(0.02)
    raise AssertionError("it did not come to be")


async def test_a_press_reaches_the_server_and_is_forgotten_once_acknowledged(
    mosquitto: Mosquitto, server: FakeServer, tmp_path: Path
) -> None:
    async with running(settings(mosquitto, NAME, tmp_path)) as app:
        await with_buttons(app, server, "b1")
        await server.press("b1")
        alarm = await server.take("up/alarm")
        assert (alarm.event, alarm.rule, alarm.position, alarm.value) == (
            "occurred",
            "sos",
            "room of b1",
            "emergency",
        )
        assert [message for channel, message in server.received if channel == "up/data"] == []
        await server.acknowledge(alarm)
        frame = await server.take("up/data")
        assert [reading.v["action"] for reading in frame.readings] == ["emergency"]
        await server.acknowledge(frame)
        health = (await server.take("up/state", lambda state: _drained(state, app))).health
        assert {driver.name for driver in health.drivers} >= {"mqtt", "modbus"}
        assert app.health().uplink_rtt_ms is not None
    async with running(settings(mosquitto, NAME, tmp_path)) as again:
        await again.online.wait()
        await server.take("up/state", lambda state: _drained(state, again))
        assert not [channel for channel, _ in server.received if channel in ("up/alarm", "up/data")]


def _drained(state: wire.StateMessage, app: GatewayApp) -> bool:
    health = state.health
    return (
        state.session == app.session
        and health is not None
        and (health.alarm_depth, health.data_depth) == (0, 0)
    )


async def test_what_is_not_acknowledged_is_sent_again_after_a_reconnect(
    mosquitto: Mosquitto, server: FakeServer, tmp_path: Path
) -> None:
    async with running(settings(mosquitto, NAME, tmp_path)) as app:
        await with_buttons(app, server, "b1")
        await server.press("b1")
        first = await server.take("up/alarm")
    async with running(settings(mosquitto, NAME, tmp_path)) as app:
        again = await server.take("up/alarm")
        assert again == first
        await server.acknowledge(again)
        await server.acknowledge(await server.take("up/data"))
        await server.take("up/state", lambda state: _drained(state, app))


async def test_after_a_cut_alarms_come_before_all_telemetry(
    mosquitto: Mosquitto, server: FakeServer, tmp_path: Path
) -> None:
    async with running(settings(mosquitto, NAME, tmp_path)) as app:
        await with_buttons(app, server, "b1", "b2")
    async with running(settings(mosquitto, NAME, tmp_path, uplink_port=free_port())) as app:
        await app.drivers["mqtt"].ready.wait()  # type: ignore[attr-defined]  # the MQTT driver's
        for number in range(20):
            await server.press("b1")
            await server.say("b2", {"battery": number})
        await eventually(lambda: app.health().alarm_depth >= 20)
        assert app.health().alarm_depth == 20
    async with running(settings(mosquitto, NAME, tmp_path)) as app:
        for _ in range(20):
            await server.take("up/alarm")
        before = [channel for channel, _ in server.received if channel in ("up/alarm", "up/data")]
        assert before == []


async def test_a_gateway_that_dies_is_said_to_be_offline_and_has_lost_no_press(
    mosquitto: Mosquitto, server: FakeServer, tmp_path: Path
) -> None:
    async with running(settings(mosquitto, NAME, tmp_path)) as app:
        await with_buttons(app, server, "b1")
    process = _started(mosquitto, tmp_path)
    try:
        state = await server.take("up/state", lambda state: state.online and state.session != app.session)
        for _ in range(5):
            await server.press("b1")
        seen = [await server.take("up/alarm") for _ in range(5)]
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait(5)
    await server.take("up/state", lambda one: one.session == state.session and not one.online)
    async with running(settings(mosquitto, NAME, tmp_path)):
        again = [await server.take("up/alarm") for _ in range(5)]
    assert again == seen
    assert len({one.breach for one in seen}) == 5


def _started(mosquitto: Mosquitto, data: Path) -> "subprocess.Popen[bytes]":
    prefix = "SUNWELL_GATEWAY_"
    variables = {
        "NAME": NAME,
        "DATA": str(data),
        "UPLINK__HOST": mosquitto.host,
        "UPLINK__PORT": str(mosquitto.port),
        "UPLINK__USER": NAME,
        "UPLINK__PASSWORD_FILE": str(mosquitto.password_file(NAME)),
        "DEVICES__HOST": mosquitto.host,
        "DEVICES__PORT": str(mosquitto.port),
        "DEVICES__USER": "edge",
        "DEVICES__PASSWORD_FILE": str(mosquitto.password_file("edge")),
    }
    return subprocess.Popen(
        [sys.executable, "-m", "sunwell", "gateway"],
        cwd=REPOSITORY,
        env=os.environ | {prefix + name: value for name, value in variables.items()},
    )


async def test_a_bad_document_is_refused_with_its_reasons_and_the_last_good_one_stays(
    mosquitto: Mosquitto, server: FakeServer, tmp_path: Path
) -> None:
    async with running(settings(mosquitto, NAME, tmp_path)) as app:
        await with_buttons(app, server, "b1")
        await server.send("down/desired", desired(2, "b1", "b1"), retain=True)
        state = await server.take("up/state", lambda state: state.refused == 2)
        assert state.applied == 1
        assert "2 devices with the id 'b1'" in state.reason
        await server.send("down/desired", b"{not json", retain=True)
        state = await server.take(
            "up/state", lambda state: state.refused is None and state.reason is not None
        )
        await server.press("b1")
        await server.take("up/alarm")
        await server.send("down/desired", desired(3, "b1"), retain=True)
        state = await server.take("up/state", lambda state: state.applied == 3)
        assert (state.refused, state.reason) == (None, None)


async def test_a_message_that_cannot_be_read_is_counted_and_stops_nothing(
    mosquitto: Mosquitto, server: FakeServer, tmp_path: Path
) -> None:
    async with running(settings(mosquitto, NAME, tmp_path)) as app:
        await with_buttons(app, server, "b1")
        await server.send("down/ack", b"\xff\xfe")
        await server.send("down/command", b"[]")
        await server.say("b1", {"action": 7})
        await server.press("b1")
        await server.take("up/alarm")
        state = await server.take("up/state", lambda one: one.health and one.health.troubles)
        assert [(one.source, one.count) for one in state.health.troubles] == [("server", 2)]


async def test_a_refused_login_is_reported_and_the_gateway_stops_in_time(
    mosquitto: Mosquitto, tmp_path: Path
) -> None:
    (tmp_path / "wrong").write_text("wrong")
    right = settings(mosquitto, NAME, tmp_path)
    wrong = right.uplink.model_copy(update={"password_file": tmp_path / "wrong"})
    async with running(right.model_copy(update={"uplink": wrong})) as app:
        await eventually(lambda: bool(app.health().troubles))
        (trouble,) = app.health().troubles
        assert trouble.source == "uplink"
        assert "authori" in trouble.detail.lower() or "password" in trouble.detail.lower()
