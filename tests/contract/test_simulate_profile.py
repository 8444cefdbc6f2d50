"""One device of any profile, played over its real protocol and read again as the edge reads it."""

import asyncio
from pathlib import Path

import aiomqtt
import pytest
import typer
from pymodbus.client import AsyncModbusTcpClient
from typer.testing import CliRunner

from edge.core.envelopes import Envelope, open_lorawan, open_zigbee2mqtt
from firmware_profiles import MessagePayload, decode, load_catalogue
from sunwell.commands.simulate import simulate
from sunwell.simulate.playing import Where, played
from sunwell.simulate.scenario import moves_of_examples
from tests.contract.edge_http import NOW_MS, SECRET, serving
from tests.contract.edge_http import settings as http_settings
from tests.contract.edge_inbox import PATIENCE_S, Inbox, device
from tests.parts.mosquitto import Mosquitto

CATALOGUE = load_catalogue()


@pytest.mark.parametrize(
    ("profile_id", "topic", "opened"),
    [
        ("owon-fds315", "zigbee2mqtt/owon-fds315", open_zigbee2mqtt),
        ("dingtek-dc410", "application/+/device/5afe000000000001/event/up", open_lorawan),
    ],
)
async def test_messages_come_as_their_transport_wraps_them(
    mosquitto: Mosquitto, profile_id: str, topic: str, opened: object
) -> None:
    profile = CATALOGUE[profile_id]
    moves = moves_of_examples(profile, 0)
    where = Where(
        host=mosquitto.host,
        port=mosquitto.port,
        username="devices",
        password=mosquitto.passwords["devices"],
    )
    async with aiomqtt.Client(
        mosquitto.host, mosquitto.port, username="edge", password=mosquitto.passwords["edge"]
    ) as client:
        await client.subscribe(topic, qos=1)
        async with asyncio.timeout(PATIENCE_S), played(profile, moves, where, repeat=False):
            for move in moves:
                message = await anext(client.messages)
                assert isinstance(message.payload, bytes)
                assert callable(opened)
                envelope = opened(message.payload)
                assert isinstance(envelope, Envelope)
                got = decode(profile, MessagePayload(envelope.body, envelope.port))
                assert got.samples == decode(profile, move.payload).samples


async def test_registers_are_served_and_move_on() -> None:
    profile = CATALOGUE["omega-os-mini"]
    moves = moves_of_examples(profile, 0)
    async with asyncio.timeout(PATIENCE_S), played(profile, moves, Where(), repeat=False) as words:
        assert "listens at 127.0.0.1:" in words
        client = AsyncModbusTcpClient("127.0.0.1", port=int(words.split(":")[1].split(",")[0]))
        assert await client.connect()
        try:
            while True:
                answer = await client.read_holding_registers(0x0E, count=4, device_id=1)
                if answer.registers[0] == 65526:  # the last example's value
                    break
            assert answer.registers[1:] == [384, 291, 0]  # what it does not name stays
        finally:
            client.close()


async def test_a_terminal_pushes_over_http(tmp_path: Path) -> None:
    inbox = Inbox()
    profile = CATALOGUE["hikvision-face-terminal"]
    moves = [move for move in moves_of_examples(profile, 0) if "warm thing" not in move.name]
    terminal = device("hikvision-face-terminal", "kiosk", source="digest", identity="44:19:B6:00:00:01")
    async with serving(inbox, http_settings(tmp_path), terminal) as client:
        where = Where(url=f"{client.base_url}/in/digest/44:19:b6:00:00:01", username="hik", password=SECRET)
        async with (
            asyncio.timeout(PATIENCE_S),
            played(profile, moves, where, repeat=False, clock=lambda: NOW_MS) as words,
        ):
            assert "pushes to 127.0.0.1:" in words
            await inbox.until(lambda: len(inbox.readings) == len(moves))
    assert inbox.said("fever") == [False, True, True]
    assert not inbox.troubles


async def test_a_platform_s_device_pushes_under_its_name(tmp_path: Path) -> None:
    inbox = Inbox()
    profile = CATALOGUE["webhook-sos"]
    moves = moves_of_examples(profile, 0)
    button = device("webhook-sos", "button", source="basic", identity="sim-1")
    async with serving(inbox, http_settings(tmp_path), button) as client:
        where = Where(url=f"{client.base_url}/in/basic", username="nb", password=SECRET, name="sim-1")
        async with asyncio.timeout(PATIENCE_S), played(profile, moves, where, repeat=False):
            await inbox.until(lambda: len(inbox.readings) == len(moves))
    assert inbox.said("sos") == [True, True]


def test_the_command_says_what_it_cannot_play(tmp_path: Path) -> None:
    app = typer.Typer()
    app.command()(simulate)
    runner = CliRunner()
    scenario = tmp_path / "s.yaml"
    scenario.write_text("steps: [{ example: a fal }]\nrepat: true\n")
    wrong = runner.invoke(app, ["--profile", "owon-fds315", "--scenario", str(scenario)])
    assert wrong.exit_code == 1
    assert "s.yaml:2:8: repat: unknown key, did you mean 'repeat'?" in wrong.output
    unknown = runner.invoke(app, ["--profile", "owon-fds31"])
    assert unknown.exit_code == 2
    assert "did you mean 'owon-fds315'?" in unknown.output
    nowhere = runner.invoke(app, ["--profile", "webhook-sos"])
    assert nowhere.exit_code == 1
    assert "--url" in nowhere.output
    alone = runner.invoke(app, ["--scenario", str(scenario)])
    assert alone.exit_code == 2
