"""Declaring work and drills in the pages and over the API, and how the list of tasks shows it."""

from collections.abc import Callable

import httpx
import pytest

from server.alarms import service
from server.clock import now, to_ms
from server.db.database import Database
from server.users.roles import Role
from tests.contract.server.test_alarm_record import opened_cover
from tests.contract.server.test_api import app, client, token
from tests.contract.server.test_joining import tasks

__all__ = ["app", "client", "token"]
pytestmark = pytest.mark.parametrize("database", ["sqlite"], indirect=True)
Headers = Callable[[Role], dict[str, str]]


def open_cover_now(database: Database, seq: int) -> None:
    """The cover is opened at this moment."""
    moment = now()
    message = opened_cover(seq, device_ms=to_ms(moment), gateway_ms=to_ms(moment))
    with database.write() as session:
        service.record(session, gateway_id="gw-1", message=message, now=moment)


async def test_work_is_declared_shown_greyed_with_its_reason_and_ended(
    client: httpx.AsyncClient, token: Headers, street: Database
) -> None:
    headers = token(Role.DISPATCHER)
    form = {"kind": "work", "scope_kind": "well", "scope_id": "w1", "hours": "2", "reason": "更换井盖"}
    answer = await client.post("/windows", data=form, headers=headers)
    assert answer.status_code == 303
    page = (await client.get("/windows", headers=headers)).text
    assert "更换井盖" in page
    open_cover_now(street, 1)
    listed = (await client.get("/tasks", headers=headers)).text
    assert " quiet" in listed
    assert "更换井盖" in listed
    (task,) = (await client.get("/api/v1/tasks", headers=headers)).json()
    assert (task["muted"], task["muted_for"]) == (True, "更换井盖")
    (window,) = (await client.get("/api/v1/windows", headers=headers)).json()
    ended = await client.post(f"/windows/{window['id']}/end", headers=headers)
    assert ended.status_code == 303
    assert not tasks(street)[0].muted
    detail = (await client.get(f"/tasks/{task['id']}", headers=headers)).text
    assert "恢复派单" in detail
    assert "作业已结束，情况仍在" in detail
    again = await client.post(f"/api/v1/windows/{window['id']}/end", headers=headers)
    assert again.status_code == 409


async def test_a_drill_is_marked_and_counted(
    client: httpx.AsyncClient, token: Headers, street: Database
) -> None:
    headers = token(Role.MANAGER)
    until = now().replace(year=now().year + 1)
    wanted = {"kind": "drill", "scope_kind": "area", "scope_id": "area", "reason": "季度演练"}
    refused = await client.post(
        "/api/v1/windows", json={**wanted, "until": until.isoformat()}, headers=headers
    )
    assert refused.status_code == 422
    form = {**wanted, "hours": "1"}
    assert (await client.post("/windows", data=form, headers=headers)).status_code == 303
    open_cover_now(street, 1)
    assert "演练" in (await client.get("/tasks", headers=headers)).text
    assert "演练任务 1 个" in (await client.get("/windows", headers=headers)).text
    counted = (await client.get("/api/v1/windows/tests", headers=headers)).json()
    assert counted["drills"] == 1


async def test_places_are_found_by_name_and_other_pages_lead_here(
    client: httpx.AsyncClient, token: Headers
) -> None:
    """By any word of what is shown; the page of a well, gateway or resident brings its own."""
    headers = token(Role.DISPATCHER)
    for asked, found in (
        ("scope_kind=resident&q=幸福路 王秀", 'value="r1"'),
        ("scope_kind=gateway&q=GW-2", 'value="gw-2" required checked'),
        ("scope_kind=area&q=第一", 'value="area"'),
        ("scope_kind=well&q=没有这口井", "没有找到"),
    ):
        part = await client.get(f"/windows?{asked}", headers={**headers, "HX-Request": "true"})
        assert found in part.text, asked
        assert "<html" not in part.text
        assert found in (await client.get(f"/windows?{asked}", headers=headers)).text, asked
    for path, link in (("/wells/w1", "scope_kind=well&amp;scope_id=w1"),
                       ("/gateways/gw-1", "scope_kind=gateway&amp;scope_id=gw-1")):  # fmt: skip
        assert link in (await client.get(path, headers=headers)).text
    led = (await client.get("/windows?scope_kind=well&scope_id=w1", headers=headers)).text
    assert 'value="w1" required checked' in led
    assert "没有这个" not in led
    lost = await client.get("/windows?scope_kind=gateway&scope_id=gw-9", headers=headers)
    assert "没有这个网关，或不在你的区域：gw-9" in lost.text


async def test_who_works_on_hardware_chooses_among_it(client: httpx.AsyncClient, token: Headers) -> None:
    headers = token(Role.MAINTENANCE)
    page = (await client.get("/windows?scope_kind=resident&scope_id=r1", headers=headers)).text
    assert '<option value="well" selected' in page
    assert 'value="resident"' not in page
    assert 'value="drill"' not in page
    positions = (await client.get("/windows?scope_kind=position", headers=headers)).text
    assert 'name="scope_id" value="well"' in positions
    assert "home-sos" not in positions


async def test_what_is_wrong_is_said_and_who_may_not_declare_sees_no_form(
    client: httpx.AsyncClient, token: Headers
) -> None:
    form = {"kind": "work", "scope_kind": "well", "scope_id": "nowhere", "hours": "2", "reason": "更换井盖"}
    wrong = await client.post("/windows", data=form, headers=token(Role.DISPATCHER))
    assert wrong.status_code == 422
    assert "没有这个井，或不在你的区域：nowhere" in wrong.text
    assert 'value="更换井盖"' in wrong.text
    unsaid = await client.post("/windows", data={**form, "reason": ""}, headers=token(Role.DISPATCHER))
    assert "请写明原因" in unsaid.text
    too_long = {**form, "scope_kind": "resident", "scope_id": "r1", "hours": "72"}
    assert "最多" in (await client.post("/windows", data=too_long, headers=token(Role.DISPATCHER))).text
    assert 'name="scope_id"' not in (await client.get("/windows", headers=token(Role.WALL))).text
