"""Nothing sealed stands in clear anywhere, and the key is changed under everything, on both engines."""

import subprocess
from pathlib import Path

import pytest
from sqlalchemy import select, text
from sqlalchemy.engine import make_url
from typer.testing import CliRunner

from server.db import rotation
from server.db.database import Database
from server.db.migrate import upgrade
from server.db.models import (
    Absence,
    AuditEntry,
    CommissioningTest,
    Consent,
    Resident,
    Rhythm,
    Task,
    TaskEvent,
    User,
    Window,
)
from server.db.opening import check_seals, open_database, seal_key_file
from server.db.sealed import SealedWords, SealError, Seals
from server.places import service
from server.places.schemas import ResidentIn
from server.residents import absences, contacts, looking
from server.residents.schemas import AbsenceIn, ContactIn
from server.rhythm import service as rhythm
from server.rhythm.service import FixedIn
from server.settings import ServerSettings
from server.tasks import service as tasks
from server.tasks.acts import Act
from server.tasks.states import TaskAction
from server.windows import service as windows
from server.windows.schemas import WindowIn
from sunwell.commands import seal_key
from tests.contract.server.conftest import NOW, viewer_of
from tests.contract.server.test_alarm_record import press, record
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


TYPED = tuple(f"TYPED-{number}" for number in range(9))


def type_words(database: Database) -> int:
    """What people type about a resident, in all the places where they do; the task's number."""
    over, note, close, window, look, fixed, consent, test, muted = TYPED
    zhou, sun, li = (viewer_of(database, login) for login in ("zhou", "sun", "li"))
    record(database, press(1))
    with database.write() as session:
        task_id = session.query(Task).one().id
        for who, wanted in (
            (zhou, Act(action=TaskAction.ACKNOWLEDGE)),
            (zhou, Act(action=TaskAction.HAND_OVER, assignee_id=li.user_id, note=over)),
            (li, Act(action=TaskAction.ACKNOWLEDGE)),
            (li, Act(action=TaskAction.NOTE, note=note)),
            (li, Act(action=TaskAction.DEPART)),
            (li, Act(action=TaskAction.ARRIVE)),
            (li, Act(action=TaskAction.CLOSE, outcome="helped_on_site", note=close)),
        ):
            tasks.act(session, who, task_id, wanted, now=NOW)
        declared = WindowIn(
            kind="work", scope_kind="resident", scope_id="r1", reason=window, until=NOW + DAY / 4
        )
        windows.declare(session, sun, declared, now=NOW)
        looking.begin(session, sun, "r1", code=looking.OTHER, words=look, now=NOW)
        rhythm.put_fixed(session, sun, "r1", FixedIn(off=True, reason=fixed), now=NOW)
        session.add(Consent(resident_id="r1", kind="care", given_at=NOW, note=consent))
        session.add(
            CommissioningTest(position_id="home-sos", device_id="d-home-sos", trial={}, started_at=NOW,
                              expires_at=NOW, ended_at=NOW, note=test)
        )  # fmt: skip
        session.add(TaskEvent(task_id=task_id, at=NOW, action="muted", to_state="new",
                              detail={"window": 1, "reason": muted}))  # fmt: skip
    return task_id


def typed(database: Database) -> set[str]:
    """All of it, as the server reads it."""
    with database.read() as session:
        found = {row.detail.get(key) for row in session.query(TaskEvent) for key in ("note", "reason")}
        found |= {row.detail.get("words") for row in session.query(AuditEntry)}
        found |= {row.reason for row in session.query(AuditEntry)}
        found |= {row.reason for row in session.query(Window)}
        found |= {row.fixed.get("reason") for row in session.query(Rhythm)}
        found |= {row.note for row in session.query(Consent)}
        found |= {row.note for row in session.query(CommissioningTest)}
    return {str(one) for one in found} & set(TYPED)


def test_what_people_type_is_sealed_and_the_rest_of_its_document_can_be_asked_for(
    staffed: Database, key_file: Path
) -> None:
    task_id = type_words(staffed)
    copied = everything_of(staffed)
    assert [one for one in TYPED if one.encode() in copied] == []
    assert typed(staffed) == set(TYPED)
    with staffed.read() as session:
        asked = select(TaskEvent.detail["outcome"].as_string()).where(TaskEvent.action == "close")
        assert session.scalars(asked).all() == ["helped_on_site"]
        assert session.get_one(Task, task_id).outcome == "helped_on_site"
    rotation.add_key(key_file)
    with pytest.raises(SealError, match="reseal"):
        rotation.drop_old(staffed, key_file)
    again = rotation.reseal(staffed, Seals.read(key_file))
    assert again >= len(TYPED)
    assert rotation.reseal(staffed, Seals.read(key_file)) == 0
    rotation.drop_old(staffed, key_file)
    opened = Database(staffed.engine.url.render_as_string(hide_password=False), seals=Seals.read(key_file))
    try:
        assert typed(opened) == set(TYPED)
    finally:
        opened.dispose()


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
    words = {
        (table.name, column.name)
        for table, column in rotation.columns()
        if isinstance(column.type, SealedWords)
    }
    assert words == {("task_events", "detail"), ("audit", "detail"), ("rhythms", "fixed")}
    fill(staffed)
    with staffed.read() as session:
        for table, column in known - words:
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
