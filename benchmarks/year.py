"""A full deployment's year in PostgreSQL: how long the pages take that people wait for."""

import asyncio
import json
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

import httpx
from rich.table import Table
from sqlalchemy import text

from benchmarks.report import console, machine, spread
from firmware_profiles import load_catalogue
from server.alarms.texts import RuleTexts
from server.app import create_app
from server.clock import now
from server.context import Context
from server.db.append import append
from server.db.database import Database
from server.db.migrate import upgrade
from server.db.models import User
from server.live.bus import Bus
from server.settings import ServerSettings
from server.timeseries.sqlite import SqliteStore
from server.timeseries.store import Point
from server.users import service as users
from server.users.roles import Role
from sunwell.running import settle_memory
from tests.parts.postgres import running_postgres
from tests.parts.seals import SEALS

LIMIT_MS: Final = 150
PASSWORD: Final = "correct horse"
PROFILES: Final = {
    "button": "owon-pb206",
    "fall": "milesight-vs373",
    "cover": "dingtek-dc410",
    "kiosk": "hikvision-face-terminal",
}
PAGES: Final = (
    ("task list", "/tasks"),
    ("task list, ended", "/tasks?ended=true"),
    ("task page", "/tasks/{task}"),
    ("task page, open", "/tasks/{open}"),
    ("coverage", "/coverage"),
    ("residents", "/residents"),
    ("tasks, API", "/api/v1/tasks"),
    ("devices", "/devices"),
    ("devices, searched", "/devices?q=网格 17 王"),
    ("devices, API", "/api/v1/devices?limit=100"),
    ("map, all of it", "/map/places.json"),
    ("map, a street", "/map/places.json?box=31.2,121.4,31.21,121.41"),
    ("wells", "/wells"),
    ("coverage of the month", "/coverage/month"),
    ("figures of the month", "/figures"),
)


async def measure(rounds: int) -> list[dict[str, Any]]:
    """Fills a fresh PostgreSQL, asks for each page `rounds` times and prints a table."""
    with tempfile.TemporaryDirectory() as folder, running_postgres() as postgres:
        database = Database(postgres.url(postgres.create()), seals=SEALS)
        begun = time.perf_counter()
        await asyncio.to_thread(_fill, database)
        console.print(f"filled in {time.perf_counter() - begun:.0f} s")
        async with _client(database, Path(folder)) as client:
            settle_memory()  # as the server does when it has started
            found = [await _page(client, name, path, rounds) for name, path in PAGES]
        database.dispose()
    table = Table("page", "p50 ms", "p95 ms", "max ms", "kB", title=f"a year's data, {rounds} times each")
    for one in found:
        late = one["p95"] > LIMIT_MS
        table.add_row(
            one["page"],
            f"{one['p50']:.0f}",
            f"{one['p95']:.0f}" + (f" > {LIMIT_MS}" if late else ""),
            f"{one['max']:.0f}",
            f"{one['bytes'] / 1000:.0f}",
        )
    console.print(table)
    return found


def write(found: list[dict[str, Any]], out: Path) -> None:
    """Writes the JSON."""
    out.mkdir(parents=True, exist_ok=True)
    (out / "year.json").write_text(json.dumps({"machine": machine(), "pages": found}, indent=1))


def _fill(database: Database) -> None:
    upgrade(database)
    with database.write() as session:
        users.add(session, login="m", name="m", role=Role.MANAGER, password=PASSWORD, now=now())
        hashed = session.get_one(User, 1).password_hash
        for login in range(2, 200):
            row = {"login": f"c{login}", "name": f"c{login}", "role": "carer", "password_hash": hashed}
            append(session, User, {**row, "language": "zh", "created_at": now(), "phone": ""})
    script = Path(__file__).with_name("year_data.sql").read_text(encoding="utf-8")
    values: dict[str, Any] = {"now": now(), **PROFILES}
    for statement in (each.strip() for each in script.split(";\n")):
        if statement:
            known = {name: value for name, value in values.items() if f":{name}" in statement}
            with database.engine.begin() as connection:
                connection.execute(text(statement), known)
    with database.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("VACUUM ANALYZE"))


@asynccontextmanager
async def _client(database: Database, folder: Path) -> AsyncIterator[httpx.AsyncClient]:
    catalogue = load_catalogue()
    store = SqliteStore(folder / "readings.db")
    bus = Bus(asyncio.get_running_loop())
    context = Context(
        settings=ServerSettings(data=folder),
        database=database,
        store=store,
        catalogue=catalogue,
        texts=RuleTexts(catalogue.values()),
        bus=bus,
    )
    await store.write(_readings())
    transport = httpx.ASGITransport(create_app(context))
    try:
        async with httpx.AsyncClient(
            transport=transport, base_url="http://year", headers={"Origin": "http://year"}, timeout=120
        ) as client:
            answer = await client.post("/login", data={"login": "m", "password": PASSWORD, "next": "/tasks"})
            assert answer.status_code == 303, answer.text
            yield client
    finally:
        bus.close()
        await store.close()


def _readings() -> list[Point]:
    """The newest reading of each position, some hours old, and of one in a hundred homes none."""
    at = int((now() - timedelta(minutes=20)).timestamp() * 1000)

    def one(position: str, family: str, area: int, fields: dict[str, float | str]) -> Point:
        return Point(
            family=family, area=f"g{area}", position=position, device=f"d-{position}", gateway=f"gw-{area}",
            time_ms=at, fields=fields,
        )  # fmt: skip

    points = [one(f"pw{well}", "well", 1 + well % 200, {"tilt": 1.0}) for well in range(1, 1001)]
    for home in range(1, 10_001):
        if home % 100 == 0:
            continue
        area = 1 + home % 200
        points += [one(f"p{home}-{kind}", "button", area, {"battery": 90.0}) for kind in ("button", "door")]
        points.append(one(f"p{home}-fall", "fall", area, {"battery": 90.0}))
    return points


async def _page(client: httpx.AsyncClient, name: str, path: str, rounds: int) -> dict[str, Any]:
    times: list[float] = []
    size = 0
    for number in range(rounds + 3):
        address = path.format(task=1 + number * 7919 % 99_000, open=99_701 + number * 7 % 299)
        begun = time.perf_counter()
        answer = await client.get(address)
        taken = (time.perf_counter() - begun) * 1000
        if answer.status_code != httpx.codes.OK:
            raise RuntimeError(f"{address}: {answer.status_code} {answer.text[:200]}")
        size = len(answer.content)
        times += [taken] if number >= 3 else []
    return {"page": name, "path": path, "bytes": size, **spread(times)}
