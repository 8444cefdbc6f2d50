"""A file is written whole or not at all, with every mistake told at once, on both engines."""

from datetime import UTC, datetime

import pytest

from server.context import Context
from server.db.database import Database
from server.db.models import (
    AuditEntry,
    Device,
    Gateway,
    Position,
    Resident,
    Responder,
    Skill,
    Station,
    User,
)
from server.errors import ForbiddenError
from server.importing import service
from server.importing.service import Report
from server.places import upstream
from server.residents import absences, contacts
from server.users.roles import Role
from server.users.viewer import Viewer
from tests.contract.server.conftest import NOW, person
from tests.unit.server.importing.test_tables import book

RESIDENTS: list[list[object]] = [
    ["id", "area_id", "name", "address"],
    ["r2", "area", "李大爷", "幸福路2号"],
]
POSITIONS: list[list[object]] = [
    ["id", "area_id", "name", "resident_id"],
    ["home-2-bed", "area", "床头", "r2"],
]
DEVICES: list[list[object]] = [
    ["id", "gateway_id", "position_id", "profile", "address.topic"],
    ["d-2", "gw-1", "home-2-bed", "tuya-ts0215a-sos", "zigbee2mqtt/sos-2"],
]


@pytest.fixture
def installer(street: Database) -> Viewer:
    return person(street, Role.INSTALLER, "installer")


def run(context: Context, viewer: Viewer, sheets: dict[str, list[list[object]]], *, apply: bool) -> Report:
    return service.run(context, viewer, name="a.xlsx", data=book(sheets), kind=None, apply=apply, now=NOW)


async def test_checked_then_written_then_nothing_new(context: Context, installer: Viewer) -> None:
    sheets: dict[str, list[list[object]]] = {
        "devices": [*DEVICES], "positions": [*POSITIONS], "residents": [*RESIDENTS]
    }  # fmt: skip
    checked = run(context, installer, sheets, apply=False)
    assert (checked.errors, checked.rows, checked.applied) == ((), 3, False)
    with context.database.read() as session:
        assert session.get(Resident, "r2") is None
        before = session.get_one(Gateway, "gw-1").desired_version
    for _ in range(2):
        assert run(context, installer, sheets, apply=True).applied
    with context.database.read() as session:
        assert session.get_one(Position, "home-2-bed").resident_id == "r2"
        assert session.get_one(Device, "d-2").driver == "mqtt"
        assert session.get_one(Gateway, "gw-1").desired_version == before + 1
        entry = session.query(AuditEntry).filter_by(action="import").first()
        assert entry is not None
        assert {kind: rows for kind, rows in entry.detail["rows"].items() if rows} == {
            "residents": 1,
            "positions": 1,
            "devices": 1,
        }


async def test_every_mistake_at_once_and_nothing_written(context: Context, installer: Viewer) -> None:
    sheets: dict[str, list[list[object]]] = {
        "residents": [*RESIDENTS, ["r 3", "area", "x", "y"], ["r4", "nowhere", "", "y"]],
        "positions": [*POSITIONS, ["home-2-bed", "area", "again", "r2"], ["p3", "area", "n", "r99"]],
        "devices": [
            *DEVICES,
            ["d-3", "gw-9", "home-2-bed", "tuya-ts0215a-sos", "a/b"],
            ["d-4", "gw-1", "p9", "no-such", "#"],
            ["d-5", "gw-1", "home-sos", "tuya-ts0215a-sos", "a/c"],
        ],
    }
    report = run(context, installer, sheets, apply=True)
    assert not report.applied
    assert {(error.sheet, error.row, error.column) for error in report.errors} == {
        ("residents", 3, "id"),
        ("residents", 4, "name"),
        ("residents", 4, "area_id"),
        ("positions", 3, "id"),
        ("positions", 4, "resident_id"),
        ("devices", 3, "gateway_id"),
        ("devices", 4, "position_id"),
        ("devices", 5, "position_id"),
    }
    assert all(error.what and error.fix for error in report.errors)
    with context.database.read() as session:
        assert session.get(Resident, "r2") is None


async def test_columns_that_are_not_there_keep_what_was(context: Context, installer: Viewer) -> None:
    sheets: dict[str, list[list[object]]] = {"residents": [["id", "phone"], ["r1", 13800000001]]}
    assert run(context, installer, sheets, apply=True).applied
    with context.database.read() as session:
        resident = session.get_one(Resident, "r1")
    assert (resident.name, resident.phone, resident.access) == ("王秀英", "13800000001", "钥匙在邻居家")


async def test_what_changed_after_the_check_undoes_all(
    context: Context, installer: Viewer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Somebody takes the position between the check and the writing."""
    monkeypatch.setattr(service, "_device_problems", lambda *_: [])
    sheets: dict[str, list[list[object]]] = {
        "residents": [*RESIDENTS],
        "devices": [DEVICES[0], ["d-9", "gw-1", "home-sos", "tuya-ts0215a-sos", "a/c"]],
    }
    report = run(context, installer, sheets, apply=True)
    assert [(error.sheet, error.row) for error in report.errors] == [("devices", 2)]
    with context.database.read() as session:
        assert session.get(Resident, "r2") is None
        assert session.get(Device, "d-9") is None


async def test_not_everybody_imports(context: Context, street: Database) -> None:
    with pytest.raises(ForbiddenError):
        run(context, person(street, Role.CARER, "carer"), {"residents": [*RESIDENTS]}, apply=False)


CARE: dict[str, list[list[object]]] = {
    "站点": [
        ["编号", "网格编号", "名称", "地址", "纬度", "经度"], ["s1", "area", "阳光老人家", "a", 31.2, 121.4]
    ],
    "people": [
        ["login", "name", "role", "area_id", "station_id", "skills", "phone", "volunteer"],
        ["zhang", "张姐", "carer", "area", "s1", "first_aid, lifting", 13800000009, "是"],
    ],
    "contacts": [
        ["resident_id", "relation", "name", "phone", "holds_key", "login"],
        ["r1", "邻居", "张姐", 13800000009, "是", "zhang"],
        ["r1", "亲属", "女儿", 13800000010, "", ""],
    ],
    "absences": [["resident_id", "kind", "since", "until"], ["r1", "住院", "2026-03-01", "2026-03-09 18:00"]],
    "wells": [["id", "area_id", "name", "address", "upstream"], ["w2", "area", "0428", "a", "w1 w3"],
              ["w3", "area", "0429", "a", ""]],
}  # fmt: skip


async def test_stations_people_contacts_absences_and_upstream_wells(context: Context) -> None:
    """Written twice: the second time nothing changes."""
    administrator = person(context.database, Role.ADMINISTRATOR, "administrator")
    for _ in range(2):
        report = run(context, administrator, CARE, apply=True)
        assert (report.errors, report.applied, report.rows) == ((), True, 7)
    with context.database.read() as session:
        assert session.get_one(Station, "s1").radius_m == 1_000
        zhang = session.query(User).filter_by(login="zhang").one()
        assert (zhang.station_id, zhang.password_hash, zhang.phone) == ("s1", "", "13800000009")
        assert {one.skill for one in session.query(Skill)} == {"first_aid", "lifting"}
        assert session.get_one(Responder, zhang.id).volunteer
        neighbour, daughter = contacts.of(session, "r1")
        assert (neighbour.relation, neighbour.holds_key, neighbour.user_id) == ("neighbour", True, zhang.id)
        assert (daughter.relation, daughter.holds_key, daughter.user_id) == ("family", False, None)
        assert upstream.of(session) == {"w2": ["w1", "w3"]}
        (absence,) = absences.of(session, "r1")
        assert absence.until == datetime(2026, 3, 9, 10, tzinfo=UTC), "the clock on the wall there"


async def test_all_mistakes_in_rows_about_people_at_once(context: Context, installer: Viewer) -> None:
    wrong: dict[str, list[list[object]]] = {
        "people": [["login", "name", "role", "station_id"], ["a", "b", "emperor", "s9"]],
        "contacts": [["resident_id", "name", "relation", "login"], ["r9", "x", "aunt", "nobody"]],
        "absences": [
            ["resident_id", "kind", "since", "until"],
            ["r1", "hospital", "2026-02-01", "2026-02-02"],
            ["r1", "hospital", "2026-04-02", ""],
        ],
        "wells": [["id", "area_id", "name", "address", "upstream"], ["w2", "area", "n", "a", "w2 w9"]],
    }
    report = run(context, person(context.database, Role.ADMINISTRATOR, "x1"), wrong, apply=True)
    assert {(error.sheet, error.row, error.column) for error in report.errors} == {
        ("people", 2, "role"),
        ("people", 2, "station_id"),
        ("contacts", 2, "relation"),
        ("contacts", 2, "resident_id"),
        ("contacts", 2, "login"),
        ("absences", 2, "until"),
        ("absences", 3, "until"),
        ("wells", 2, "upstream"),
    }
    with pytest.raises(ForbiddenError):
        run(context, installer, {"people": CARE["people"]}, apply=False)
