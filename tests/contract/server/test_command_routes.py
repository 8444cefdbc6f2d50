"""Commands through the API and the pages: who may, what is said, what the audit log keeps."""

from collections.abc import Callable
from typing import Any

import httpx
import pytest
from sqlalchemy import select

from server.commands.states import CommandState
from server.db.database import Database
from server.db.models import AuditEntry, Command
from server.users.roles import LINKS_ONLY, Role
from tests.contract.server.test_api import app, client, token

__all__ = ["app", "client", "token"]
pytestmark = pytest.mark.parametrize("database", ["sqlite"], indirect=True)
Headers = Callable[[Role], dict[str, str]]
GATEWAY = "/api/v1/gateways/gw-1/commands"
DEVICE = "/api/v1/devices/d-home-fall/commands"
MAY = {Role.MAINTENANCE, Role.INSTALLER, Role.ADMINISTRATOR}


@pytest.mark.parametrize("role", list(Role))
async def test_who_may_command(client: httpx.AsyncClient, token: Headers, role: Role) -> None:
    headers = token(role)
    for path, body in ((GATEWAY, {"name": "identify"}), (DEVICE, {"name": "reboot"})):
        answer = await client.post(path, json=body, headers=headers)
        assert answer.status_code == (202 if role in MAY else 401 if role in LINKS_ONLY else 403)


async def test_a_command_is_kept_shown_and_audited(
    client: httpx.AsyncClient, token: Headers, street: Database
) -> None:
    headers = token(Role.MAINTENANCE)
    body = {"name": "report_interval", "arguments": {"minutes": 20}, "expires_in_s": 600}
    asked = (await client.post(DEVICE, json=body, headers=headers)).json()
    assert (asked["gateway_id"], asked["device_id"], asked["state"]) == ("gw-1", "d-home-fall", "new")
    assert (await client.get(f"/api/v1/commands/{asked['id']}", headers=headers)).json() == asked
    assert (await client.get(DEVICE, headers=headers)).json() == [asked]
    assert (await client.get(GATEWAY, headers=headers)).json() == [asked]
    with street.read() as session:
        entry = session.scalars(select(AuditEntry).where(AuditEntry.action == "command")).one()
    assert (entry.subject_kind, entry.subject_id) == ("device", "d-home-fall")
    assert entry.detail == {
        "command": asked["id"],
        "name": "report_interval",
        "arguments": {"minutes": 20},
    }


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        (GATEWAY, {"name": "explode"}, 422),
        (GATEWAY, {"name": "identify", "expires_in_s": 1}, 422),
        (GATEWAY, {"name": "identify", "expires_in_s": 10**9}, 422),
        (GATEWAY, {"name": "identify", "arguments": {"a": {"b": 1}}}, 422),
        (GATEWAY, {"name": "identify", "id": "mine"}, 422),
        (GATEWAY, {"name": "x" * 100_000}, 422),
        (DEVICE, {"name": "report_interval", "arguments": {"minutes": 1e308}}, 422),
        (DEVICE, {"name": "report_interval", "arguments": {"minutes": "20; reboot"}}, 422),
        (DEVICE, {"name": "__class__"}, 422),
        ("/api/v1/gateways/none/commands", {"name": "identify"}, 404),
        ("/api/v1/devices/none/commands", {"name": "reboot"}, 404),
    ],
)
async def test_hostile_requests_leave_no_command(
    client: httpx.AsyncClient, token: Headers, street: Database, path: str, body: Any, status: int
) -> None:
    assert (await client.post(path, json=body, headers=token(Role.MAINTENANCE))).status_code == status
    with street.read() as session:
        assert session.scalars(select(Command)).all() == []


async def test_the_pages_offer_what_there_is(client: httpx.AsyncClient, token: Headers) -> None:
    headers = token(Role.MAINTENANCE)
    gateway = (await client.get("/gateways/gw-1", headers=headers)).text
    assert 'name="argument.seconds"' in gateway
    assert "声光定位" in gateway
    device = (await client.get("/devices/d-home-fall", headers=headers)).text
    assert 'name="argument.minutes"' in device
    assert "设置上报间隔" in device
    assert 'id="commands"' not in (await client.get("/devices/d-well", headers=headers)).text
    watching = (await client.get("/gateways/gw-1", headers=token(Role.WALL))).text
    assert 'name="argument.seconds"' not in watching


async def test_a_form_asks_and_the_list_shows_it(
    client: httpx.AsyncClient, token: Headers, street: Database
) -> None:
    headers = token(Role.MAINTENANCE) | {"HX-Request": "true"}
    form = {"name": "report_interval", "argument.minutes": "20"}
    shown = await client.post("/devices/d-home-fall/commands", data=form, headers=headers)
    assert 'data-state="new"' in shown.text
    wrong = await client.post(
        "/devices/d-home-fall/commands", data=form | {"argument.minutes": "0"}, headers=headers
    )
    assert "没有发送" in wrong.text
    with street.write() as session:
        command = session.scalars(select(Command)).one()
        assert command.arguments == {"minutes": 20}
        command.state, command.detail = CommandState.FAILED, "<b>no answer</b>"
    listed = (await client.get("/gateways/gw-1/commands", headers=headers)).text
    assert 'data-state="failed"' in listed
    assert "&lt;b&gt;no answer" in listed
    assert "d-home-fall" in listed


async def test_without_a_script_the_form_leads_back_to_the_page(
    client: httpx.AsyncClient, token: Headers
) -> None:
    answer = await client.post(
        "/gateways/gw-1/commands",
        data={"name": "log_level", "argument.level": "debug", "argument.minutes": "10"},
        headers=token(Role.MAINTENANCE),
    )
    assert answer.status_code == 303
    assert answer.headers["location"] == "/gateways/gw-1#commands"
    refused = await client.post(
        "/gateways/gw-1/commands", data={"name": "identify"}, headers=token(Role.CARER)
    )
    assert refused.status_code == 403
