"""The tree of areas: its page, moving and removing in it, and its tables."""

from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from firmware_profiles import Catalogue
from server.app import create_app
from server.context import Context
from server.db.database import Database
from server.db.models import Area, AuditEntry, Station
from server.errors import ConflictError, InvalidError
from server.importing import service as importing
from server.places import service, tree
from server.places.schemas import AreaIn
from server.users.roles import Role
from server.users.viewer import Viewer
from tests.contract.server import communities
from tests.contract.server.communities import HERE, THERE, token
from tests.contract.server.conftest import NOW

EVERYBODY = Viewer(user_id=1, name="x", role=Role.ADMINISTRATOR)


@pytest.fixture
async def context(database: Database, catalogue: Catalogue, tmp_path: Path) -> AsyncIterator[Context]:
    async with communities.served(database, catalogue, tmp_path) as made:
        yield made


@pytest.fixture
async def client(context: Context) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(create_app(context), raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://sunwell.test") as opened:
        yield opened


async def test_areas_are_counted_with_those_below_and_never_become_a_ring(context: Context) -> None:
    with context.database.read() as session:
        found = {node.id: node for node in tree.tree(session, EVERYBODY)}
    street, here, grid = found["street"], found[HERE], found[f"{HERE}-grid"]
    assert (street.depth, here.depth, grid.depth) == (0, 1, 2)
    assert (street.residents, here.residents, grid.residents) == (2, 1, 1)
    assert (street.wells, here.gateways, grid.gateways) == (2, 1, 0)
    grid_in = AreaIn(kind="grid", name="g", parent_id=THERE)
    for key, wanted in {
        HERE: AreaIn(kind="community", name="a", parent_id=f"{HERE}-grid"),
        "street": AreaIn(kind="subdistrict", name="a", parent_id=HERE),
        "new": AreaIn(kind="grid", name="a", parent_id=f"{HERE}-grid"),
    }.items():
        with pytest.raises(InvalidError), context.database.write() as session:
            service.put_area(session, key, wanted)
    with pytest.raises(InvalidError, match="too small"), context.database.write() as session:
        service.put_area(session, HERE, AreaIn(kind="grid", name="a", parent_id="street"))
    with context.database.write() as session:
        service.put_area(session, f"{HERE}-grid", grid_in)
    with context.database.read() as session:
        moved = {node.id: node for node in tree.tree(session, EVERYBODY)}
    assert (moved[HERE].residents, moved[THERE].residents) == (0, 2)


async def test_only_an_empty_area_goes(context: Context) -> None:
    with context.database.write() as session:
        service.put_area(session, "empty", AreaIn(kind="grid", name="e", parent_id=HERE))
    with pytest.raises(ConflictError, match="1 residents"), context.database.write() as session:
        service.remove_area(session, f"{HERE}-grid")
    with context.database.write() as session:
        service.remove_area(session, "empty")
    with context.database.read() as session:
        assert session.get(Area, "empty") is None


async def test_a_manager_looks_after_their_own_part_of_the_tree(
    context: Context, client: httpx.AsyncClient
) -> None:
    manager = token(context.database, Role.MANAGER, HERE)
    page = await client.get("/areas", headers=manager)
    assert page.status_code == 200
    assert f"{HERE}-grid" in page.text
    assert THERE not in page.text
    assert "/areas/street/edit" not in page.text
    added = {"id": "g-9", "name": "第九网格", "kind": "grid", "parent_id": HERE}
    assert (await client.post("/areas/new", headers=manager, data=added)).status_code == 303
    assert "第九网格" in (await client.get("/areas", headers=manager)).text
    outside = {**added, "id": "g-10", "parent_id": THERE}
    assert (await client.post("/areas/new", headers=manager, data=outside)).status_code == 422
    own = {"name": "新名字", "kind": "community", "parent_id": "street"}
    assert (await client.post(f"/areas/{HERE}/edit", headers=manager, data=own)).status_code == 303
    assert (await client.post(f"/areas/{THERE}/edit", headers=manager, data=own)).status_code == 404
    assert (await client.get("/areas/street/edit", headers=manager)).status_code == 422
    gone = await client.post("/areas/g-9/edit", headers=manager, data={"remove": "1"})
    assert gone.status_code == 303
    assert (await client.get("/areas", headers=token(context.database, Role.CARER, HERE))).status_code == 403
    with context.database.read() as session:
        assert session.get(Area, "g-9") is None
        assert session.get_one(Area, HERE).name == "新名字"
        assert session.query(AuditEntry).filter_by(subject_kind="area", action="remove").count() == 1
    form = (await client.get("/install/import?kind=shifts", headers=manager)).text
    assert 'value="shifts" selected' in form
    assert 'value="areas"' in form
    assert 'value="devices"' not in form, "a manager registers no hardware"
    assert (await client.get("/install/import/shifts.csv", headers=manager)).status_code == 200
    stolen = {"known": f"{THERE}-st", "name": "x", "address": "x", "area_id": HERE, "latitude": "31",
              "longitude": "121"}  # fmt: skip
    taken = await client.post("/stations/save", headers=manager, data=stolen)
    assert taken.status_code == 404, "a hidden field reaches no further than an address"
    with context.database.read() as session:
        assert session.get_one(Station, f"{THERE}-st").area_id != HERE


async def test_areas_come_from_tables_and_every_mistake_is_told(context: Context) -> None:
    def run(text: str, viewer: Viewer) -> list[tuple[int, str]]:
        report = importing.run(
            context, viewer, name="areas.csv", data=text.encode(), kind="areas", apply=True, now=NOW
        )
        assert report.applied is not bool(report.errors)
        return [(error.row, error.column) for error in report.errors]

    user = communities.staff(context.database, Role.ADMINISTRATOR, "admin", None)
    everybody = Viewer(user_id=user, name="x", role=Role.ADMINISTRATOR)
    head = "编号,级别,名称,上级编号\n"
    below_before_above = f"{head}n-grid,网格,甲,n-community\nn-community,社区,乙,street\n"
    for _ in range(2):
        assert run(below_before_above, everybody) == []
    with context.database.read() as session:
        assert session.get_one(Area, "n-grid").parent_id == "n-community"
    wrong = f"{head}a,社区,甲,b\nb,社区,乙,a\nc,village,丙,street\nd,网格,丁,nowhere\n{HERE},网格,戊,street\n"
    assert run(wrong, everybody) == [
        (2, "parent_id"),
        (3, "parent_id"),
        (4, "kind"),
        (5, "parent_id"),
        (6, "kind"),
    ]
    number = communities.staff(context.database, Role.MANAGER, "boss", HERE)
    with context.database.read() as session:
        assert session.get(Area, "a") is None
    boss = Viewer(
        user_id=number, name="b", role=Role.MANAGER, area_ids=frozenset({HERE, f"{HERE}-grid"}),
        around=frozenset({"street"}),
    )  # fmt: skip
    assert run(f"{head}{HERE},社区,改名,street\nx-grid,网格,甲,{HERE}\n", boss) == []
    assert run(f"{head}{THERE},社区,改名,street\ny,街道,甲,\n", boss) == [(2, "id"), (3, "parent_id")]
