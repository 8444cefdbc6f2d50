"""A migrated database on each SQL engine, with one home, one well and one kiosk in it."""

import shutil
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import select

from firmware_profiles import Catalogue, load_catalogue
from server.db.database import Database
from server.db.migrate import upgrade
from server.db.models import User
from server.devices.schemas import DeviceIn
from server.devices.service import register
from server.places import schemas, service
from server.users import service as users
from server.users.roles import Role
from server.users.viewer import Viewer
from tests.parts.seals import SEALS

NOW = datetime(2026, 3, 1, 8, 0, tzinfo=UTC)


@pytest.fixture(scope="session")
def catalogue() -> Catalogue:
    """The packaged profiles."""
    return load_catalogue()


@pytest.fixture(scope="session")
def migrated_sqlite(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A SQLite file that the migrations have built."""
    path = tmp_path_factory.mktemp("migrated") / "sunwell.db"
    database = Database(f"sqlite:///{path}", seals=SEALS)
    upgrade(database)
    database.dispose()
    return path


def migrate_url(url: str) -> None:
    """Builds the schema at `url`."""
    database = Database(url, seals=SEALS)
    upgrade(database)
    database.dispose()


@pytest.fixture(params=["sqlite", "postgres"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    """An empty, migrated database of this test's own."""
    if request.param == "sqlite":
        path = tmp_path / "sunwell.db"
        shutil.copyfile(request.getfixturevalue("migrated_sqlite"), path)
        database = Database(f"sqlite:///{path}", seals=SEALS)
        yield database
        database.dispose()
        return
    postgres = request.getfixturevalue("postgres")
    name = postgres.create(template=postgres.prepared("template_sunwell", migrate_url))
    database = Database(postgres.url(name), seals=SEALS)
    yield database
    database.dispose()
    postgres.drop(name)


@pytest.fixture
def street(database: Database, catalogue: Catalogue) -> Database:
    """The database with gateways gw-1 and gw-2, a button and a fall radar in one home, a well and a kiosk."""
    with database.write() as session:
        service.put_area(session, "area", schemas.AreaIn(kind="grid", name="第一网格"))
        for gateway in ("gw-1", "gw-2"):
            service.put_gateway(session, gateway, schemas.GatewayIn(area_id="area", name=gateway), now=NOW)
        service.put_resident(
            session,
            "r1",
            schemas.ResidentIn(area_id="area", name="王秀英", address="幸福路1号", access="钥匙在邻居家"),
        )
        service.put_well(session, "w1", schemas.WellIn(area_id="area", name="0427", address="幸福路"))
        places = {
            "home-sos": {"resident_id": "r1"},
            "home-fall": {"resident_id": "r1"},
            "well": {"well_id": "w1"},
            "kiosk": {},
        }
        for position, of in places.items():
            service.put_position(
                session, position, schemas.PositionIn(area_id="area", name=position, **of), now=NOW
            )
        devices = {
            "home-sos": ("tuya-ts0215a-sos", {"topic": "zigbee2mqtt/sos"}),
            "home-fall": ("milesight-vs373", {"topic": "application/1/device/24e1/event/up"}),
            "well": ("dingtek-dc410", {"topic": "application/1/device/24e2/event/up"}),
            "kiosk": ("calex-pyrousb", {"host": "127.0.0.1", "port": 1502, "unit": 3}),
        }
        for position, (profile, address) in devices.items():
            parameters = {
                name: parameter.default if parameter.default is not None else 3000.0
                for name, parameter in catalogue[profile].parameters.items()
            }
            register(
                session,
                f"d-{position}",
                DeviceIn(
                    gateway_id="gw-1",
                    position_id=position,
                    profile=profile,
                    address=address,
                    parameters=parameters,
                ),
                catalogue=catalogue,
                now=NOW,
            )
    return database


def person(database: Database, role: Role, login: str) -> Viewer:
    """A new person with this role."""
    with database.write() as session:
        user = users.add(session, login=login, name=login, role=role, password="correct horse", now=NOW)
        return Viewer(user_id=user.id, name=user.name, role=role)


@pytest.fixture
def staffed(street: Database) -> Database:
    """The street with two carers, a dispatcher, a manager and somebody for maintenance."""
    roles = {"li": "carer", "wang": "carer", "zhou": "dispatcher", "sun": "manager", "zhao": "maintenance"}
    for login, role in roles.items():
        person(street, Role(role), login)
    return street


def viewer_of(database: Database, login: str) -> Viewer:
    """That person."""
    with database.read() as session:
        user = session.scalars(select(User).where(User.login == login)).one()
        return Viewer(user_id=user.id, name=user.name, role=Role(user.role))
