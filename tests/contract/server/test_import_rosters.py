"""Rosters come from tables: by login or name, on the clock on the wall there, with every mistake told."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest
from sqlalchemy import select

from server.context import Context
from server.db.database import Database
from server.db.models import Address, Responder, Shift, User
from server.errors import ForbiddenError
from server.importing import service
from server.places import service as places
from server.places.schemas import AreaIn, StationIn
from server.users.roles import Role
from server.users.viewer import Viewer
from tests.contract.server import test_import
from tests.contract.server.conftest import NOW, person, viewer_of

HEAD = "登录名,姓名,角色,网格编号,站点编号,从,到,连续周数\n"
GOOD = f"""{HEAD}li,,,area,,2026-03-02 08:00,2026/3/2 16:00,2
,wang,调度员,,s1,2026/3/2 16:00,2026-03-03T00:00,
"""


def run(context: Context, viewer: Viewer, text: str, name: str = "rosters.csv") -> list[tuple[int, str, str]]:
    report = service.run(context, viewer, name=name, data=text.encode(), kind=None, apply=True, now=NOW)
    assert report.applied is not bool(report.errors)
    return [(error.row, error.column, error.what) for error in report.errors]


def lay(database: Database) -> None:
    with database.write() as session:
        wanted = StationIn(area_id="area", name="s", address="a", latitude=31.2, longitude=121.4)
        places.put_station(session, "s1", wanted)
        places.put_area(session, "other", AreaIn(kind="grid", name="o"))


async def test_a_roster_is_written_once_on_the_clock_there(context: Context, staffed: Database) -> None:
    lay(staffed)
    sun = viewer_of(staffed, "sun")
    for _ in range(2):
        assert run(context, sun, GOOD) == []
    with staffed.read() as session:
        logins = dict(session.execute(select(User.id, User.login)).all())
        shifts = [
            (logins[one.user_id], one.role, one.area_id, one.station_id, one.starts_at, one.ends_at)
            for one in session.scalars(select(Shift).order_by(Shift.starts_at))
        ]
    assert shifts == [
        ("li", "carer", "area", None, utc(2, 0), utc(2, 8)),
        ("wang", "dispatcher", None, "s1", utc(2, 8), utc(2, 16)),
        ("li", "carer", "area", None, utc(9, 0), utc(9, 8)),
    ]


def utc(day: int, hour: int) -> datetime:
    return datetime(2026, 3, day, hour, tzinfo=UTC)


async def test_every_mistake_of_a_roster_is_told(context: Context, staffed: Database) -> None:
    lay(staffed)
    sun = viewer_of(staffed, "sun")
    person(staffed, Role.CARER, "li-2")
    with staffed.write() as session:
        session.scalars(select(User).where(User.login == "li-2")).one().name = "li"
        session.scalars(select(User).where(User.login == "zhou")).one().disabled_at = NOW
    assert run(context, sun, GOOD) == []
    found = run(
        context,
        sun,
        f"""{HEAD}nobody,,,,,2026-03-02 08:00,2026-03-02 16:00,
,谁也不是,,,,2026-03-02 08:00,2026-03-02 16:00,
,li,,,,2026-03-02 08:00,2026-03-02 16:00,
,,,,,2026-03-02 08:00,2026-03-02 16:00,
li,,,,,2026-03-02 16:00,2026-03-02 08:00,
li,,,,,2026-03-04 08:00,2026-03-12 08:00,
li,,,,,when it rains,2026-03-02 08:00,
li,,volunteer,,,2026-03-05 08:00,2026-03-05 16:00,
zhou,,,,,2026-03-05 08:00,2026-03-05 16:00,
li,,,area,s1,2026-03-06 08:00,2026-03-06 16:00,
li,,,nowhere,,2026-03-07 08:00,2026-03-07 16:00,
li,,,,,2026-03-09 15:00,2026-03-09 20:00,
wang,,,,,2026-03-20 08:00,2026-03-20 16:00,
wang,,,,s1,2026-03-20 15:00,2026-03-20 17:00,
""",
    )
    assert [(row, column) for row, column, _ in found] == [
        (2, "login"), (3, "name"), (4, "name"), (5, "login"), (6, "ends_at"), (7, "ends_at"),
        (8, "starts_at"), (9, "role"), (10, "login"), (11, "station_id"), (12, "area_id"), (13, "starts_at"),
        (15, "starts_at"),
    ]  # fmt: skip
    told = {row: what for row, _, what in found}
    assert "2026-03-09 08:00 to 03-09 16:00" in told[13], "which shift it runs into, on the clock there"
    assert "2 people" in told[4]


async def test_a_roster_stays_in_its_area_and_with_those_who_write_rosters(
    context: Context, staffed: Database
) -> None:
    lay(staffed)
    sun = viewer_of(staffed, "sun")
    here = Viewer(user_id=sun.user_id, name="s", role=Role.MANAGER, area_ids=frozenset({"area"}))
    found = run(
        context,
        here,
        f"""{HEAD}li,,,,,2026-03-02 08:00,2026-03-02 16:00,
li,,,other,,2026-03-03 08:00,2026-03-03 16:00,
""",
    )
    assert [(row, column) for row, column, _ in found] == [(2, "area_id"), (3, "area_id")]
    sheets: dict[str, list[list[object]]] = {
        "people": [["login", "name", "role"], ["xu", "徐", "照护员"]],
        "devices": [["id", "gateway_id"]],
    }
    assert test_import.run(context, sun, sheets, apply=True).applied, "an empty sheet of the template"
    sheets["devices"].append(["d-1", "gw-1"])
    with pytest.raises(ForbiddenError):
        test_import.run(context, sun, sheets, apply=False)
    assert "shifts" not in service.kinds_of(Viewer(user_id=1, name="i", role=Role.INSTALLER))


async def test_people_bring_channels_and_place_but_managers_no_administrators(
    context: Context, staffed: Database
) -> None:
    file = context.settings.data / "channels.yaml"
    file.write_text('gateways:\n  sms: "json://localhost/{to}"\n', encoding="utf-8")
    file.chmod(0o600)
    settings = context.settings.model_copy(update={"channels_file": file})
    context = replace(context, settings=settings)
    head = "login,name,role,channels,volunteer,latitude,longitude\n"
    sun = viewer_of(staffed, "sun")
    assert run(context, sun, f"{head}v1,志愿者甲,志愿者,sms:13800000001,是,31.2,121.4\n", "people.csv") == []
    with staffed.read() as session:
        user = session.scalars(select(User).where(User.login == "v1")).one()
        (address,) = session.scalars(select(Address))
        assert (address.user_id, address.channel, address.address) == (user.id, "sms", "13800000001")
        assert session.get_one(Responder, user.id).latitude == 31.2
    wrong = f"{head}v2,乙,carer,pigeon:1,,,\nv3,丙,管理员,,,,\nsun,sun,carer,,,,\n"
    assert [(row, column) for row, column, _ in run(context, sun, wrong, "people.csv")] == [
        (2, "channels"),
        (3, "role"),
        (4, "role"),
    ]
