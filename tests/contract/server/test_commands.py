"""Commands in the record: entered, sent, sent again, answered once, given up; on both SQL engines."""

from datetime import timedelta
from typing import Any
from uuid import uuid4

import msgspec
import pytest
from sqlalchemy import select

from firmware_profiles import Catalogue
from gateway.wire import ReplyMessage, ReplyStage, encode
from server.clock import to_ms
from server.commands import repository, service
from server.commands.schemas import CommandIn
from server.commands.service import AGAIN, ANSWER, KEPT_BY_NETWORK, MOST_OPEN
from server.commands.states import CommandState
from server.db.database import Database
from server.db.models import Command
from server.devices.service import retire
from server.errors import InvalidError, NotFoundError, TooManyError
from server.users.roles import Role
from tests.contract.server.conftest import NOW, person


def gateway_command(street: Database, name: str = "identify", **arguments: Any) -> str:
    who = person(street, Role.MAINTENANCE, f"m-{uuid4().hex[:6]}")
    with street.write() as session:
        given = CommandIn(name=name, arguments=arguments)
        return service.ask_gateway(session, "gw-1", given, user_id=who.user_id, now=NOW).id


def reply(street: Database, command_id: str, *, ok: bool = True, stage: ReplyStage | None = None) -> None:
    message = ReplyMessage(
        id=command_id, ok=ok, detail="a\x00b", stage=msgspec.UNSET if stage is None else stage
    )
    with street.write() as session:
        service.heard(session, gateway_id="gw-1", reply=message, now=NOW)


def row(street: Database, command_id: str) -> Command:
    with street.read() as session:
        return session.get_one(Command, command_id)


def due(street: Database, after: timedelta = timedelta(), *, everything: bool = False) -> list[str]:
    with street.write() as session:
        service.give_up(session, now=NOW + after)
        return [one.id for _, one in service.due(session, now=NOW + after, everything=everything)]


def test_a_command_is_sent_and_again_until_it_is_answered(street: Database) -> None:
    command_id = gateway_command(street)
    assert due(street) == [command_id]
    assert row(street, command_id).state == CommandState.SENT
    assert due(street, AGAIN / 2) == []
    assert due(street, AGAIN) == [command_id]
    reply(street, command_id)
    assert due(street, 3 * AGAIN, everything=True) == []
    kept = row(street, command_id)
    assert (kept.state, kept.detail) == (CommandState.DONE, "ab")


def test_a_device_command_goes_through_its_gateway(street: Database, catalogue: Catalogue) -> None:
    who = person(street, Role.INSTALLER, "i")
    with street.write() as session:
        given = CommandIn(name="report_interval", arguments={"minutes": 20})
        command = service.ask_device(
            session, "d-home-fall", given, catalogue=catalogue, user_id=who.user_id, now=NOW
        )
        ((gateway, message),) = service.due(session, now=NOW)
    assert gateway == "gw-1"
    assert (message.id, message.name, message.expires_ms) == (command.id, "device", to_ms(NOW) + 60_000)
    assert message.arguments == {
        "device": "d-home-fall",
        "command": "report_interval",
        "arguments": {"minutes": 20},
    }
    assert len(encode(message)) < 1_000


def test_stages_only_go_forward(street: Database) -> None:
    command_id = gateway_command(street)
    due(street)
    for stage in ("transmitted", "queued"):
        reply(street, command_id, stage=stage)
        assert row(street, command_id).state == CommandState.TRANSMITTED
    assert due(street, AGAIN) == []
    assert due(street, AGAIN, everything=True) == [command_id]
    reply(street, command_id, ok=False)
    reply(street, command_id, stage="done")
    assert row(street, command_id).state == CommandState.FAILED


def test_what_nobody_answers_expires_and_a_late_answer_still_counts(street: Database) -> None:
    command_id = gateway_command(street)
    due(street)
    assert due(street, timedelta(seconds=60) + ANSWER) == []
    assert row(street, command_id).state == CommandState.EXPIRED
    reply(street, command_id)
    assert row(street, command_id).state == CommandState.DONE


def test_what_waits_in_the_network_is_waited_for(street: Database) -> None:
    command_id = gateway_command(street)
    due(street)
    reply(street, command_id, stage="queued")
    due(street, KEPT_BY_NETWORK)
    assert row(street, command_id).state == CommandState.QUEUED
    due(street, KEPT_BY_NETWORK + timedelta(minutes=2))
    assert row(street, command_id).state == CommandState.EXPIRED


def test_another_gateways_reply_is_refused(street: Database) -> None:
    command_id = gateway_command(street)
    with pytest.raises(NotFoundError), street.write() as session:
        service.heard(session, gateway_id="gw-2", reply=ReplyMessage(id=command_id, ok=True), now=NOW)
    with pytest.raises(NotFoundError):
        reply(street, "nobody's")


@pytest.mark.parametrize(
    ("name", "arguments", "said"),
    [
        ("explode", {}, "does not know"),
        ("device", {}, "does not know"),
        ("locate", {"seconds": 0}, "from 1 to 300"),
        ("locate", {"seconds": "x"}, "from 1 to 300"),
        ("locate", {"loud": True}, "is no argument"),
        ("log_level", {"level": "loud"}, "must be one of debug"),
        ("identify", {"x": 1}, "is no argument"),
    ],
)
def test_a_gateway_is_asked_only_for_what_it_knows(
    street: Database, name: str, arguments: dict[str, Any], said: str
) -> None:
    with pytest.raises(InvalidError, match=said):
        gateway_command(street, name, **arguments)
    with street.read() as session:
        assert session.scalars(select(Command)).all() == []


def test_a_device_is_told_only_what_its_profile_describes(street: Database, catalogue: Catalogue) -> None:
    who = person(street, Role.INSTALLER, "i")

    def tell(device: str, name: str, **arguments: Any) -> None:
        with street.write() as session:
            given = CommandIn(name=name, arguments=arguments)
            service.ask_device(session, device, given, catalogue=catalogue, user_id=who.user_id, now=NOW)

    with pytest.raises(InvalidError) as caught:
        tell("d-home-fall", "report_interval", minutes=0, hours=1)
    assert [one["where"] for one in caught.value.details["errors"]] == ["'hours'", "minutes"]
    with pytest.raises(InvalidError, match="has no command"):
        tell("d-well", "reboot")
    with pytest.raises(NotFoundError):
        tell("nobody", "reboot")
    with street.write() as session:
        retire(session, "d-home-fall", catalogue=catalogue, now=NOW)
    with pytest.raises(NotFoundError):
        tell("d-home-fall", "reboot")


def test_too_many_open_ones_are_refused(street: Database) -> None:
    who = person(street, Role.MAINTENANCE, "m")
    with street.write() as session:
        for _ in range(MOST_OPEN):
            service.ask_gateway(session, "gw-1", CommandIn(name="test"), user_id=who.user_id, now=NOW)
        with pytest.raises(TooManyError):
            service.ask_gateway(session, "gw-1", CommandIn(name="test"), user_id=who.user_id, now=NOW)
        service.ask_gateway(session, "gw-2", CommandIn(name="test"), user_id=who.user_id, now=NOW)
    with street.read() as session:
        assert len(repository.listed(session, gateway_id="gw-1", limit=500)) == MOST_OPEN
