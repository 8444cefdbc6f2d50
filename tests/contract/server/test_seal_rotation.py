"""Nothing sealed stands in clear anywhere, and the key is changed under everything, on both engines."""

import subprocess
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.engine import make_url
from typer.testing import CliRunner

from server.db import rotation
from server.db.database import Database
from server.db.migrate import upgrade
from server.db.models import Absence, Resident, User
from server.db.opening import check_seals, open_database, seal_key_file
from server.db.sealed import Sealed, SealError, Seals
from server.places import service
from server.places.schemas import ResidentIn
from server.residents import absences, contacts
from server.residents.schemas import AbsenceIn, ContactIn
from server.settings import ServerSettings
from sunwell.commands import seal_key
from tests.contract.server.conftest import NOW, viewer_of
from tests.contract.server.test_residents import DAY

SECRETS = ("13811112222", "SECRET-ACCESS", "SECRET-NOTES", "13833334444", "SECRET-ABSENCE", "13855556666")


def fill(database: Database) -> None:
    phone, access, notes, called, note, own = SECRETS
    with database.write() as session:
        service.put_resident(
            session,
            "r1",
            ResidentIn(
                area_id="area",
                name="王秀英",
                address="a",
                phone=phone,
                access=access,
                notes=notes,
                contacts=[ContactIn(name="女儿", phone=called)],
            ),
            now=NOW,
        )
        carer = viewer_of(database, "li")
        wanted = AbsenceIn(kind="family", since=NOW, until=NOW + DAY, note=note)
        absences.put(session, carer, "r1", wanted, now=NOW)
        session.get_one(User, carer.user_id).phone = own


def everything_of(database: Database) -> bytes:
    """The bytes that somebody finds who copies the database."""
    if not database.is_sqlite:
        url = make_url(database.engine.url)
        bare = url.set(drivername="postgresql").render_as_string(hide_password=False)
        return subprocess.run(["pg_dump", bare], check=True, capture_output=True).stdout
    path = Path(database.engine.url.database or "")
    return b"".join(one.read_bytes() for one in path.parent.glob(path.name + "*"))


def test_no_telephone_note_or_access_stands_in_clear(staffed: Database) -> None:
    fill(staffed)
    copied = everything_of(staffed)
    assert "王秀英".encode() in copied, "the names are there: the copy is of the right thing"
    assert [secret for secret in SECRETS if secret.encode() in copied] == []


@pytest.fixture
def key_file(tmp_path: Path) -> Path:
    file = tmp_path / "seal-key"
    file.write_text("c3Vud2VsbC10ZXN0cy1rZXktMzItYnl0ZXMtbG9uZyE=\n", encoding="utf-8")
    return file


def read(database: Database) -> tuple[str, ...]:
    with database.read() as session:
        row = session.get_one(Resident, "r1")
        (called,) = contacts.of(session, "r1")
        note = session.query(Absence).one().note
        own = session.query(User).filter_by(login="li").one().phone
        return row.phone, row.access, row.notes, called.phone, note, own


def test_the_key_is_changed_in_steps_that_may_be_cut_off(staffed: Database, key_file: Path) -> None:
    fill(staffed)
    old = key_file.read_text(encoding="utf-8").split()
    rotation.add_key(key_file)
    with pytest.raises(SealError, match="reseal"):
        rotation.drop_old(staffed, key_file)
    assert rotation.keys_in(key_file) == 2, "nothing is dropped that is needed"
    tables = list(rotation.columns())
    assert {f"{table.name}.{column.name}" for table, column in tables} >= {
        "residents.phone", "contacts.phone", "absences.note", "users.phone", "addresses.address",
    }  # fmt: skip
    first = next(pair for pair in tables if pair[0].name == "residents")
    assert rotation._reseal(staffed, Seals.read(key_file), *first) == 1, "cut off after one column"
    assert rotation.reseal(staffed, Seals.read(key_file)) == len(SECRETS) - 1
    assert rotation.reseal(staffed, Seals.read(key_file)) == 0
    assert rotation.drop_old(staffed, key_file) == 1
    assert key_file.stat().st_mode & 0o777 == 0o600
    new = key_file.read_text(encoding="utf-8").split()
    assert set(new).isdisjoint(old)
    opened = Database(staffed.engine.url.render_as_string(hide_password=False), seals=Seals(new))
    try:
        assert read(opened) == SECRETS
    finally:
        opened.dispose()
    with pytest.raises(SealError):
        read(staffed)


def test_a_running_server_takes_up_the_new_key_by_itself(key_file: Path) -> None:
    running = Seals.read(key_file)
    before = running.seal("138")
    rotation.add_key(key_file)
    after = running.seal("138")
    newest = Seals(key_file.read_text(encoding="utf-8").split()[:1])
    assert newest.open(after) == "138"
    assert running.open(before) == "138"
    assert (running.is_newest(before), running.is_newest(after)) == (False, True)


def test_every_sealed_column_of_the_database_is_known_to_the_rotation(staffed: Database) -> None:
    known = {(table.name, column.name) for table, column in rotation.columns()}
    assert all(isinstance(column.type, Sealed) for _, column in rotation.columns())
    fill(staffed)
    with staffed.read() as session:
        for table, column in known:
            rows = session.execute(text(f"SELECT {column} FROM {table} WHERE {column} <> ''")).scalars()
            assert all(value.startswith("f1:") for value in rows), (table, column)


def test_the_command_rotates_everything_and_may_be_run_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SUNWELL_SERVER_DATA", str(tmp_path))
    settings = ServerSettings()
    database = open_database(settings)
    upgrade(database)
    check_seals(database)
    file = seal_key_file(settings)
    old = file.read_text(encoding="utf-8")
    for _ in range(2):
        done = CliRunner().invoke(seal_key.app, ["rotate"])
        assert done.exit_code == 0, done.output
        assert "1 old keys dropped" in done.output
    assert rotation.keys_in(file) == 1
    assert file.read_text(encoding="utf-8") != old
    check_seals(database)  # this one has been running all the time
    database.dispose()
