"""The page of a codec profile: the script runs in a sandbox, and one that hangs costs its own answer."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from firmware_profiles import Catalogue, parse_profile
from server.app import create_app
from server.clock import now
from server.db.database import Database
from server.users import service, sessions
from server.users.roles import Role
from tests.parts.context import context_around
from tests.unit.firmware_profiles.making import document, measure

pytestmark = pytest.mark.parametrize("database", ["sqlite"], indirect=True)
SCRIPT = """function decodeUplink(input) {
  if (input.bytes[0] === 255) for (;;);
  if (input.bytes[0] === 254) throw { toString() { for (;;); } };
  return { data: { level: input.bytes[0] + " mm" } };
}"""


@pytest.fixture
async def pages(database: Database, tmp_path: Path) -> AsyncIterator[httpx.AsyncClient]:
    """Logged in, with the codec profile `made` alone in the catalogue."""
    part = {"kind": "codec", "script": "level.js", "text": SCRIPT}
    fields = {"level": {"path": "level", "strip": "mm"}}
    profile = parse_profile(
        document({**part, "fields": fields}, {"level": measure(low=0, high=5000)}, transport="lorawan")
    )
    with database.write() as session:
        user = service.add(
            session, login="i", name="i", role=Role.INSTALLER, password="correct horse", now=now()
        )
        token = sessions.new_token(session, user, name="test", expires_at=None, now=now())
    async with (
        context_around(database, Catalogue({profile.id: profile}), tmp_path) as context,
        httpx.AsyncClient(
            transport=httpx.ASGITransport(create_app(context)),
            base_url="http://sunwell.test",
            headers={"authorization": f"Bearer {token}"},
        ) as client,
    ):
        yield client


async def paste(pages: httpx.AsyncClient, payload: str) -> str:
    answer = await pages.post("/profiles/made", data={"payload": payload, "port": "1"})
    assert answer.status_code == 200, answer.text
    return answer.text


async def test_a_codec_is_shown_step_by_step(pages: httpx.AsyncClient) -> None:
    page = await paste(pages, "2A")
    assert "codec level.js" in page
    assert "42 mm" in page


async def test_scripts_that_hang_cost_their_own_answers_only(pages: httpx.AsyncClient) -> None:
    hung = [asyncio.create_task(paste(pages, body)) for body in ("FF", "FE", "FF", "FE")]
    answer = await pages.get("/profiles")
    assert answer.status_code == 200
    good = await paste(pages, "07")
    assert "7 mm" in good
    for page in await asyncio.gather(*hung):
        assert "codec_failed" in page
        assert "level.js: " in page
