"""The broker beside the gateway dies: one fault with its extent, and no device is called silent for it."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from gateway import wire
from gateway.app import GatewayApp
from gateway.health import folding
from gateway.rules.model import Rule, Severity, Silence, TaskKind
from sunwell.simulate.network import Proxy
from tests.contract.gateway_parts import FakeServer, desired, fake_server, settings
from tests.parts.mosquitto import Mosquitto

NAME = "gw-1"
DEVICES = ("b1", "b2", "b3")
SILENT_MS = 3_500


@pytest.fixture
async def server(mosquitto: Mosquitto) -> AsyncIterator[FakeServer]:
    async with fake_server(mosquitto, NAME) as found:
        yield found


def silences() -> list[Rule]:
    """Each device is missed after a moment."""
    return [
        Rule(
            id="silent",
            position=f"room of {device}",
            severity=Severity.MINOR,
            task_kind=TaskKind.MAINTENANCE,
            when=Silence(after_ms=SILENT_MS),
        )
        for device in DEVICES
    ]


async def test_a_dead_broker_is_one_fault_and_not_one_of_each_device(
    mosquitto: Mosquitto, server: FakeServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(folding, "AWAY_MS", 300)
    monkeypatch.setattr("edge.supervisor.pause_s", lambda _failures, _jitter: 0.2)
    async with Proxy(mosquitto.port) as bus:
        chosen = settings(mosquitto, NAME, tmp_path)
        devices = chosen.devices.model_copy(update={"host": "127.0.0.1", "port": bus.port})
        async with GatewayApp(chosen.model_copy(update={"devices": devices})) as app:
            await server.send("down/desired", desired(1, *DEVICES, rules=silences()), retain=True)
            await server.take("up/state", lambda state: state.session == app.session and state.applied == 1)
            await app.drivers["mqtt"].ready.wait()  # type: ignore[attr-defined]  # the MQTT driver's
            for device in DEVICES:
                await server.say(device, {"battery": 50})
            await bus.cut()
            state = await server.take("up/state", lambda state: away(state) is not None)
            found = away(state)
            assert found is not None
            assert found.devices == len(DEVICES)
            # Longer than their limit, and than the broker takes to be called away.
            await server.take(
                "up/state",
                lambda later: later.health and later.health.at_ms > state.health.at_ms + SILENT_MS,
            )
            assert [channel for channel, _ in server.received if channel == "up/alarm"] == []
            await bus.restore()
            await server.take("up/state", lambda state: state.health and away(state) is None)
            told = {(await server.take("up/alarm")).device for _ in DEVICES}
            assert told == set(DEVICES)  # they really are silent now


def away(state: wire.StateMessage) -> wire.DriverAway | None:
    """What the state says of the MQTT driver's way."""
    assert state.health is not None or not state.online
    drivers = state.health.drivers if state.health is not None else []
    found = [one.away for one in drivers if one.name == "mqtt"]
    return found[0] if found and isinstance(found[0], wire.DriverAway) else None
