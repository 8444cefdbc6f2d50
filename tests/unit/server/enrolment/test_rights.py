"""What the broker is told: only what differs, and just a gateway's own topics."""

import json

import pytest

from server.enrolment import rights
from server.enrolment.rights import Found, Wanted
from tests.parts.processes import DEPLOY

ENROLLED = Wanted(user="gw-1", generation=3, password="secret", revoked=False)
REVOKED = Wanted(user="gw-1", generation=3, password="secret", revoked=True)
RIGHT = Found(generation="generation 3", disabled=False)


@pytest.mark.parametrize(
    ("wanted", "found", "commands"),
    [
        (ENROLLED, RIGHT, []),
        (ENROLLED, None, ["createRole", "modifyRole", "createClient"]),
        (
            ENROLLED,
            Found(generation="generation 2", disabled=False),
            ["createRole", "modifyRole", "modifyClient", "enableClient"],
        ),
        (
            ENROLLED,
            Found(generation="", disabled=False),
            ["createRole", "modifyRole", "modifyClient", "enableClient"],
        ),
        (ENROLLED, Found(generation="generation 3", disabled=True), ["enableClient"]),
        (REVOKED, RIGHT, ["disableClient"]),
        (REVOKED, Found(generation="generation 3", disabled=True), []),
        (REVOKED, None, []),
    ],
)
def test_only_what_differs_is_asked_for(wanted: Wanted, found: Found | None, commands: list[str]) -> None:
    assert [request["command"] for request in rights.requests_for(wanted, found)] == commands


def test_a_gateway_gets_what_the_users_file_gives_one() -> None:
    """`scripts/broker-users` writes the same rights from deploy/mosquitto/roles.json."""
    kinds = {"publish": ["publishClientSend"], "receive": ["publishClientReceive", "subscribePattern"]}
    table = json.loads((DEPLOY / "mosquitto" / "roles.json").read_text())
    written = [(kind, topic) for name, topic in table["gateway"] for kind in kinds[name]]
    assert sorted(written) == sorted(rights.RIGHTS)


def test_the_server_may_ask_the_plugin() -> None:
    table = json.loads((DEPLOY / "mosquitto" / "roles.json").read_text())
    assert ["publish", rights.TOPIC] in table["server"]
    assert ["receive", rights.ANSWERS] in table["server"]
    assert all("$CONTROL" not in topic for role in table if role != "server" for _, topic in table[role])


def test_only_an_existing_role_is_no_error() -> None:
    assert rights.harmless({"command": "createRole"}, "Role already exists")
    assert not rights.harmless({"command": "createRole"}, "Internal error")
    assert not rights.harmless({"command": "createClient"}, "Client already exists")


def test_users_are_read_as_the_plugin_writes_them() -> None:
    assert rights.read_client({"username": "a", "textdescription": "generation 3"}) == RIGHT
    assert rights.read_client({"username": "a", "disabled": True}) == Found(generation="", disabled=True)
