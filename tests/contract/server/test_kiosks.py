"""A kiosk's fevers, its counts, and that nothing keeps an id, a name or a picture. On both SQL engines."""

import asyncio
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx
import pytest
from sqlalchemy import select

from firmware_profiles import Catalogue
from gateway.rules.model import Severity, TaskKind
from gateway.wire import AckMessage, DataFrame, DataReading, encode
from server.alarms.service import record
from server.clock import now, to_ms
from server.context import Context
from server.db.base import Base
from server.db.database import Database
from server.db.models import KioskVisitor, Occurrence, Task
from server.devices.schemas import DeviceIn
from server.devices.service import register
from server.ingest import handlers
from server.ingest.frames import Arrived, FrameWriter
from server.residents import retention
from server.settings import ServerSettings
from server.timeseries.sqlite import SqliteStore
from server.users.roles import Role
from tests.contract.server.conftest import NOW
from tests.contract.server.test_alarm_record import press
from tests.contract.server.test_api import app, client, token

__all__ = ["app", "client", "token"]
SECRETS = ("E1024-7788", "王小明", "/9j/4AAQSkZJRg")
Headers = Callable[[Role], dict[str, str]]
TERMINAL = "hikvision-face-terminal"


@pytest.fixture
def screened(street: Database, catalogue: Catalogue) -> Database:
    """The kiosk is a face terminal."""
    with street.write() as session:
        device = DeviceIn(
            gateway_id="gw-1",
            position_id="kiosk",
            profile=TERMINAL,
            address={"source": "kiosks", "identity": "44:19"},
        )
        register(session, "d-kiosk", device, catalogue=catalogue, now=NOW)
    return street


def fever(seq: int, at_ms: int, **changed: object) -> Any:
    """The terminal finds a fever."""
    return press(
        seq,
        **{
            "position": "kiosk",
            "device": "d-kiosk",
            "rule": "fever",
            "severity": Severity.MAJOR,
            "task_kind": TaskKind.PUBLIC_HEALTH,
            "point": "fever",
            "value": True,
            "device_ms": at_ms,
            "gateway_ms": at_ms + 5,
            **changed,
        },
    )


def reading(at_ms: int, position: str = "kiosk", **values: Any) -> DataReading:
    """One person before the terminal."""
    return DataReading(p=position, d="d-kiosk", f="temperature", t=at_ms, r=at_ms, v=values)


async def write(context: Any, *readings: DataReading) -> None:
    """A frame arrives and is stored."""

    async def acknowledge(_gateway: str, _ack: AckMessage) -> None:
        pass

    frame = DataFrame(epoch="e", seq=1, readings=list(readings))
    writer = FrameWriter(context, acknowledge)
    await writer._write([Arrived("gw-1", "sunwell/v1/gw-1/up/data", encode(frame))])


def written(folder: Path) -> bytes:
    """All bytes of the time series' files."""
    return b"".join(path.read_bytes() for path in folder.rglob("readings.db*"))


def everything(database: Database) -> str:
    """All rows of all tables, as text."""
    with database.read() as session:
        return "\n".join(
            str(tuple(row)) for table in Base.metadata.sorted_tables for row in session.execute(select(table))
        )


async def test_who_it_was_is_nowhere_and_the_fever_is_a_task_with_a_pseudonym(
    screened: Database, catalogue: Catalogue, tmp_path: Path
) -> None:
    store = SqliteStore(tmp_path / "readings.db")
    context: Any = SimpleNamespace(
        database=screened, store=store, catalogue=catalogue, settings=ServerSettings(data=tmp_path)
    )
    at = to_ms(now() - timedelta(minutes=3))
    topic = "sunwell/v1/gw-1/up/alarm"
    alarm = fever(1, at)
    assert handlers.handle_alarm(context, "gw-1", topic, encode(alarm)) is not None
    person = {"visitor": SECRETS[0], "name": SECRETS[1], "picture": SECRETS[2]}
    await write(context, reading(at, fever=True, temperature=38.2, **person))
    await write(context, reading(at, "nowhere", fever=True, **person))  # refused: quarantine
    spoken = fever(2, at + 1_000, rule="guest", point="card_no", value=SECRETS[0], breach="g")
    handlers.handle_alarm(context, "gw-1", topic, encode(spoken))
    unknown = fever(3, at, position="nowhere", point="card_no", value=SECRETS[0])
    handlers.handle_alarm(context, "gw-1", topic, encode(unknown))
    handlers.handle_alarm(context, "gw-1", topic, f'{{"visitor":"{SECRETS[0]}","pic":"{SECRETS[2]}'.encode())
    with screened.read() as session:
        told = select(Task.kind, Task.subject_kind, Task.subject_id, Task.rule).order_by(Task.id)
        assert [tuple(row) for row in session.execute(told)] == [
            ("public_health", "position", "kiosk", "fever"),
            ("maintenance", "gateway", "gw-1", "alarm_refused"),
        ]
        values = {row.rule: row.value for row in session.scalars(select(Occurrence))}
    visitor = values["fever"]["visitor"]
    assert len(visitor) == 16
    assert values["guest"]["value"] == visitor
    await store.close()
    files = written(tmp_path) + everything(screened).encode()
    assert visitor.encode() in files
    assert [secret for secret in SECRETS if secret.encode() in files] == []


def _alarm(context: Any, alarm: Any) -> None:
    ack = handlers.handle_alarm(context, "gw-1", "sunwell/v1/gw-1/up/alarm", encode(alarm))
    assert ack is not None


@pytest.mark.parametrize("order", ["reading", "alarm", "both", "refused"])
async def test_the_visitor_is_known_whichever_comes_first(
    screened: Database, catalogue: Catalogue, tmp_path: Path, order: str
) -> None:
    """Also where each commits between the other's writing and looking, and where the acknowledgement of an
    alarm was lost."""
    store = SqliteStore(tmp_path / "readings.db")
    context: Any = SimpleNamespace(
        database=screened, store=store, catalogue=catalogue, settings=ServerSettings(data=tmp_path)
    )
    at = to_ms(now() - timedelta(minutes=3))
    person, alarm = reading(at, fever=True, temperature=38.2, visitor=SECRETS[0]), fever(1, at)
    if order == "reading":
        await write(context, person)
        _alarm(context, alarm)
    elif order == "alarm":
        _alarm(context, alarm)
        await write(context, person)
    elif order == "both":
        start = asyncio.Event()

        async def later() -> None:
            await start.wait()
            await asyncio.to_thread(_alarm, context, alarm)

        async with asyncio.TaskGroup() as group:
            group.create_task(later())
            group.create_task(write(context, person))
            start.set()
    else:
        with screened.write() as session:
            record(session, gateway_id="gw-1", message=alarm, now=now())  # and then the server stopped
        await write(context, person)
        with screened.write() as session:
            row = session.scalars(select(Occurrence)).one()
            row.value = {name: value for name, value in row.value.items() if name != "visitor"}
        _alarm(context, alarm)
    with screened.read() as session:
        assert len(session.scalars(select(Occurrence)).one().value["visitor"]) == 16
        assert len(session.scalars(select(KioskVisitor)).all()) == 1
    retention.sweep(context, now(), now() + timedelta(days=2))
    with screened.read() as session:
        assert session.scalars(select(KioskVisitor)).all() == []
    await store.close()


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
async def test_a_day_is_counted_by_hour_shown_and_handed_out(
    screened: Database, app: Any, client: httpx.AsyncClient, token: Headers, tmp_path: Path
) -> None:
    context: Context = app.state.context
    moment = now()
    first = to_ms(moment) // 3_600_000 * 3_600_000
    people = [reading(first + n * 10, fever=n == 2, temperature=36.5) for n in range(5)]
    await write(context, *people)
    handlers.handle_alarm(context, "gw-1", "sunwell/v1/gw-1/up/alarm", encode(fever(1, first + 20)))
    headers = token(Role.CARER)
    (kiosk,) = (await client.get("/api/v1/kiosks", headers=headers)).json()
    assert (kiosk["id"], kiosk["verdict"]) == ("kiosk", "fever")
    hours = (await client.get("/api/v1/kiosks/kiosk/hours", headers=headers)).json()
    assert [(hour["screened"], hour["fevers"]) for hour in hours if hour["screened"]] == [(5, 1)]
    table = (await client.get("/api/v1/kiosks/kiosk/hours.csv", headers=headers)).text.splitlines()
    assert table[0] == "kiosk,hour,screened,fevers"
    assert len(table) == 25
    page = await client.get("/kiosks", headers=headers)
    assert page.status_code == 200
    assert "测温人次：<b>5</b>" in page.text
    assert (await client.get("/api/v1/kiosks", headers=token(Role.MAINTENANCE))).status_code == 403
    assert (await client.get("/api/v1/kiosks/well/hours", headers=headers)).status_code == 404
