"""Two gateways with one identity: it is noticed, and neither takes the other's acknowledgements for its."""

import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from gateway import wire
from gateway.app import GatewayApp
from server.clock import now
from server.gateways.faults import Sessions
from tests.contract.gateway_parts import FakeServer, desired, fake_server, settings
from tests.contract.test_gateway import eventually, with_buttons
from tests.parts.mosquitto import Mosquitto
from tests.parts.processes import free_port

NAME = "gw-1"


@pytest.fixture
async def server(mosquitto: Mosquitto) -> AsyncIterator[FakeServer]:
    async with fake_server(mosquitto, NAME) as found:
        yield found


async def test_they_throw_each_other_out_and_their_sessions_alternate(
    mosquitto: Mosquitto, server: FakeServer, tmp_path: Path
) -> None:
    sessions = Sessions()
    async with (
        GatewayApp(settings(mosquitto, NAME, tmp_path / "one")) as one,
        GatewayApp(settings(mosquitto, NAME, tmp_path / "two")) as two,
    ):
        twin_at = None
        while twin_at is None:
            state = await server.take("up/state", lambda state: state.online)
            assert state.session in (one.session, two.session)
            twin_at = sessions.hear(NAME, state.session, now())


async def test_an_acknowledgement_of_what_was_not_sent_from_here_is_none_of_ours(
    mosquitto: Mosquitto, server: FakeServer, tmp_path: Path
) -> None:
    """A copied card goes on with the same numbers: the other's first alarm has the number of ours."""
    async with GatewayApp(settings(mosquitto, NAME, tmp_path / "one")) as app:
        await with_buttons(app, server, "b1")
    shutil.copytree(tmp_path / "one", tmp_path / "two")
    away = settings(mosquitto, NAME, tmp_path / "one", uplink_port=free_port())
    async with GatewayApp(away) as app:
        await app.apply(desired(1, "b1"))
        await app.drivers["mqtt"].ready.wait()  # type: ignore[attr-defined]  # the MQTT driver's
        await server.press("b1")
        await eventually(lambda: app.health().alarm_depth == 1)
        (kept,) = app._judging.keeper.waiting()
        app._uplink._acknowledge(wire.AckMessage(lane="alarm", epoch=kept[1], seqs=[kept[2]]))
        assert app._judging.keeper.waiting() == [kept]
    async with GatewayApp(settings(mosquitto, NAME, tmp_path / "one")):
        alarm = await server.take("up/alarm")
        assert (alarm.epoch, alarm.seq) == kept[1:]
