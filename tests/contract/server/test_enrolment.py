"""Codes and credentials as rows, on both SQL engines; who may make and revoke."""

import asyncio
import base64
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI

from firmware_profiles import Catalogue
from gateway.enrolment import keys as gateway_keys
from gateway.enrolment.wire import EnrolRequest, RenewRequest, read_code, signed_text, to_letters
from server.alarms.texts import RuleTexts
from server.app import create_app
from server.context import Context
from server.db.database import Database
from server.db.models import User
from server.enrolment import repository, service, views
from server.enrolment.keys import Keys, open_keys
from server.enrolment.service import CodeUsedError, Issued, RevokedError
from server.errors import ForbiddenError, InvalidError, NotFoundError
from server.live.bus import Bus
from server.places import schemas
from server.places import service as places
from server.settings import ServerSettings
from server.timeseries.sqlite import SqliteStore
from server.users import sessions
from server.users.roles import LINKS_ONLY, Role
from tests.contract.server.conftest import NOW, person

HOUR, LIFE = timedelta(hours=1), timedelta(days=90)


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Keys:
    """The authority."""
    return open_keys(tmp_path_factory.mktemp("keys") / "authority", now=NOW)


def make_code(street: Database, gateway: str = "gw-1") -> str:
    with street.write() as session:
        secret, _ = service.make_code(session, gateway, user_id=None, life=HOUR, now=NOW)
    return to_letters(secret)


def enrol(street: Database, keys: Keys, secret: str, key: bytes, after: timedelta = timedelta()) -> Issued:
    request = EnrolRequest(secret=secret, csr=gateway_keys.make_request(key, "x"))
    with street.write() as session:
        return service.enrol(session, keys, request, life=LIFE, now=NOW + after)


def renew(street: Database, keys: Keys, key: bytes, new: bytes, after: timedelta) -> Issued:
    csr = gateway_keys.make_request(new, "gw-1")
    signature = base64.b64encode(gateway_keys.sign(key, signed_text("gw-1", csr))).decode()
    with street.write() as session:
        request = RenewRequest(gateway="gw-1", csr=csr, signature=signature)
        return service.renew(session, keys, request, life=LIFE, now=NOW + after)


def test_of_many_that_use_a_code_at_once_one_gets_in(street: Database, keys: Keys) -> None:
    secret = make_code(street)

    def attempt(_: int) -> Issued | None:
        try:
            return enrol(street, keys, secret, gateway_keys.make_key())
        except CodeUsedError:
            return None

    with ThreadPoolExecutor(8) as pool:
        made = [one for one in pool.map(attempt, range(8)) if one is not None]
    assert len(made) == 1
    with street.read() as session:
        row = repository.credential(session, "gw-1")
        assert row is not None
        assert row.generation == 1


def test_each_enrolment_has_another_password_and_a_renewal_keeps_it(street: Database, keys: Keys) -> None:
    first, second = gateway_keys.make_key(), gateway_keys.make_key()
    one = enrol(street, keys, make_code(street), first)
    renewed = renew(street, keys, first, second, timedelta(days=60))
    again = enrol(street, keys, make_code(street), gateway_keys.make_key())
    assert one.password == renewed.password != again.password


def test_a_key_that_was_replaced_twice_renews_no_more(street: Database, keys: Keys) -> None:
    key = [gateway_keys.make_key() for _ in range(4)]
    enrol(street, keys, make_code(street), key[0])
    renew(street, keys, key[0], key[1], timedelta(days=60))
    renew(street, keys, key[0], key[1], timedelta(days=60))  # the answer was lost
    renew(street, keys, key[1], key[2], timedelta(days=120))
    with pytest.raises(ForbiddenError, match="not signed"):
        renew(street, keys, key[0], key[3], timedelta(days=120))


def test_a_drawer_does_not_end_a_gateway_but_years_do(street: Database, keys: Keys) -> None:
    key, new = gateway_keys.make_key(), gateway_keys.make_key()
    enrol(street, keys, make_code(street), key)
    with street.read() as session:
        assert views.one(session, "gw-1", now=NOW + timedelta(days=200)).state == "expired"
    renew(street, keys, key, new, timedelta(days=200))
    with street.read() as session:
        assert views.one(session, "gw-1", now=NOW + timedelta(days=200)).state == "enrolled"
    with pytest.raises(ForbiddenError, match="too long ago"):
        renew(street, keys, new, gateway_keys.make_key(), timedelta(days=200 + 90 + 366))


def test_revoking_ends_the_credential_and_its_open_code(street: Database, keys: Keys) -> None:
    key = gateway_keys.make_key()
    used = make_code(street)
    enrol(street, keys, used, key)
    secret = make_code(street)
    with street.write() as session:
        service.revoke(session, "gw-1", now=NOW)
    with pytest.raises(NotFoundError):
        enrol(street, keys, secret, key)
    with pytest.raises(CodeUsedError):
        enrol(street, keys, used, key)
    with pytest.raises(RevokedError):
        renew(street, keys, key, gateway_keys.make_key(), timedelta(days=1))


def test_a_gateway_cannot_take_the_place_of_another_user_of_the_broker(street: Database) -> None:
    with street.write() as session:
        places.put_gateway(session, "server", schemas.GatewayIn(area_id="area", name="s"), now=NOW)
    with pytest.raises(InvalidError, match="must begin with"):
        make_code(street, "server")
    with pytest.raises(NotFoundError):
        make_code(street, "gw-nobody")


@pytest.fixture
async def app(street: Database, tmp_path: Path) -> AsyncIterator[FastAPI]:
    """The application, without a broker."""
    store = SqliteStore(tmp_path / "readings.db")
    context = Context(
        settings=ServerSettings(data=tmp_path),
        database=street,
        store=store,
        catalogue=Catalogue({}),
        texts=RuleTexts([]),
        bus=Bus(asyncio.get_running_loop()),
    )
    yield create_app(context)
    await store.close()


async def call(app: FastAPI, street: Database, role: Role, path: str) -> httpx.Response:
    """POST as somebody of this role."""
    viewer = person(street, role, f"p-{role}")
    with street.write() as session:
        user = session.get(User, viewer.user_id)
        assert user is not None
        token = sessions.new_token(session, user, name="t", expires_at=None, now=NOW)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test") as client:
        return await client.post(f"/api/v1{path}", headers={"authorization": f"Bearer {token}"}, json={})


@pytest.mark.parametrize("role", [*Role])
async def test_only_installers_and_administrators_make_codes_and_revoke(
    app: FastAPI, street: Database, role: Role
) -> None:
    may = role in (Role.INSTALLER, Role.ADMINISTRATOR)
    made = await call(app, street, role, "/gateways/gw-1/codes")
    assert made.status_code == (201 if may else 401 if role in LINKS_ONLY else 403)
    if may:
        assert made.json()["offered"] is False
        assert read_code(made.json()["page"]) == read_code(made.json()["code"])


async def test_a_server_without_rights_at_a_broker_enrols_nobody_and_says_why(app: FastAPI) -> None:
    body = {"secret": "0" * 24, "csr": ""}
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test") as client:
        answer = await client.post("/api/v1/enrol", json=body)
        long = await client.post("/api/v1/enrol", content=b"x" * 10_000)
        bad = await client.post("/api/v1/enrol/renew", content=b"{}")
    assert answer.status_code == 409
    assert "enrols nobody" in answer.json()["error"]["message"]
    assert (long.status_code, bad.status_code) == (422, 422)
