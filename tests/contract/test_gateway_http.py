"""A fever pushed to a whole gateway: on its disk before the terminal is answered, and on to the server."""

import asyncio
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import httpx

from edge.core.http_auth import token_digest
from firmware_profiles import load_catalogue
from gateway import wire
from gateway.app import GatewayApp
from gateway.rules.model import Event, Rule, Severity, TaskKind
from gateway.settings import GatewaySettings, HttpListener, HttpSource
from tests.contract.edge_http import MAC, TOKEN, event, form
from tests.contract.gateway_parts import WAIT_S, fake_server, settings
from tests.parts.mosquitto import Mosquitto
from tests.parts.processes import free_port

NAME = "gw-1"
PROFILE = "hikvision-face-terminal"


def _listening(chosen: GatewaySettings) -> GatewaySettings:
    return chosen.model_copy(
        update={
            "http": HttpListener(
                host="127.0.0.1", port=0, sources={"kiosks": HttpSource(kind="hikvision", auth="device")}
            )
        }
    )


def _desired() -> wire.DesiredMessage:
    profile = load_catalogue()[PROFILE]
    (fever,) = (rule for rule in profile.rule_templates() if rule.key == "fever")
    assert fever.condition() == {"type": "event", "point": "fever", "values": [True], "debounce_ms": 0}
    return wire.DesiredMessage(
        version=1,
        devices=[
            wire.DesiredDevice(
                id="kiosk",
                position="entrance",
                profile=PROFILE,
                driver="http",
                address={"source": "kiosks", "token_sha256": token_digest(TOKEN), "identity": MAC},
            )
        ],
        rules=[
            Rule(
                id="fever",
                position="entrance",
                severity=Severity.MAJOR,
                task_kind=TaskKind.PUBLIC_HEALTH,
                when=Event(point="fever", values=(True,), debounce_ms=0),
            )
        ],
        profiles={PROFILE: profile.document()},
        frame_ms=200,
        health_ms=1_000,
    )


async def _url(app: GatewayApp) -> str:
    driver = app.drivers["http"]
    async with asyncio.timeout(WAIT_S):
        await driver.ready.wait()  # type: ignore[attr-defined] # the HTTP driver's
    host, port = driver.address  # type: ignore[attr-defined] # likewise
    return f"http://{host}:{port}/in/kiosks/{TOKEN}"


async def test_each_person_with_fever_reaches_the_server_once(mosquitto: Mosquitto, tmp_path: Path) -> None:
    chosen = _listening(settings(mosquitto, NAME, tmp_path))
    async with fake_server(mosquitto, NAME) as server, GatewayApp(chosen) as app:
        await server.send("down/desired", _desired(), retain=True)
        await server.take("up/state", lambda state: state.session == app.session and state.applied == 1)
        async with httpx.AsyncClient(timeout=WAIT_S, trust_env=False) as terminal:
            url = await _url(app)
            for serial, celsius in ((1, 36.4), (2, 38.2), (2, 38.2), (3, 38.4)):
                said = form(event(serial, celsius))  # all within one second
                assert (await terminal.post(url, **said)).status_code == 200
        first = await server.take("up/alarm")
        await server.acknowledge(first)
        second = await server.take("up/alarm", lambda alarm: alarm.seq != first.seq)
        await server.acknowledge(second)
        state = await server.take("up/state", lambda state: state.health is not None)
    assert [(alarm.rule, alarm.position, alarm.device) for alarm in (first, second)] == [
        ("fever", "entrance", "kiosk")
    ] * 2
    assert first.breach != second.breach, "two people"
    told = {first.seq, second.seq}
    assert not [one for channel, one in server.received if channel == "up/alarm" and one.seq not in told]
    assert "http" in {driver.name for driver in state.health.drivers}


async def test_a_fever_is_on_disk_when_the_terminal_is_answered(mosquitto: Mosquitto, tmp_path: Path) -> None:
    """Without a server, and repeated after a restart of the gateway."""
    chosen = _listening(settings(mosquitto, NAME, tmp_path, uplink_port=free_port()))
    for number in range(2):
        async with GatewayApp(chosen) as app, httpx.AsyncClient(timeout=WAIT_S, trust_env=False) as terminal:
            await app.apply(_desired())
            answer = await terminal.post(await _url(app), **form(event(7, 38.2)))
            assert answer.status_code == 200
            assert _left_by_a_power_cut(tmp_path, tmp_path / f"left-{number}") == 1


def _left_by_a_power_cut(data: Path, copies: Path) -> int:
    """How many alarms a copy of the lane's files at this moment holds."""
    copies.mkdir()
    for file in data.glob("alarms.db*"):
        shutil.copy(file, copies)
    with closing(sqlite3.connect(copies / "alarms.db")) as lane:
        (count,) = lane.execute("SELECT count(*) FROM outbox").fetchone()
    return int(count)
