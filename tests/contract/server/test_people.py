"""People as managers write them, rosters with swaps, and what everybody changes of themselves."""

import asyncio
from dataclasses import replace
from datetime import timedelta

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import select

from server.clock import now
from server.db.database import Database
from server.db.models import AuditEntry, Heartbeat, Responder, Skill, User
from server.dispatch import auditor
from server.errors import ConflictError, ForbiddenError, InvalidError, NotLoggedInError
from server.rosters import service, weeks
from server.rosters.core import Span
from server.rosters.service import ShiftIn
from server.users import own, people, sessions
from server.users import service as users
from server.users.people import PersonIn
from server.users.roles import Role
from server.users.throttle import Throttle
from tests.contract.server import test_api
from tests.contract.server.conftest import NOW, viewer_of

app = test_api.app
client = test_api.client
PASSWORD = "correct horse"


def log_in(database: Database, login: str, password: str) -> str:
    """A log-in's token."""
    with database.write() as session:
        return users.log_in(session, Throttle(), login=login, password=password, client="x", now=NOW)


def headers(database: Database, login: str) -> dict[str, str]:
    """Those of a person's program."""
    with database.write() as session:
        user = session.scalars(select(User).where(User.login == login)).one()
        token = sessions.new_token(session, user, name="t", expires_at=None, now=now())
    return {"authorization": f"Bearer {token}"}


def shift(user_id: int, begins_h: float, ends_h: float, **more: object) -> ShiftIn:
    """A carer's shift, hours after NOW."""
    values: dict[str, object] = {"user_id": user_id, "role": "carer", **more}
    values |= {"starts_at": NOW + timedelta(hours=begins_h), "ends_at": NOW + timedelta(hours=ends_h)}
    return ShiftIn.model_validate(values)


def test_a_person_may_have_no_log_in_and_is_refused_like_a_wrong_password(staffed: Database) -> None:
    sun = viewer_of(staffed, "sun")
    with staffed.write() as session:
        for role in (Role.RELATIVE, Role.CARER):
            wanted = PersonIn(name="王芳", role=role, login=f"no-{role}", phone="13800138000", logs_in=False)
            people.add(session, sun, wanted, now=NOW)
        made = people.add(session, sun, PersonIn(name="邻居", role=Role.VOLUNTEER), now=NOW)
        assert made.login
        assert not made.logs_in
    for login in ("no-relative", "no-carer", "nobody"):
        for password in ("", "anything"):
            with pytest.raises(NotLoggedInError, match=r"^login or password is wrong$"):
                log_in(staffed, login, password)


def test_who_may_only_use_links_has_no_pages_and_no_api(staffed: Database) -> None:
    """Even with a password or a token from before."""
    with staffed.write() as session:
        user = session.scalars(select(User).where(User.login == "li")).one()
        cookie = sessions.begin(session, user, now=NOW)
        token = sessions.new_token(session, user, name="x", expires_at=None, now=NOW)
        user.role = Role.RELATIVE
    with staffed.read() as session:
        with pytest.raises(NotLoggedInError):
            sessions.viewer_of_cookie(session, cookie, now=NOW)
        with pytest.raises(NotLoggedInError):
            sessions.viewer_of_token(session, token, now=NOW)
    with pytest.raises(NotLoggedInError):
        log_in(staffed, "li", PASSWORD)


def test_a_manager_writes_people_but_not_administrators(staffed: Database) -> None:
    sun, li = viewer_of(staffed, "sun"), viewer_of(staffed, "li")
    wanted = PersonIn(
        name="李敏",
        role=Role.CARER,
        area_id="area",
        skills=["first_aid"],
        volunteer=True,
        latitude=31.2,
        longitude=121.4,
    )
    with staffed.write() as session:
        cookie = sessions.begin(session, session.get_one(User, li.user_id), now=NOW)
        assert people.edit(session, sun, li.user_id, wanted, now=NOW).area_id == "area"
    with staffed.read() as session:
        assert session.get_one(Responder, li.user_id).volunteer
        assert list(session.scalars(select(Skill.skill))) == ["first_aid"]
        assert sessions.viewer_of_cookie(session, cookie, now=NOW).user_id == li.user_id
    with staffed.write() as session:
        people.edit(session, sun, li.user_id, wanted.model_copy(update={"disabled": True}), now=NOW)
    with staffed.read() as session:
        with pytest.raises(NotLoggedInError):
            sessions.viewer_of_cookie(session, cookie, now=NOW)
        last = session.scalars(select(AuditEntry).order_by(AuditEntry.id.desc())).first()
        assert last is not None
        assert (last.action, last.detail["after"]) == ("person_changed", ["carer", "area", None, True])
    administrator = PersonIn(name="x", role=Role.ADMINISTRATOR)
    with staffed.write() as session:
        with pytest.raises(ForbiddenError):
            people.add(session, sun, administrator, now=NOW)
        with pytest.raises(ForbiddenError):
            people.add(session, li, wanted, now=NOW)
        with pytest.raises(InvalidError):
            people.edit(
                session, sun, sun.user_id, administrator.model_copy(update={"role": "carer"}), now=NOW
            )
        with pytest.raises(ConflictError):
            people.add(session, sun, PersonIn(name="x", role=Role.CARER, login="wang"), now=NOW)


def test_a_new_password_of_ones_own_needs_the_old_one_and_ends_all_log_ins(staffed: Database) -> None:
    li = viewer_of(staffed, "li")
    token = log_in(staffed, "li", PASSWORD)
    with staffed.write() as session, pytest.raises(InvalidError, match="old password"):
        own.change(session, li, old_password="wrong", new_password="battery staple", now=NOW)
    with staffed.write() as session:
        own.change(session, li, language="en", old_password=PASSWORD, new_password="battery staple", now=NOW)
    assert log_in(staffed, "li", "battery staple")
    with staffed.read() as session, pytest.raises(NotLoggedInError):
        sessions.viewer_of_cookie(session, token, now=NOW)


def test_shifts_repeat_tell_overlaps_and_are_written_once(staffed: Database) -> None:
    sun, li = viewer_of(staffed, "sun"), viewer_of(staffed, "li")
    with staffed.write() as session:
        entered = service.enter(session, sun, shift(li.user_id, 0, 12, weeks=3), now=NOW)
        assert (len(entered.shift_ids), entered.overlapping) == (3, ())
        again = service.enter(session, sun, shift(li.user_id, 0, 12, weeks=4), now=NOW)
        assert (len(again.shift_ids), again.overlapping) == (1, ())
        night = service.enter(session, sun, shift(li.user_id, 11, 20, weeks=2), now=NOW)
        assert [one.id for one in night.overlapping] == list(entered.shift_ids[:2])
        with pytest.raises(ForbiddenError):
            service.enter(session, li, shift(li.user_id, 0, 1), now=NOW)


def test_gaps_are_said_beforehand(staffed: Database) -> None:
    """Of each role that is watched, and of each area that has somebody otherwise."""
    sun, li = viewer_of(staffed, "sun"), viewer_of(staffed, "li")
    with staffed.write() as session:
        service.enter(session, sun, shift(li.user_id, -1, 20, area_id="area"), now=NOW)
        service.enter(session, sun, shift(li.user_id, 30, 40), now=NOW)
    with staffed.read() as session:
        found = [
            (gap.duty.role, gap.duty.place, (gap.starts_at - NOW) / timedelta(hours=1))
            for gap in weeks.ahead(session, now=NOW)
        ]
        days = weeks.week(session, NOW.date())
    assert found == [("dispatcher", "", 0), ("carer", "第一网格", 20), ("carer", "第一网格", 40)]
    assert len(days) == 7
    lines = {(line.duty.role, line.duty.place): line for line in days[-1].lines}  # NOW is a Sunday
    assert [one.name for one in lines["carer", "第一网格"].shifts] == ["li"]
    assert lines["dispatcher", ""].gaps


def test_a_swap_is_asked_answered_once_and_kept(staffed: Database) -> None:
    sun, li, wang = (viewer_of(staffed, login) for login in ("sun", "li", "wang"))
    zhou = viewer_of(staffed, "zhou")
    with staffed.write() as session:
        (number,) = service.enter(session, sun, shift(li.user_id, 1, 12), now=NOW).shift_ids
    with staffed.write() as session:
        with pytest.raises(ForbiddenError):
            service.ask_swap(session, wang, number, wang.user_id, now=NOW)
        with pytest.raises(InvalidError):
            service.ask_swap(session, li, number, zhou.user_id, now=NOW)
        swap = service.ask_swap(session, li, number, wang.user_id, now=NOW)
        with pytest.raises(ConflictError, match="asked already"):
            service.ask_swap(session, li, number, wang.user_id, now=NOW)
    with staffed.write() as session:
        with pytest.raises(ForbiddenError):
            service.answer_swap(session, li, swap.id, "accepted", now=NOW)
        service.answer_swap(session, wang, swap.id, "accepted", now=NOW)
        with pytest.raises(ConflictError, match="accepted already"):
            service.answer_swap(session, li, swap.id, "withdrawn", now=NOW)
    with staffed.read() as session:
        (mine,) = service.running(session, Span(NOW, NOW + timedelta(days=1)), user_id=wang.user_id)
        assert mine.id == number
        assert [one.state for one in service.swaps(session, user_id=li.user_id)] == ["accepted"]
        actions = list(session.scalars(select(AuditEntry.action).order_by(AuditEntry.id)))
    assert actions[-2:] == ["swap_asked", "swap_accepted"]


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
async def test_people_and_rosters_have_their_api(
    app: FastAPI, client: httpx.AsyncClient, staffed: Database
) -> None:
    sun, li = [await asyncio.to_thread(headers, staffed, login) for login in ("sun", "li")]
    made = await client.post(
        "/api/v1/people", headers=sun, json={"name": "王芳", "role": "relative", "logs_in": False}
    )
    assert made.status_code == 201, made.text
    assert made.json()["password"] is None
    number = made.json()["id"]
    assert (await client.get(f"/api/v1/people/{number}", headers=sun)).json()["name"] == "王芳"
    assert (await client.get("/api/v1/people", headers=li)).status_code == 403
    body = {"user_id": viewer_of(staffed, "li").user_id, "role": "carer", "weeks": 2}
    body |= {"starts_at": now().isoformat(), "ends_at": (now() + timedelta(hours=8)).isoformat()}
    assert (await client.post("/api/v1/rosters/shifts", headers=sun, json=body)).status_code == 201
    duty = await client.get("/api/v1/rosters/on-duty?role=carer", headers=li)
    assert [one["name"] for one in duty.json()] == ["li"]
    assert (await client.get("/api/v1/rosters/gaps", headers=li)).json()
    assert len((await client.get("/api/v1/rosters", headers=li)).json()) == 7
    assert (await client.patch("/api/v1/me", headers=li, json={"language": "en"})).status_code == 204


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
@pytest.mark.parametrize(
    ("address", "why"),
    [("", "SUNWELL_SERVER_PUBLIC_URL"), ("https://sunwell.example", "也没有号码或账号")],
)
async def test_who_cannot_be_told_is_shown_with_the_reason(
    app: FastAPI, client: httpx.AsyncClient, staffed: Database, address: str, why: str
) -> None:
    """A volunteer has nothing but links: these need an address of the pages, and one of the volunteer."""
    context = app.state.context
    app.state.context = replace(context, settings=context.settings.model_copy(update={"public_url": address}))
    neighbour = PersonIn(name="邻居", role=Role.VOLUNTEER)
    with staffed.write() as session:
        made = people.add(session, viewer_of(staffed, "sun"), neighbour, now=NOW)
    sun = await asyncio.to_thread(headers, staffed, "sun")
    listed = (await client.get("/people", headers=sun)).text
    assert listed.count("通知不到</span>") == 1
    assert ("SUNWELL_SERVER_PUBLIC_URL" in listed) == (not address)
    assert why in (await client.get(f"/notices/{made.id}", headers=sun)).text
    assert "通知不到" not in (await client.get("/notices", headers=sun)).text


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
async def test_the_auditor_is_itself_watched(
    app: FastAPI, client: httpx.AsyncClient, staffed: Database
) -> None:
    """No beat, or an old one, and the server is not ready; the page of playbooks shows how old it is."""
    assert (await client.get("/readyz")).json()["auditor"] is False
    with staffed.write() as session:
        auditor.audit(session, now=now())
    assert (await client.get("/readyz")).json()["auditor"] is True
    with staffed.write() as session:
        beat = session.get_one(Heartbeat, "auditor")
        beat.at = now() - timedelta(seconds=31)
    ready = await client.get("/readyz")
    assert (ready.status_code, ready.json()["auditor"]) == (503, False)
    with staffed.write() as session:
        sun = session.scalars(select(User).where(User.login == "sun")).one()
        cookie = sessions.begin(session, sun, now=now())
    page = await client.get(
        "/playbooks", headers={"cookie": f"{sessions.COOKIE}={cookie}", "accept-language": "en"}
    )
    assert "没有动静！" in page.text
