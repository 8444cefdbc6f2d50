"""The JSON API: nothing open, errors that say what to do, and the resident's details behind a reason."""

import io
import os
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI
from PIL import Image
from sqlalchemy import select

from server.app import create_app
from server.clock import now
from server.context import Context
from server.db.database import Database
from server.db.models import AuditEntry
from server.users import service, sessions
from server.users.roles import Role
from tests.contract.server.test_alarm_record import press, record

PASSWORD = "correct horse"
FOR_GATEWAYS = {"/api/v1/enrol", "/api/v1/enrol/renew", "/api/v1/enrol/authority"}
"""Who asks has a code or a key, or asks for what everybody may know: tests.contract.enrolment."""
OPEN_PATHS = {"/healthz", "/readyz", "/metrics", "/api/openapi.json", "/login", "/language", "/take/{token}"}


pytestmark = pytest.mark.parametrize("database", ["sqlite"], indirect=True)
"""One engine is enough here: SQL is tested on both elsewhere."""


@pytest.fixture
async def app(context: Context) -> FastAPI:
    """The web application around the street's database, without a broker."""
    return create_app(context)


@pytest.fixture
async def client(app: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    """A browser that is not logged in."""
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://sunwell.test") as opened:
        yield opened


@pytest.fixture
def token(street: Database) -> Callable[[Role], dict[str, str]]:
    """Headers that make a request act in a role."""

    def make(role: Role) -> dict[str, str]:
        with street.write() as session:
            user = service.by_login(session, role) or service.add(
                session, login=role, name=role, role=role, password=PASSWORD, now=now()
            )
            made = sessions.new_token(session, user, name="test", expires_at=None, now=now())
        return {"authorization": f"Bearer {made}"}

    return make


Headers = Callable[[Role], dict[str, str]]


async def test_nothing_is_open(app: FastAPI, client: httpx.AsyncClient) -> None:
    """Every route asks who is there, but for the few that must not."""
    document = (await client.get("/api/openapi.json")).json()
    asked = 0
    for path, methods in document["paths"].items():
        if path in FOR_GATEWAYS:
            continue
        for method in methods:
            answer = await client.request(method, path.replace("{", "").replace("}", ""), json={})
            asked += 1
            assert answer.status_code in (401, 403), (method, path, answer.status_code)
    assert asked > 20
    for page in ("/tasks", "/map", "/devices", "/gateways", "/quarantine", "/tasks/1", "/live/tasks"):
        answer = await client.get(page)
        assert answer.status_code in (303, 401), (page, answer.status_code)


async def test_a_token_acts_in_its_role_and_no_more(client: httpx.AsyncClient, token: Headers) -> None:
    me = await client.get("/api/v1/users/me", headers=token(Role.CARER))
    assert me.json()["role"] == "carer"
    refused = await client.get("/api/v1/devices", headers=token(Role.CARER))
    assert refused.status_code == 403
    assert refused.json()["error"]["message"].startswith("the role carer may not view_devices")
    wrong = await client.get("/api/v1/tasks", headers={"authorization": "Bearer sw_wrong"})
    assert wrong.status_code == 401


async def test_a_task_moves_through_the_api(
    client: httpx.AsyncClient, token: Headers, street: Database
) -> None:
    record(street, press(1))
    carer = token(Role.CARER)
    (task,) = (await client.get("/api/v1/tasks", headers=carer)).json()
    assert task["names"]["zh"]
    assert task["actions"] == ["acknowledge", "note", "photo", "escalate"]
    moved = await client.post(f"/api/v1/tasks/{task['id']}/acknowledge", headers=carer)
    assert moved.json()["state"] == "acknowledged"
    again = await client.post(f"/api/v1/tasks/{task['id']}/acknowledge", headers=token(Role.DISPATCHER))
    assert again.status_code == 409
    assert "carer has it since" in again.json()["error"]["message"]
    unknown = await client.post(f"/api/v1/tasks/{task['id']}/explode", headers=carer)
    assert unknown.status_code == 422


async def test_a_residents_details_need_a_reason_which_is_written_down(
    client: httpx.AsyncClient, token: Headers
) -> None:
    carer, manager = token(Role.CARER), token(Role.MANAGER)
    assert (await client.get("/api/v1/residents/r1", headers=carer)).status_code == 422
    read = await client.get("/api/v1/residents/r1?reason=visit+tomorrow", headers=carer)
    assert read.json()["access"] == "钥匙在邻居家"
    assert (
        await client.get("/api/v1/residents/r1?reason=curious", headers=token(Role.WALL))
    ).status_code == 403
    assert "name" not in (await client.get("/api/v1/residents", headers=token(Role.WALL))).json()[0]
    (entry,) = (await client.get("/api/v1/audit", headers=manager)).json()
    assert (entry["action"], entry["subject_id"], entry["reason"]) == ("read", "r1", "visit tomorrow")


async def test_a_wrong_device_gets_all_its_errors_at_once(client: httpx.AsyncClient, token: Headers) -> None:
    answer = await client.put(
        "/api/v1/devices/new.1",
        headers=token(Role.INSTALLER),
        json={
            "gateway_id": "gw-9",
            "position_id": "home-sos",
            "profile": "calex-pyrousb",
            "address": {"topic": "x"},
            "parameters": {"height": 3},
        },
    )
    assert answer.status_code == 422
    places = {error["where"] for error in answer.json()["error"]["details"]["errors"]}
    assert {"gateway_id", "address.host", "address.topic", "parameters.height"} <= places


async def test_a_second_device_at_a_position_is_refused_with_the_first_ones_name(
    client: httpx.AsyncClient, token: Headers
) -> None:
    answer = await client.put(
        "/api/v1/devices/new.1",
        headers=token(Role.INSTALLER),
        json={
            "gateway_id": "gw-1",
            "position_id": "home-sos",
            "profile": "owon-pb206",
            "address": {"topic": "zigbee2mqtt/other"},
        },
    )
    assert answer.status_code == 409
    assert "holds device 'd-home-sos'" in answer.json()["error"]["message"]


async def test_a_cookie_alone_cannot_be_used_from_another_site(
    client: httpx.AsyncClient, token: Headers, street: Database
) -> None:
    token(Role.DISPATCHER)
    record(street, press(1))
    ours = {"sec-fetch-site": "same-origin"}
    logged_in = await client.post(
        "/login", data={"login": "dispatcher", "password": PASSWORD}, headers=ours, follow_redirects=False
    )
    assert logged_in.status_code == 303
    cookie = logged_in.headers["set-cookie"].lower()
    assert "httponly" in cookie
    assert "samesite=lax" in cookie or "samesite=strict" in cookie
    foreign = await client.post("/api/v1/tasks/1/acknowledge", headers={"sec-fetch-site": "cross-site"})
    assert foreign.status_code == 403
    assert (await client.post("/api/v1/tasks/1/acknowledge", headers=ours)).status_code == 200


async def test_wrong_passwords_are_slowed_down(client: httpx.AsyncClient, token: Headers) -> None:
    token(Role.CARER)
    wrong = {"login": "carer", "password": "guess"}
    answers = [
        (await client.post("/login", data=wrong, headers={"sec-fetch-site": "same-origin"})).status_code
        for _ in range(7)
    ]
    assert answers[:5] == [401] * 5
    assert answers[5:] == [429] * 2


async def test_metrics_and_health_answer_without_a_log_in(client: httpx.AsyncClient) -> None:
    assert (await client.get("/healthz")).json() == {"status": "ok"}
    assert "sunwell_quarantined_total" in (await client.get("/metrics")).text
    assert (await client.get("/readyz")).status_code == 503  # there is no broker here


async def test_a_photo_keeps_nothing_but_the_picture_and_each_look_is_written_down(
    client: httpx.AsyncClient, token: Headers, street: Database, tmp_path: Path
) -> None:
    """Where it was taken is gone, and nobody sees it who may not see the home."""
    record(street, press(1))
    carer = token(Role.CARER)
    exif = Image.Exif()
    exif[0x010E] = "taken at home"
    taken = io.BytesIO()
    Image.new("RGB", (2_000, 1_000), (90, 120, 110)).save(taken, "JPEG", exif=exif)
    kept = await client.post("/api/v1/tasks/1/photos", headers=carer, content=taken.getvalue())
    assert kept.status_code == 201
    path = f"/api/v1/tasks/1/photos/{kept.json()['id']}"
    seen = await client.get(path, headers=carer)
    picture = Image.open(io.BytesIO(seen.content))
    assert (picture.size, dict(picture.getexif())) == ((1_600, 800), {})
    assert b"taken at home" not in seen.content
    for role in (Role.WALL, Role.INSTALLER, Role.MAINTENANCE):
        assert (await client.get(path, headers=token(role))).status_code == 404
    for wrong in (b"no picture", b"x" * 5_000_001):
        refused = await client.post("/api/v1/tasks/1/photos", headers=carer, content=wrong)
        assert refused.status_code == 422
    files = [name for _, _, names in os.walk(tmp_path) for name in names]
    assert len([name for name in files if name.startswith("task-")]) == 1
    with street.read() as session:
        looks = session.scalars(select(AuditEntry.action).where(AuditEntry.action.like("%_photo"))).all()
    assert looks == ["add_photo", "read_photo"]
