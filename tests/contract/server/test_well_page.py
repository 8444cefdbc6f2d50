"""A well's page: its level with the lines of the rules, and where its water comes from and runs to."""

from collections.abc import Callable
from typing import cast

import httpx
import pytest
from fastapi import FastAPI

from server.clock import now, to_ms
from server.context import Context
from server.db.database import Database
from server.db.models import Attachment, Device, Position, Well, WellUpstream
from server.policies import service as policies
from server.timeseries.store import Point
from server.users.roles import Role
from server.wells.policy import WellPolicy
from tests.contract.server.conftest import NOW, person
from tests.contract.server.test_api import app, client, token

__all__ = ["app", "client", "token"]
pytestmark = pytest.mark.parametrize("database", ["sqlite"], indirect=True)
Headers = Callable[[Role], dict[str, str]]


def lay(database: Database) -> None:
    """The water runs from w0 over w1 to w2; w0 and w1 tell levels."""
    with database.write() as session:
        session.get_one(Well, "w1").depth_m = 2.5
        for key, name in (("w0", "上面的井"), ("w2", "下面的井")):
            session.add(Well(id=key, area_id="area", name=name, address="幸福路", depth_m=2.5))
        session.flush()
        session.add_all(
            [WellUpstream(well_id="w1", upstream_id="w0"), WellUpstream(well_id="w2", upstream_id="w1")]
        )
        session.add(Position(id="level", area_id="area", name="水位", well_id="w0", created_at=NOW))
        device = {"gateway_id": "gw-1", "profile": "dingtek-dc410", "driver": "mqtt", "address": {}}
        session.add(Device(id="d-level", **device, created_at=NOW))
        session.flush()
        session.add(Attachment(position_id="level", device_id="d-level", since=NOW))


async def test_a_wells_page_shows_its_line_and_its_neighbours(
    app: FastAPI, client: httpx.AsyncClient, token: Headers, street: Database
) -> None:
    headers = token(Role.MAINTENANCE)
    lay(street)
    context = cast("Context", app.state.context)
    moment = to_ms(now())
    await context.store.write(
        [
            Point(
                family="well",
                area="area",
                position=position,
                device=f"d-{position}",
                gateway="gw-1",
                time_ms=moment - 60_000,
                fields={"water_level": level},
            )
            for position, level in (("level", 2_100.0), ("well", 300.0))
        ]
    )
    page = (await client.get("/wells/w1", headers=headers)).text
    above, below = page.index("上面的井"), page.index("下面的井")
    assert above < page.index("flow-here") < below
    assert '<a href="/wells/w0">' in page
    assert '<a href="/wells/w2">' in page
    assert "2.1 m" in page[above:below]
    assert "已到预警水位" in page[above : page.index("flow-here")]
    assert "没有水位" in page[below:]
    from_above = (await client.get("/wells/w0", headers=headers)).text
    assert "0.3 m" in from_above[from_above.index("flow-here") :]
    drawn = (await client.get("/wells/w1/chart.json", headers=headers)).json()
    (track,) = drawn["tracks"]
    assert track["unit"] == "m"
    assert track["points"][-1][1] == 0.3
    assert [2.0, "预警水位（井深的 80%）"] in track["limits"]
    manager = person(street, Role.MANAGER, "boss")
    with street.write() as session:
        policies.put(session, manager, WellPolicy(prealarm_percent=60.0), now=now())
    (track,) = (await client.get("/wells/w1/chart.json", headers=headers)).json()["tracks"]
    assert [1.5, "预警水位（井深的 60%）"] in track["limits"]
    assert (await client.get("/wells/w2/chart.json", headers=headers)).status_code == 404
