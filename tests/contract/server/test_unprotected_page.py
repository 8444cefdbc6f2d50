"""The page of a gateway's fault tells whom it leaves unprotected, to each role what it may know."""

from collections.abc import Callable
from datetime import timedelta

import httpx
import msgspec
import pytest
from sqlalchemy import select

from gateway.wire import DriverHealth
from server.db.database import Database
from server.db.models import Gateway, Resident, Task
from server.gateways import service
from server.ingest import refusals
from server.users.roles import Role
from tests.contract.server.test_api import app, client, token
from tests.contract.server.test_gateway_faults import AWAY, FULL, GRACE, after, report
from tests.contract.server.test_ingest import pressed

__all__ = ["app", "client", "token"]
pytestmark = pytest.mark.parametrize("database", ["sqlite"], indirect=True)
Headers = Callable[[Role], dict[str, str]]
HEADING = "此刻失去守护的老人"


async def page(client: httpx.AsyncClient, database: Database, headers: dict[str, str]) -> str:
    """The one task's page."""
    with database.read() as session:
        task = session.scalars(select(Task)).one()
    answer = await client.get(f"/tasks/{task.id}", headers=headers)
    assert answer.status_code == 200
    return answer.text


async def test_a_gateway_that_is_down_names_who_is_unprotected(
    client: httpx.AsyncClient, token: Headers, street: Database
) -> None:
    report(street)
    with street.write() as session:
        gateway = session.get_one(Gateway, "gw-1")
        gateway.online, gateway.changed_at = False, after(0)
        resident = session.get_one(Resident, "r1")
        resident.name, resident.phone, resident.address = "王秀英", "13800138000", "幸福路1号"
    service.sweep(street, grace=GRACE, started=after(0) - timedelta(hours=1), now=after(100))
    dispatcher = await page(client, street, token(Role.DISPATCHER))
    assert HEADING in dispatcher
    assert "王秀英" in dispatcher
    assert "tel:13800138000" in dispatcher
    crew = await page(client, street, token(Role.MAINTENANCE))
    assert HEADING in crew
    assert "王**" in crew
    wall = await page(client, street, token(Role.WALL))
    assert HEADING in wall
    for text in (crew, wall):
        assert not {"王秀英", "13800138000", "幸福路1号"} & {
            word for word in ("王秀英", "13800138000", "幸福路1号") if word in text
        }
    assert "王" not in wall


@pytest.mark.parametrize(("driver", "listed"), [("mqtt", True), ("modbus", False)])
async def test_a_driver_that_is_down_concerns_those_whose_devices_it_reads(
    client: httpx.AsyncClient, token: Headers, street: Database, driver: str, listed: bool
) -> None:
    away = DriverHealth(name=driver, running=True, restarts=0, readings=0, errors=0, away=AWAY.away)
    report(street, drivers=[away])
    text = await page(client, street, token(Role.MAINTENANCE))
    assert HEADING in text
    assert ("没有老人的设备经由这里" not in text) is listed


async def test_a_call_from_an_unregistered_place_names_who_may_have_called(
    client: httpx.AsyncClient, token: Headers, street: Database
) -> None:
    """They are not unprotected: they are to be telephoned at once."""
    with street.write() as session:
        refusals.tell(session, "gw-1", msgspec.json.encode(pressed(1, position="nowhere")), now=after(0))
    text = await page(client, street, token(Role.DISPATCHER))
    assert "可能求助的老人" in text
    assert HEADING not in text
    assert "没有老人的设备经由这里" not in text


async def test_a_full_card_leaves_nobody_unprotected(
    client: httpx.AsyncClient, token: Headers, street: Database
) -> None:
    report(street, troubles=[FULL])
    assert HEADING not in await page(client, street, token(Role.DISPATCHER))
    shown = (await client.get("/gateways/gw-1", headers=token(Role.MAINTENANCE))).text
    assert "网关存储故障" in shown
    report(street, 30)
    assert "网关存储故障" not in (await client.get("/gateways/gw-1", headers=token(Role.MAINTENANCE))).text
