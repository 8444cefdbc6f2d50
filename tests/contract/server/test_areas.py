"""Whoever has an area sees and changes what lies in it, and nothing else: every page, every route."""

import re
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import func, select

from firmware_profiles import Catalogue
from server.app import create_app
from server.clock import now
from server.context import Context
from server.db.base import Base
from server.db.database import Database
from server.db.models import Delivery, DispatchStep, Position, Resident, Shift, Task, User, Well
from server.dispatch import people
from server.dispatch.core import Who, WhoKind
from server.errors import NotFoundError
from server.places import service as places
from server.places.schemas import GatewayIn
from server.policies.catalogue import POLICIES
from server.tasks import repository, service
from server.tasks.acts import Act
from server.tasks.states import TaskAction
from server.users import gate, reach, sessions
from server.users.roles import Role
from server.users.viewer import Viewer
from tests.contract.server import communities
from tests.contract.server.communities import HERE, THERE, token

KEYS = {
    "areas": HERE,
    "residents": "{}-r",
    "wells": "{}-w",
    "stations": "{}-st",
    "positions": "{}-home",
    "devices": "{}-home-d",
    "gateways": "{}-gw",
    "kiosks": "{}-kiosk",
    "site": "{}",
}
"""What `{key}` means, by what stands before it."""
WHO = (Role.MANAGER, Role.DISPATCHER, Role.CARER, Role.MAINTENANCE)
OWN = re.compile(r"/live$|/(live/|healthz|readyz|metrics|static|enrol/|logout|take)|[.](pdf|zip)$")
"""Streams never end (see `test_areas_live`); packed files show nothing to a search, and are made of what
pages show; the others are nobody's."""


@pytest.fixture
async def context(database: Database, catalogue: Catalogue, tmp_path: Path) -> AsyncIterator[Context]:
    async with communities.served(database, catalogue, tmp_path) as made:
        yield made


@pytest.fixture
async def app(context: Context) -> FastAPI:
    return create_app(context)


@pytest.fixture
async def client(app: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://sunwell.test") as opened:
        yield opened


def routes(app: FastAPI) -> list[tuple[str, str]]:
    """All methods and paths of the API and the pages."""
    found = {(method.upper(), path) for path, methods in app.openapi()["paths"].items() for method in methods}
    for route in communities.page_routes():
        found |= {(method, route.path) for method in route.methods or ()}
    return sorted((method, path) for method, path in found if not OWN.search(path))


def filled(path: str, known: dict[str, str], name: str) -> str:
    """The path with that community's ids."""

    def one(part: re.Match[str]) -> str:
        before, parameter = part[1], part[2]
        if before in KEYS and parameter in ("key", "position_id"):
            return f"{before}/" + (name if before == "areas" else KEYS[before].format(name))
        return f"{before}/" + known.get(parameter, "1")

    return re.sub(r"([\w.-]*)/\{(\w+)(?::\w+)?\}", one, path)


def asked(path: str, name: str) -> dict[str, str]:
    """What a path asks for beside its ids."""
    known = {"reason": "visit"}
    if "/readings" in path:
        known |= {"family": "safety", "position": f"{name}-home", "point": "action"}
    if path.endswith("chart.json"):
        known |= {"point": "action", "hours": "1"}
    return known | ({"role": "carer", "area_id": f"{name}-grid"} if path.endswith("/on-duty") else {})


def of_things(path: str) -> bool:
    """Whether the path names something that lies somewhere."""
    return any(before not in gate.OTHERS for before, _ in gate.parts(path))


def viewer(database: Database, login: str) -> Viewer:
    with database.read() as session:
        return sessions.viewer_of(session, session.scalars(select(User).where(User.login == login)).one())


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
async def test_no_page_and_no_route_shows_another_areas_rows(
    context: Context, app: FastAPI, client: httpx.AsyncClient
) -> None:
    """Both ways: what is in the other area is nowhere, and what is in one's own is there."""
    mine, theirs = (communities.numbers(context.database, name) for name in (HERE, THERE))
    looked = [path for method, path in routes(app) if method == "GET"]
    assert len(looked) > 80, "the walk has lost its way"
    leaks, missing, broken = [], [], []
    numbered = re.compile(r"/tasks/[456]\b|\"task_id\":\s*[456]\b")
    seen: set[str] = set()
    for role in WHO:
        headers = token(context.database, role, HERE)
        for path in looked:
            own = await client.get(filled(path, mine, HERE), headers=headers, params=asked(path, HERE))
            if own.status_code >= 500:
                broken.append((role, path, own.status_code))
            if THERE in own.text.lower() or numbered.search(own.text):
                leaks.append((role, path))
            if HERE in own.text.lower():
                seen.add(path)
            if of_things(path):
                other = await client.get(filled(path, theirs, THERE), headers=headers)
                if other.status_code != 404:
                    missing.append((role, path, other.status_code))
    assert (broken, leaks, missing) == ([], [], []), (broken, leaks, missing)
    expected = {"/api/v1/tasks", "/tasks/{task_id}", "/api/v1/residents", "/api/v1/wells", "/api/v1/devices"}
    assert expected <= seen
    assert {"/coverage", "/figures", "/kiosks", "/people", "/rosters", "/windows", "/install"} <= seen
    assert {"/api/v1/alarms", "/api/v1/windows", "/api/v1/stations", "/map/places.json"} <= seen
    assert {"/api/v1/audit", "/api/v1/responders", "/quarantine", "/gateways", "/playbooks"} <= seen


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
async def test_nothing_of_another_area_is_changed_by_its_id(
    context: Context, app: FastAPI, client: httpx.AsyncClient
) -> None:
    theirs = communities.numbers(context.database, THERE)
    written = [(method, path) for method, path in routes(app) if method != "GET" and of_things(path)]
    assert len(written) > 60
    before = _everything(context.database)
    wrong = []
    for role in (Role.MANAGER, Role.CARER, Role.MAINTENANCE, Role.ADMINISTRATOR):
        headers = token(context.database, role, HERE)
        for method, path in written:
            answer = await client.request(method, filled(path, theirs, THERE), headers=headers)
            if answer.status_code != 404:
                wrong.append((role, method, path, answer.status_code))
    assert wrong == []
    after = _everything(context.database)
    assert {name for name in before if before[name] != after[name]} <= {"users", "api_tokens"}


def _everything(database: Database) -> dict[str, object]:
    with database.read() as session:
        return {
            table.name: (
                session.scalar(select(func.count()).select_from(table)),
                sorted(map(str, session.execute(select(table)).all())),
            )
            for table in Base.metadata.sorted_tables
        }


def test_every_id_in_an_address_is_known_to_the_gate(catalogue: Catalogue) -> None:
    """Who adds a route says what its id is: otherwise nothing guards it."""
    paths = {route.path for route in communities.page_routes()}
    unknown = {before for path in paths for before, _ in gate.parts(path) if not gate.is_known(before)}
    assert unknown == set()


def test_a_task_that_was_given_to_somebody_outside_its_area_is_theirs(
    database: Database, catalogue: Catalogue
) -> None:
    """They may act on it and look its home up while it is open; the task itself stays theirs to see."""
    communities.lay(database, catalogue)
    number, name = communities.task_of(THERE), f"{HERE}-carer"
    with database.write() as session, pytest.raises(NotFoundError):
        service.act(session, viewer(database, name), number, Act(action=TaskAction.ACKNOWLEDGE), now=now())
    communities.staff(database, Role.MANAGER, "everywhere", None)
    give = Act(action=TaskAction.REASSIGN, assignee_id=viewer(database, name).user_id)
    with database.write() as session:
        service.act(session, viewer(database, "everywhere"), number, give, now=now())
    helper = viewer(database, name)
    with reach.within(database, helper).read() as session:
        assert session.get(Resident, f"{THERE}-r") is not None
        assert session.get(Position, f"{THERE}-home") is not None
        assert session.get(Well, f"{THERE}-w") is None
        assert {task.id for task in repository.listed(session, helper, tab="mine")} == {number}
    ends = Act(action=TaskAction.CLOSE, outcome="helped_on_site", note="done")
    with database.write() as session:
        for action in (TaskAction.ACKNOWLEDGE, TaskAction.DEPART, TaskAction.ARRIVE):
            service.act(session, helper, number, Act(action=action), now=now())
        service.act(session, helper, number, ends, now=now())
    after = viewer(database, name)
    assert after.calls == frozenset()
    with reach.within(database, after).read() as session:
        assert repository.seen_by(session, after, number).id == number
        assert session.get(Resident, f"{THERE}-r") is None


def test_who_was_told_of_a_task_outside_their_area_may_take_it(
    database: Database, catalogue: Catalogue
) -> None:
    """A holder of a key of the next community, say: the link in their message works, and their pages too."""
    communities.lay(database, catalogue)
    number, name = communities.task_of(THERE), f"{HERE}-second"
    told(database, number, viewer(database, name).user_id)
    with database.write() as session:
        service.act(session, viewer(database, name), number, Act(action=TaskAction.ACKNOWLEDGE), now=now())
    with database.read() as session:
        assert session.get_one(Task, number).assignee_id == viewer(database, name).user_id


def told(database: Database, task_id: int, user_id: int) -> None:
    with database.write() as session:
        step = DispatchStep(
            task_id=task_id, kind="call", run=9, number=1, turn=1, state="done", planned_at=now(),
            due_at=now(), done_at=now(),
        )  # fmt: skip
        session.add(step)
        session.flush()
        session.add(
            Delivery(
                task_id=task_id, step_id=step.id, user_id=user_id, channel="pages", state="sent",
                created_at=now(), due_at=now(),
            )
        )  # fmt: skip


def test_only_people_around_the_task_are_told_by_their_role(database: Database, catalogue: Catalogue) -> None:
    """Those of its grid, of the areas around it, and of none; not those of the next community."""
    communities.lay(database, catalogue)
    for area_id in (THERE, "street", None):
        communities.staff(database, Role.CARER, f"carer-of-{area_id}", area_id)
    with database.read() as session:
        task = session.get_one(Task, communities.task_of(THERE))
        for kind in (WhoKind.ROLE, WhoKind.DUTY):
            names = {
                user.name for user in people.found(session, task, Who(kind=kind, value="carer"), now=now())
            }
            assert f"{THERE}-carer" in names
            assert not {name for name in names if name.startswith(HERE)}
        everyone = {
            user.name
            for user in people.found(session, task, Who(kind=WhoKind.ROLE, value="carer"), now=now())
        }
        assert everyone == {
            f"{THERE}-carer", f"{THERE}-second", f"carer-of-{THERE}", "carer-of-street", "carer-of-None",
        }  # fmt: skip
        named = people.found(session, task, Who(kind=WhoKind.PERSON, value=f"{HERE}-carer"), now=now())
        assert [user.name for user in named] == [f"{HERE}-carer"]


def test_a_live_card_goes_to_who_reaches_the_task(database: Database, catalogue: Catalogue) -> None:
    """Also to an open page whose owner was told a moment ago."""
    communities.lay(database, catalogue)
    looking = viewer(database, f"{HERE}-carer")
    with database.read() as session:
        here, there = (session.get_one(Task, communities.task_of(name)) for name in (HERE, THERE))
        assert reach.reaches(session, looking, here)
        assert not reach.reaches(session, looking, there)
    told(database, there.id, looking.user_id)
    with database.read() as session:
        assert reach.reaches(session, looking, there)


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
async def test_what_is_written_refers_to_nothing_outside(context: Context, client: httpx.AsyncClient) -> None:
    """By what stands in the body: the area, the resident, the gateway, the person; and by an import."""
    headers = token(context.database, Role.MANAGER, HERE)
    builder = token(context.database, Role.INSTALLER, HERE)
    there = {"area_id": f"{THERE}-grid", "name": "x", "address": "y"}
    later = (now() + timedelta(hours=1)).isoformat()
    until = (now() + timedelta(hours=2)).isoformat()
    carer, own = (viewer(context.database, f"{name}-carer").user_id for name in (THERE, HERE))
    full = token(context.database, Role.ADMINISTRATOR, HERE)
    with context.database.write() as session:
        for_all = Shift(user_id=own, role="carer", starts_at=now(), ends_at=now() + timedelta(hours=1),
                        created_at=now())  # fmt: skip
        session.add(for_all)
        places.put_gateway(session, "street-gw", GatewayIn(area_id="street", name="x"), now=now())
        session.flush()
        whole = for_all.id
    asked = [
        ("PUT", "/residents/new-1", there, headers),
        ("PUT", "/wells/new-2", there, builder),
        ("PUT", "/areas/new-3", {"kind": "grid", "name": "x", "parent_id": THERE}, builder),
        ("PUT", "/areas/new-4", {"kind": "community", "name": "x", "parent_id": "street"}, builder),
        ("PUT", "/areas/new-5", {"kind": "subdistrict", "name": "x"}, builder),
        ("PUT", "/positions/new-6",
         {"area_id": f"{HERE}-grid", "name": "x", "resident_id": f"{THERE}-r"}, builder),
        ("PUT", "/gateways/new-7", {"area_id": THERE, "name": "x"}, builder),
        ("POST", "/people", {"name": "x", "role": "carer", "area_id": THERE}, headers),
        ("POST", "/people", {"name": "x", "role": "carer"}, headers),
        ("PUT", "/playbooks/care/critical", PLAN, headers),
        ("PUT", f"/playbooks/care/critical?resident_id={THERE}-r", PLAN, headers),
        ("DELETE", "/playbooks/care/critical", {}, headers),
        *(("PUT", f"/policies/{name}", {}, by) for name in POLICIES for by in (headers, full)),
        ("POST", "/rosters/shifts",
         {"user_id": carer, "role": "carer", "starts_at": later, "ends_at": until}, headers),
        ("POST", "/rosters/shifts",
         {"user_id": own, "role": "carer", "starts_at": later, "ends_at": until}, headers),
        ("DELETE", f"/rosters/shifts/{whole}", {}, headers),
        *(
            ("POST", "/windows",
             {"kind": "work", "scope_kind": kind, "scope_id": scope, "until": until, "reason": "x"}, headers)
            for kind, scope in (("area", THERE), ("area", "street"), ("well", f"{THERE}-w"),
                                ("gateway", "street-gw"), ("resident", f"{THERE}-r"))
        ),
        ("POST", f"/tasks/{communities.task_of(HERE)}/reassign", {"assignee_id": carer}, headers),
    ]  # fmt: skip
    answers = [
        (path, body, (await client.request(method, f"/api/v1{path}", json=body, headers=by)).status_code)
        for method, path, body, by in asked
    ]
    assert [each for each in answers if each[2] not in (403, 404, 422)] == []
    assert [each for each in answers if each[2] == 403] == []
    table = "id,area_id,name,address\n{}-r,{}-grid,x,y\n"
    for resident, area, fits in ((THERE, HERE, False), ("new", THERE, False), (HERE, HERE, True)):
        for apply in ("false", "true"):
            answer = await client.post(
                "/api/v1/import",
                params={"name": "residents.csv", "kind": "residents", "apply": apply},
                content=table.format(resident, area).encode(),
                headers=full,
            )
            assert (answer.status_code == 200) is fits, answer.text
    with context.database.read() as session:
        assert session.get_one(Resident, f"{THERE}-r").name == f"{THERE}-resident"


PLAN = {
    "steps": [{"who": {"kind": "role", "value": "carer"}, "within_s": 60}],
    "arrive_within_s": 600,
}


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
async def test_numbers_count_ones_own_area_only(context: Context, client: httpx.AsyncClient) -> None:
    """What is added up leaks as well: figures and coverage of an area, and of both."""
    everywhere = token(context.database, Role.MANAGER, None, "chief")
    for headers, areas in ((token(context.database, Role.MANAGER, HERE), 1), (everywhere, 2)):
        figures = await client.get(f"/api/v1/figures/{now():%Y-%m}", headers=headers)
        assert figures.json()["total"]["opened"] == 3 * areas
        assert len(figures.json()["areas"]) == areas
        covered = await client.get("/api/v1/coverage", headers=headers)
        assert covered.json()["counts"]["residents"] == areas
        assert covered.json()["counts"]["by_cause"] == {"silent": areas}
