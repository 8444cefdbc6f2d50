"""Acknowledging a task silences the rooms of its alarms, and nothing else. On both SQL engines."""

from datetime import timedelta

import msgspec
import pytest
from sqlalchemy import select

from gateway.wire import Health
from server.commands import service as commands
from server.db.database import Database
from server.db.models import Command, Gateway, Occurrence
from server.tasks import service
from server.tasks.service import Act
from server.tasks.states import TaskAction
from server.users.roles import Role
from tests.contract.server.conftest import NOW, person
from tests.contract.server.test_alarm_record import opened_cover, press, record


@pytest.fixture
def pressed(street: Database) -> Database:
    """Two presses of one home (task 1) and an open cover (task 2), at a gateway with a siren."""
    record(street, press(1))
    record(street, press(2))
    record(street, opened_cover(3))
    with_outputs(street, ["siren"])
    return street


def with_outputs(street: Database, outputs: list[str]) -> None:
    with street.write() as session:
        health = Health(at_ms=1, uptime_s=1, outputs=outputs)
        session.get_one(Gateway, "gw-1").health = msgspec.to_builtins(health)


def acknowledge(street: Database, after: timedelta = timedelta()) -> None:
    carer = person(street, Role.CARER, "li")
    with street.write() as session:
        service.act(session, carer, 1, Act(action=TaskAction.ACKNOWLEDGE), now=NOW + after)


def silenced(street: Database) -> list[tuple[str, list[str]]]:
    with street.read() as session:
        return [(one.gateway_id, one.arguments["breaches"]) for one in session.scalars(select(Command))]


def test_the_answered_presses_are_silenced_at_their_gateway_and_no_other(pressed: Database) -> None:
    acknowledge(pressed)
    with pressed.read() as session:
        mine = sorted(session.scalars(select(Occurrence.breach).where(Occurrence.rule == "sos")))
        everything = set(session.scalars(select(Occurrence.breach)))
        message = commands.message(session.scalars(select(Command)).one())
    assert len(mine) == 2
    assert len(everything) == 3
    assert silenced(pressed) == [("gw-1", mine)]
    assert (message.name, message.arguments) == ("silence", {"breaches": mine})


def test_a_gateway_without_siren_is_left_alone(pressed: Database) -> None:
    with_outputs(pressed, [])
    acknowledge(pressed)
    assert silenced(pressed) == []


def test_what_is_silent_by_itself_is_left_alone(pressed: Database) -> None:
    acknowledge(pressed, timedelta(hours=2))
    assert silenced(pressed) == []


def test_a_gateway_with_too_many_open_commands_does_not_hinder_the_answer(
    pressed: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(commands, "MOST_OPEN", 0)
    acknowledge(pressed)
    assert silenced(pressed) == []
