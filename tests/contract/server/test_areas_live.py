"""What open pages are told of lies in the area of whoever looks: every stream there is."""

import asyncio
from pathlib import Path

import httpx
import pytest

from firmware_profiles import Catalogue
from server.app import create_app
from server.db.database import Change, Database
from server.policies.catalogue import POLICIES
from server.users.roles import Role
from tests.contract.server import communities
from tests.contract.server.communities import HERE, THERE, token


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
async def test_no_stream_tells_of_another_area(
    database: Database, catalogue: Catalogue, tmp_path: Path
) -> None:
    paths = sorted(route.path for route in communities.page_routes() if "/live" in route.path)
    assert paths == ["/install/tests/{test_id}/live", "/live/changes", "/live/tasks"]
    async with communities.served(database, catalogue, tmp_path) as context:
        # Numbers that tell where they belong: the first three tasks lie here, the others there.
        changes = [Change("task", str(number)) for number in range(1, 7)]
        changes += [Change(kind, id_) for name, id_ in ((HERE, "1"), (THERE, "2"))
                    for kind, id_ in (("gateway", f"{name}-gw"), ("quarantine", id_))]  # fmt: skip
        app = create_app(context)
        transport = httpx.ASGITransport(app, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://sunwell.test") as client:
            areas = {"here": HERE, "all": None}
            who = {
                name: token(context.database, Role.ADMINISTRATOR, area, f"walker-{name}")
                for name, area in areas.items()
            }
            refused = await client.get("/install/tests/2/live", headers=who["here"])
            assert refused.status_code == 404
            async with asyncio.TaskGroup() as group:
                streams = {
                    (name, path): group.create_task(
                        client.get(path.replace("{test_id}", "1"), headers=headers)
                    )
                    for name, headers in who.items()
                    for path in paths
                }
                while len(context.bus._subscriptions) < len(streams):  # noqa: ASYNC110 - it tells nobody
                    await asyncio.sleep(0.01)
                for change in changes:
                    context.bus.publish(change)
                await asyncio.sleep(0)
                context.bus.close()
        told = {key: each.result().text for key, each in streams.items()}
    assert not [key for key, text in told.items() if key[0] == "here" and THERE in text.lower()]
    assert told["here", "/live/changes"].count("event: change") == len(changes) // 2
    assert told["all", "/live/changes"].count("event: change") == len(changes)
    assert told["here", "/live/tasks"].count("event: task") == 3
    assert told["all", "/live/tasks"].count("event: task") == 6


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
async def test_the_rules_of_all_are_to_read_for_whoever_has_an_area(
    database: Database, catalogue: Catalogue, tmp_path: Path
) -> None:
    async with communities.served(database, catalogue, tmp_path) as context:
        transport = httpx.ASGITransport(create_app(context), raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://sunwell.test") as client:
            limited, everywhere = (
                token(database, Role.MANAGER, area, f"manager-{area}") for area in (HERE, None)
            )
            for name in POLICIES:
                page = await client.get(f"/policies/{name}", headers=limited)
                assert "<fieldset disabled>" in page.text
                assert 'name="reset"' not in page.text
                answer = await client.post(f"/policies/{name}", headers=limited, data={"reset": "1"})
                assert answer.status_code == 422
                assert "count for all areas" in answer.text
                page = await client.get(f"/policies/{name}", headers=everywhere)
                assert "<fieldset disabled>" not in page.text
                assert 'name="reset"' in page.text
            page = await client.get("/playbooks/care/critical", headers=limited)
            assert 'name="resident" value="" required' in page.text
            answer = await client.post(
                "/playbooks/care/critical", headers=limited, data={"remove": "1"}, follow_redirects=False
            )
            assert answer.status_code == 422
            roster = await client.get("/rosters", headers=limited)
            assert '<select name="place"><option value="area:' in roster.text
