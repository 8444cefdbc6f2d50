"""Whoever sees a resident's details leaves a line; what is kept is exported, and goes for good."""

import json
import os
import re
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Barrier

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import delete, select

from firmware_profiles import Catalogue
from server.app import create_app
from server.clock import now
from server.commissioning import photos as photos_of
from server.context import Context
from server.db.database import Database
from server.db.models import (
    Absence,
    Attachment,
    AuditEntry,
    CommissioningTest,
    Consent,
    Contact,
    Heartbeat,
    Position,
    Resident,
    Task,
    TaskEvent,
    TaskPhoto,
    User,
)
from server.errors import ConflictError, ForbiddenError
from server.places import service
from server.places.schemas import ResidentIn
from server.residents import absences, care, consents, erasure, export, looking, retention
from server.residents.schemas import AbsenceIn, ContactIn
from server.tasks.states import TaskState
from server.users import sessions
from server.users.roles import Role
from tests.contract.server.communities import page_routes
from tests.contract.server.conftest import NOW, person, viewer_of
from tests.contract.server.test_alarm_record import press, record
from tests.parts.context import context_around

MARKS = ("MARK-PHONE", "MARK-ACCESS", "MARK-NOTES", "MARK-CONTACT", "MARK-NUMBER", "MARK-ABSENCE")
KNOWN = {
    "key": "r1",
    "resident_id": "r1",
    "task_id": "1",
    "position_id": "home-sos",
    "device_id": "d-home-sos",
    "gateway_id": "gw-1",
    "gateway": "gw-1",
    "absence_id": "1",
}
"""What stands in addresses: ids that exist, so that pages show all they can. Others get a 1."""
STREAMS = ("/live/",)
"""Never end; what they carry are the cards of the task list."""


def fill(database: Database) -> None:
    """A resident whose every detail can be found again, with a live task and an absence."""
    phone, access, notes, called, number, note = MARKS
    with database.write() as session:
        service.put_resident(
            session,
            "r1",
            ResidentIn(
                area_id="area",
                name="王秀英",
                address="幸福路1号",
                phone=phone,
                access=access,
                notes=notes,
                contacts=[ContactIn(name=called, phone=number, holds_key=True)],
            ),
            now=NOW,
        )
        moment = now()
        wanted = AbsenceIn(kind="family", since=moment, until=moment + timedelta(days=2), note=note)
        absences.put(session, viewer_of(database, "li"), "r1", wanted, now=moment)
    record(database, press(1))


@pytest.fixture
async def context(staffed: Database, catalogue: Catalogue, tmp_path: Path) -> AsyncIterator[Context]:
    async with context_around(staffed, catalogue, tmp_path) as made:
        yield made


def addresses(app: FastAPI) -> list[str]:
    """All that can be looked at, with ids that are there."""
    found = {path for path, methods in app.openapi()["paths"].items() if "get" in methods}
    pages = page_routes()
    found |= {route.path for route in pages if "GET" in (route.methods or ())}
    filled = {path: re.sub(r"\{(\w+)(:\w+)?\}", lambda part: KNOWN.get(part[1], "1"), path) for path in found}
    return sorted(
        address
        for address in filled.values()
        if not address.startswith(STREAMS) and not address.endswith("/live")
    )


@pytest.fixture
async def client(context: Context) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(create_app(context), raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://sunwell.test") as opened:
        yield opened


def token(database: Database, role: Role) -> dict[str, str]:
    viewer = person(database, role, f"walk-{role}")
    with database.write() as session:
        user = session.get_one(User, viewer.user_id)
        made = sessions.new_token(session, user, name="walk", expires_at=None, now=now())
    return {"authorization": f"Bearer {made}"}


def lines(database: Database) -> list[tuple[str, str]]:
    with database.read() as session:
        query = select(AuditEntry).where(AuditEntry.subject_id == "r1").order_by(AuditEntry.id)
        return [(entry.action, entry.reason) for entry in session.scalars(query)]


def forget(database: Database) -> None:
    with database.write() as session:
        session.execute(delete(AuditEntry))


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
async def test_no_address_shows_details_without_leaving_a_line(context: Context) -> None:
    """Every page and route: where a detail is in the answer, a line about r1 was written."""
    database = context.database
    fill(database)
    app = create_app(context)
    walked = addresses(app)
    assert len(walked) > 60, "the walk has lost its way"
    shown: set[tuple[Role, str]] = set()
    silent = []
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://sunwell.test") as client:
        for role in (Role.ADMINISTRATOR, Role.MAINTENANCE):
            headers = token(database, role)
            for address in walked:
                answer = await client.get(address, params={"reason": "a walk"}, headers=headers)
                if any(mark in answer.text for mark in MARKS):
                    shown.add((role, address))
                    silent += [(role, address)] if not lines(database) else []
                    forget(database)
    assert silent == []
    assert {address for _, address in shown} >= {"/api/v1/residents/r1", "/api/v1/tasks/1", "/tasks/1"}
    assert {role for role, _ in shown} == {Role.ADMINISTRATOR}, "well crews see no details anywhere"


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
async def test_a_page_is_masked_until_a_reason_is_given(context: Context, client: httpx.AsyncClient) -> None:
    fill(context.database)
    headers = token(context.database, Role.CARER)
    forget(context.database)
    masked = await client.get("/residents/r1", headers=headers)
    assert [mark for mark in MARKS if mark in masked.text] == []
    assert lines(context.database) == []
    wrong = await client.post("/residents/r1/open", headers=headers, data={"reason": "other"})
    assert wrong.status_code == 422
    opened = await client.post(
        "/residents/r1/open", headers=headers, data={"reason": "visit"}, follow_redirects=True
    )
    assert [mark for mark in MARKS if mark not in opened.text] == []
    assert lines(context.database) == [("read", "visit"), ("read", "visit")]
    refused = await client.get("/residents/r1/edit", headers=headers)
    assert refused.status_code == 403


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
async def test_a_live_task_is_reason_enough_once_an_hour(context: Context, client: httpx.AsyncClient) -> None:
    fill(context.database)
    headers = token(context.database, Role.CARER)
    forget(context.database)
    for _ in range(3):
        page = await client.get("/tasks/1", headers=headers)
        assert MARKS[0] in page.text
        assert "外出" in page.text, "away: said where somebody is about to go"
    assert set(lines(context.database)) == {("read_in_task", "")}
    assert len(lines(context.database)) <= 2, "two where the clock struck meanwhile"
    listed = await client.get("/api/v1/tasks", headers=headers)
    assert [mark for mark in MARKS if mark in listed.text] == [], "a list is no reason"
    with context.database.write() as session:
        task = session.get_one(Task, 1)
        task.state, task.closed_at = TaskState.CLOSED, now()
    ended = await client.get("/tasks/1", headers=headers)
    assert [mark for mark in MARKS if mark in ended.text] == []


def detach(database: Database) -> None:
    with database.write() as session:
        for held in session.scalars(select(Attachment).where(Attachment.position_id.like("home%"))):
            held.until = NOW
        task = session.get_one(Task, 1)
        task.state, task.closed_at = TaskState.CLOSED, NOW
        session.add(
            TaskEvent(
                task_id=1, at=NOW, action="note", to_state="closed", detail={"note": MARKS[2], "step": 1}
            )
        )
        session.add(TaskPhoto(task_id=1, at=NOW, file="task.jpg"))
        session.add(
            CommissioningTest(
                position_id="home-sos", device_id="d-home-sos", started_at=NOW, expires_at=NOW,
                ended_at=NOW, ended="signed_off", photo="test.jpg", note=MARKS[1], settled=True,
            )
        )  # fmt: skip


def test_an_export_has_everything_and_leaves_a_line(staffed: Database) -> None:
    fill(staffed)
    manager, carer = viewer_of(staffed, "sun"), viewer_of(staffed, "li")
    with staffed.write() as session:
        consents.give(session, carer, "r1", "care", now=NOW)
        with pytest.raises(ForbiddenError):
            export.everything(session, carer, "r1", now=NOW)
        document = export.everything(session, manager, "r1", now=NOW)
    text = json.dumps(document, ensure_ascii=False)
    assert [mark for mark in (*MARKS, "王秀英", "care") if mark not in text] == []
    assert [task["rule"] for task in document["tasks"]]
    assert len(document["tasks"][0]["occurrences"]) == 1
    assert {position["id"] for position in document["positions"]} == {"home-sos", "home-fall"}
    assert ("export", "") in lines(staffed)


def test_an_erasure_leaves_numbers_and_nobody(staffed: Database) -> None:
    fill(staffed)
    manager, carer = viewer_of(staffed, "sun"), viewer_of(staffed, "li")
    with staffed.write() as session:
        consents.give(session, carer, "r1", "care", now=NOW)
    with staffed.write() as session, pytest.raises(ConflictError, match="home-fall, home-sos"):
        erasure.erase(session, manager, "r1", now=NOW)
    detach(staffed)
    with staffed.write() as session, pytest.raises(ForbiddenError):
        erasure.erase(session, carer, "r1", now=NOW)
    with staffed.write() as session:
        assert sorted(erasure.erase(session, manager, "r1", now=NOW)) == ["task.jpg", "test.jpg"]
    with staffed.read() as session:
        row = session.get_one(Resident, "r1")
        assert (row.name, row.address, row.phone, row.access, row.notes) == (erasure.ERASED, "", "", "", "")
        assert row.erased_at == NOW
        for model in (Contact, Absence, Consent, TaskPhoto):
            assert session.scalars(select(model)).all() == []
        assert session.get_one(Task, 1).occurrences == 1
        event = session.scalars(select(TaskEvent).where(TaskEvent.action == "note")).one()
        assert event.detail == {"step": 1}
        position = session.get_one(Position, "home-sos")
        assert (position.resident_id, position.name) == (None, erasure.ERASED)
        assert session.scalars(select(CommissioningTest)).one().photo is None
        everything = json.dumps(
            [
                [str(getattr(one, column.key)) for column in one.__mapper__.column_attrs]
                for model in (AuditEntry, TaskEvent, Task, Position, Resident)
                for one in session.scalars(select(model))
            ]
        )
    assert [mark for mark in (*MARKS, "王秀英", "幸福路1号") if mark in everything] == []
    assert ("erased", "") in lines(staffed)
    with staffed.write() as session, pytest.raises(ConflictError, match="already"):
        erasure.erase(session, manager, "r1", now=NOW)
    with staffed.write() as session, pytest.raises(ConflictError, match="another id"):
        service.put_resident(session, "r1", ResidentIn(area_id="area", name="x", address="y"), now=NOW)


async def test_retention_erases_when_its_time_has_come_and_not_before(
    context: Context, staffed: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(staffed)
    dispatcher = viewer_of(staffed, "zhou")
    with staffed.write() as session:
        care.set_left(session, dispatcher, "r1", left=True, now=NOW)
    later = NOW + timedelta(days=36 * 31)

    def erased() -> bool:
        with staffed.read() as session:
            return session.get_one(Resident, "r1").erased_at is not None

    retention.sweep(context, NOW, later)
    assert not erased(), "devices are still there: somebody may live there"
    assert beaten(staffed) == {"erased": 0, "waiting": 1, "failed": 0}
    with staffed.read() as session:
        (waits,) = retention.waiting(session, now=later)
    assert (waits.resident_id, waits.positions, waits.task_id) == ("r1", ("home-fall", "home-sos"), 1)
    detach(staffed)
    photos = context.settings.effective_photos
    photos.mkdir()
    for name in ("task.jpg", "test.jpg"):
        (photos / name).write_bytes(b"x")
    retention.sweep(context, NOW, retention.months_before(later, 2))
    assert not erased()
    assert [file.name for file in photos.iterdir()] == [], "photos go after 24 months"
    for name in ("task-1-left.jpg", "other.txt"):
        (photos / name).write_bytes(b"x")
    os.utime(photos / "task-1-left.jpg", (0, 0))
    deletes = photos_of.forget
    monkeypatch.setattr(photos_of, "forget", _refused)
    retention.sweep(context, NOW, later)
    assert erased()
    assert beaten(staffed) == {"erased": 1, "waiting": 0, "failed": 1}
    monkeypatch.setattr(photos_of, "forget", deletes)
    retention.sweep(context, NOW, later)
    assert beaten(staffed) == {"erased": 0, "waiting": 0, "failed": 0}
    assert [file.name for file in photos.iterdir()] == ["other.txt"], "what nobody names goes with the next"


def _refused(folder: Path, name: str) -> None:
    raise PermissionError(13, "Permission denied", str(folder / name))


def beaten(database: Database) -> dict[str, int]:
    """What the last round said."""
    with database.read() as session:
        return session.get_one(Heartbeat, retention.BEAT).detail


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
async def test_what_retention_could_not_do_is_shown(context: Context, client: httpx.AsyncClient) -> None:
    fill(context.database)
    headers = token(context.database, Role.MANAGER)
    with context.database.write() as session:
        session.get_one(Resident, "r1").left_at = now() - timedelta(days=40 * 31)
        session.add(Heartbeat(name=retention.BEAT, at=now(), detail={"failed": 3}))
    page = await client.get("/playbooks", headers=headers)
    assert "有 3 项到期资料没有删除成功" in page.text
    assert "1 位老人的资料已到期" in page.text
    assert "home-fall、home-sos" in page.text


def test_of_many_looks_at_once_one_line_is_written(staffed: Database) -> None:
    """Eight at a time, as of several servers; another task, hour or person has a line of its own."""
    people = [viewer_of(staffed, login) for login in ("li", "wang")]
    start = Barrier(8)

    def look(_number: int) -> None:
        start.wait()
        for person_looking in people:
            looking.note_seen(staffed, person_looking, ["r1"], now=NOW, task_id=1)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(look, range(8)))
    assert len(lines(staffed)) == 2
    looking.note_seen(staffed, people[0], ["r1"], now=NOW + timedelta(minutes=59), task_id=1)
    assert len(lines(staffed)) == 2
    looking.note_seen(staffed, people[0], ["r1"], now=NOW + timedelta(hours=1), task_id=1)
    looking.note_seen(staffed, people[0], ["r1"], now=NOW, page="coverage")
    looking.note_seen(staffed, people[0], ["r1"], now=NOW, task_id=2)
    assert len(lines(staffed)) == 5


def test_months_before() -> None:
    moment = datetime(2026, 3, 31, tzinfo=UTC)
    assert retention.months_before(moment, 1) == datetime(2026, 2, 28, tzinfo=UTC)
    assert retention.months_before(moment, 3) == datetime(2025, 12, 31, tzinfo=UTC)
    assert retention.months_before(moment, 36) == datetime(2023, 3, 31, tzinfo=UTC)
