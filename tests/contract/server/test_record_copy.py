"""What a resident is handed: the record, a page to print, and every reading of theirs, and nobody else's."""

import csv
import io
import json
import zipfile
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from firmware_profiles import Catalogue
from server.app import create_app
from server.clock import now, to_ms
from server.context import Context
from server.db.database import Database
from server.db.models import AuditEntry, Resident
from server.errors import StoreUnavailableError
from server.residents import copying
from server.timeseries.sqlite import SqliteStore
from server.timeseries.store import Point, StoredValue
from server.users.roles import Role
from tests.contract.server.communities import token
from tests.contract.server.test_privacy import MARKS, fill
from tests.parts.context import context_around

SINCE = now().replace(microsecond=0) - timedelta(hours=3)


def reading(after_s: float, position: str = "home-sos", **fields: float | str) -> Point:
    family = "button" if position == "home-sos" else "fall"
    return Point(
        family=family, area="area", position=position, device=f"d-{position}", gateway="gw-1",
        time_ms=to_ms(SINCE + timedelta(seconds=after_s)), fields=fields,
    )  # fmt: skip


class Broken(SqliteStore):
    """Answers for the first position only."""

    async def stored(self, *, family: str, position: str, **asked: Any) -> list[StoredValue]:
        if position == "home-sos":
            raise StoreUnavailableError("down")
        return await super().stored(family=family, position=position, **asked)


@pytest.fixture
async def context(staffed: Database, catalogue: Catalogue, tmp_path: Path) -> AsyncIterator[Context]:
    fill(staffed)
    with staffed.write() as session:
        session.get_one(Resident, "r1").created_at = SINCE
    async with context_around(staffed, catalogue, tmp_path) as made:
        store = made.store
        await store.write([reading(number, battery=80.5 - number / 1000) for number in range(5_000)])
        await store.write([reading(-60, battery=1.0), reading(1, "well", level=3.0)])
        await store.write([reading(5_000, **{"action.text": "=emergency", "battery.status": "bad"})])
        await store.write([reading(1, "home-fall", online=1.0)])
        yield made


@pytest.fixture
async def client(context: Context) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(create_app(context), raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://sunwell.test") as opened:
        yield opened


def rows(archive: zipfile.ZipFile, name: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(archive.read(name).decode("utf-8-sig"))))


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
async def test_the_zip_has_every_reading_and_a_page_to_print(
    context: Context, client: httpx.AsyncClient
) -> None:
    headers = token(context.database, Role.MANAGER, None)
    answer = await client.get("/residents/r1/export", headers=headers)
    assert answer.headers["content-disposition"] == 'attachment; filename="resident-r1.zip"'
    archive = zipfile.ZipFile(io.BytesIO(answer.content))
    assert archive.testzip() is None
    assert archive.namelist() == [
        "record.json", "readings/01 home-fall fall.csv", "readings/02 home-sos button.csv", "record.html",
    ]  # fmt: skip
    button = rows(archive, "readings/02 home-sos button.csv")
    assert len(button) == 5_002
    assert (button[0]["value"], button[4_999]["value"]) == ("80.5", "75.501")
    assert datetime.fromisoformat(button[0]["time"]) == SINCE, "not what was there before they were"
    assert [(one["point"], one["value"], one["status"]) for one in button[-2:]] == [
        ("action", "'=emergency", ""), ("battery", "", "bad"),
    ]  # fmt: skip
    page = archive.read("record.html").decode()
    assert [mark for mark in (*MARKS, "王秀英", "<style>", "5002") if mark not in page] == []
    assert "<link" not in page
    assert json.loads(archive.read("record.json"))["resident"]["name"] == "王秀英"
    again = await client.get("/api/v1/residents/r1/export.zip", headers=headers)
    assert zipfile.ZipFile(io.BytesIO(again.content)).namelist() == archive.namelist()[:3]
    carer = token(context.database, Role.CARER, None)
    for address in ("/residents/r1/export", "/residents/r1/record", "/api/v1/residents/r1/export.zip"):
        assert (await client.get(address, headers=carer)).status_code == 403


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
async def test_the_page_shows_the_record_and_leaves_a_line(
    context: Context, client: httpx.AsyncClient
) -> None:
    headers = token(context.database, Role.MANAGER, None)
    page = await client.get("/residents/r1/record", headers=headers)
    assert page.status_code == 200
    assert [mark for mark in (*MARKS, "王秀英", "record.css", "=emergency") if mark not in page.text] == []
    assert "<style" not in page.text, "the pages' policy forbids it"
    with context.database.read() as session:
        lines = session.query(AuditEntry).filter_by(action="export", subject_id="r1").all()
        assert len(lines) == 1


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
async def test_what_the_store_does_not_answer_is_said_to_be_missing(
    context: Context, tmp_path: Path, catalogue: Catalogue
) -> None:
    store = Broken(tmp_path / "readings.db")
    with context.database.read() as session:
        places = copying.sources(session, catalogue, "r1")
    told: list[bool] = []

    def page(packed: Any, missing: bool) -> str:
        told.append(missing)
        return str(len(packed))

    parts = copying.zipped({}, places, store, language="zh", page=page, now=now())
    archive = zipfile.ZipFile(io.BytesIO(b"".join([part async for part in parts])))
    assert told == [True]
    assert archive.read("record.html") == b"1"
    assert "readings/INCOMPLETE 读取不完整.txt" in archive.namelist()
    await store.close()
