"""What stood in clear is sealed by the care loop's migration, and nothing is lost, on both engines."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from alembic import command
from sqlalchemy import Connection, MetaData, Table, select, text

from server.db import migrate
from server.db.database import Database
from server.db.models import AuditEntry, CommissioningTest, Consent, Resident, TaskEvent
from server.residents import contacts
from tests.contract.server.test_seal_rotation import everything_of
from tests.parts.postgres import Postgres
from tests.parts.seals import SEALS

RESIDENTS = {
    "r1": (
        "021-65430001",
        "ACCESS-IN-CLEAR",
        "NOTES-IN-CLEAR",
        "女儿 王芳 13800138000；13900139000（邻居 老张）",
    ),
    "r2": ("", "", "", ""),
    "r3": ("", "", "", "找居委会"),
}
"""Telephone, access, notes, and the line about whom to call."""
CLEAR = ("021-65430001", "ACCESS-IN-CLEAR", "NOTES-IN-CLEAR", "13800138000", "13900139000")
TYPED = tuple(f"TYPED-IN-CLEAR-{number}" for number in range(5))
DETAILS = ({"note": TYPED[1], "outcome": "hospital"}, {"outcome": TYPED[2].lower(), "note": TYPED[2]})
MOMENT = datetime(2026, 1, 2, 3, 4, tzinfo=UTC)
TESTS = (("r1", "given", "signed_off"), ("r2", "given", "cancelled"), ("r1", "given", "signed_off"))


@pytest.fixture(params=["sqlite", "postgres"])
def before(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    """A database at 0006 with residents in clear."""
    name, postgres = "", None
    if request.param == "sqlite":
        url = f"sqlite:///{tmp_path / 'old.db'}"
    else:
        postgres = request.getfixturevalue("postgres")
        assert isinstance(postgres, Postgres)
        name = postgres.create()
        url = postgres.url(name)
    database = Database(url, seals=SEALS)
    with database.engine.begin() as connection:
        command.upgrade(migrate._config(connection), "0006")
        connection.execute(text("INSERT INTO areas (id, kind, name) VALUES ('area', 'grid', 'a')"))
        for key, (phone, access, notes, contact) in RESIDENTS.items():
            _insert(
                connection, "residents", id=key, area_id="area", name=f"name of {key}", address="somewhere",
                phone=phone, access=access, notes=notes, contact=contact, risk="high",
            )  # fmt: skip
        _insert(
            connection, "gateways", id="g", area_id="area", name="g", created_at=MOMENT, desired={},
            desired_version=0, applied_version=0, online=False, software="", health={},
        )  # fmt: skip
        _insert(
            connection, "devices", id="d", gateway_id="g", profile="p", driver="mqtt", address={},
            parameters={}, serial="", firmware="", created_at=MOMENT,
        )  # fmt: skip
        for number, (resident_id, consent, ended) in enumerate(TESTS):
            position = f"p{number}"
            _insert(
                connection, "positions", id=position, area_id="area", name="bed", resident_id=resident_id,
                created_at=MOMENT,
            )  # fmt: skip
            _insert(
                connection, "commissioning_tests", id=number + 1, position_id=position, device_id="d",
                trial={}, armed=True, started_at=MOMENT, expires_at=MOMENT, seen={}, measured={},
                ended_at=MOMENT, ended=ended, consent=consent, note=TYPED[0], settled=True,
            )  # fmt: skip
        _insert(
            connection, "commissioning_tests", id=len(TESTS) + 1, position_id="p0", device_id="d", trial={},
            armed=True, started_at=MOMENT, expires_at=MOMENT, seen={}, measured={}, ended_at=MOMENT,
            ended="signed_off", consent="", note="", settled=True,
        )  # fmt: skip
        _insert(
            connection, "tasks", id=1, kind="care", subject_kind="resident", subject_id="r1", area_id="area",
            severity="critical", rule="sos", state="new", late=False, clock_trusted=True, occurrences=1,
            device_at=MOMENT, gateway_at=MOMENT, created_at=MOMENT, last_at=MOMENT, version=1,
        )  # fmt: skip
        for number, detail in enumerate((*DETAILS, {}), 1):
            _insert(
                connection, "task_events", id=number, task_id=1, at=MOMENT, action="note", to_state="new",
                detail=detail,
            )  # fmt: skip
        _insert(
            connection, "audit", id=1, at=MOMENT, action="read", subject_kind="resident", subject_id="r1",
            reason=TYPED[3], detail={"words": TYPED[4], "task": 1},
        )  # fmt: skip
    yield database
    database.dispose()
    if postgres is not None:
        postgres.drop(name)


def test_what_stood_in_clear_is_sealed_and_nothing_is_lost(before: Database) -> None:
    assert all(clear.encode() in everything_of(before) for clear in (*CLEAR, *TYPED)), "it stood there before"
    migrate.upgrade(before)
    with before.read() as session:
        for key, (phone, access, notes, _) in RESIDENTS.items():
            row = session.get_one(Resident, key)
            assert (row.name, row.phone, row.access, row.notes) == (f"name of {key}", phone, access, notes)
            assert (row.address, row.risk) == ("somewhere", "high")
        assert [(one.name, one.phone) for one in contacts.of(session, "r1")] == [
            ("女儿 王芳", "13800138000"),
            ("邻居 老张", "13900139000"),
        ]
        assert contacts.of(session, "r2") == []
        assert [(one.name, one.phone) for one in contacts.of(session, "r3")] == [("找居委会", "")]
        (consent,) = session.scalars(select(Consent))
        superseded = select(CommissioningTest.id).where(CommissioningTest.superseded)
        assert list(session.scalars(superseded)) == [1]  # a later one of the same place was signed
        assert (consent.resident_id, consent.kind, consent.given_at) == ("r1", "care", MOMENT)
        assert consent.note == "installation"
        events = session.scalars(select(TaskEvent).order_by(TaskEvent.id))
        assert [event.detail for event in events] == [*DETAILS, {}]
        (line,) = session.scalars(select(AuditEntry))
        assert (line.reason, line.detail) == (TYPED[3], {"words": TYPED[4], "task": 1})
        assert {test.note for test in session.scalars(select(CommissioningTest))} == {TYPED[0], ""}
    before.dispose()
    copied = everything_of(before)
    assert b"somewhere" in copied
    assert [clear for clear in (*CLEAR, *TYPED) if clear.encode() in copied] == []


@pytest.mark.parametrize(
    ("written", "lines"),
    [
        ("女儿 王芳 13800138000", [("女儿 王芳", "13800138000", "family")]),
        ("邻居老张：021-6543 0001", [("邻居老张", "021-6543 0001", "neighbour")]),
        (
            "儿子 13800138000 13900139000",
            [("儿子", "13800138000", "family"), ("儿子", "13900139000", "family")],
        ),
        ("13800138000（李医生）\n\n居委会", [("李医生", "13800138000", "doctor"), ("居委会", "", "family")]),
        ("", []),
    ],
)
def test_lines_about_whom_to_call(written: str, lines: list[tuple[str, str, str]]) -> None:
    assert [(one.name, one.phone, one.relation) for one in contacts.parse(written)] == lines


def _insert(connection: Connection, table: str, **values: Any) -> None:
    reflected = Table(table, MetaData(), autoload_with=connection)
    connection.execute(reflected.insert().values(values))
