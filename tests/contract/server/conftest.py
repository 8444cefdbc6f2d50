"""A migrated database on each SQL engine, with one home, one well and one kiosk in it."""

import shutil
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import select

from firmware_profiles import Catalogue, load_catalogue
from server.context import Context
from server.db.database import Database
from server.db.migrate import upgrade
from server.db.models import User
from server.devices.schemas import DeviceIn
from server.devices.service import register
from server.places import schemas, service
from server.users import service as users
from server.users import sessions
from server.users.roles import Role
from server.users.viewer import Viewer
from tests.parts.context import context_around
from tests.parts.postgres import Postgres
from tests.parts.seals import SEALS

NOW = datetime(2026, 3, 1, 8, 0, tzinfo=UTC)


@pytest.fixture(scope="session")
def catalogue() -> Catalogue:
    """The packaged profiles."""
    return load_catalogue()


STAGES = ("empty", "street", "staffed")
"""How much is in a database: each has all of the one before. Made once, then copied for each test."""


@dataclass(frozen=True)
class Stages:
    """Databases of each stage, to be copied."""

    folder: Path
    catalogue: Catalogue

    def sqlite(self, stage: str) -> Path:
        """A file, which nobody has open."""
        path = self.folder / f"{stage}.db"
        if not path.exists():
            if stage != STAGES[0]:
                shutil.copyfile(self.sqlite(_before(stage)), path)
            self._build(f"sqlite:///{path}", stage)
        return path

    def postgres(self, server: Postgres, stage: str) -> str:
        """A template's name."""
        base = "template1" if stage == STAGES[0] else self.postgres(server, _before(stage))
        return server.prepared(f"template_{stage}", lambda url: self._build(url, stage), base=base)

    def _build(self, url: str, stage: str) -> None:
        database = Database(url, seals=SEALS)
        if stage == "empty":
            upgrade(database)
        elif stage == "street":
            _lay_street(database, self.catalogue)
        else:
            _staff(database)
        database.dispose()


def _before(stage: str) -> str:
    return STAGES[STAGES.index(stage) - 1]


@pytest.fixture(scope="session")
def stages(tmp_path_factory: pytest.TempPathFactory, catalogue: Catalogue) -> Stages:
    """What databases are copied from."""
    return Stages(tmp_path_factory.mktemp("stages"), catalogue)


@pytest.fixture(params=["sqlite", "postgres"])
def database(request: pytest.FixtureRequest, tmp_path: Path, stages: Stages) -> Iterator[Database]:
    """A migrated database of this test's own: empty, if it asks for neither `street` nor `staffed`."""
    stage = next((one for one in reversed(STAGES) if one in request.fixturenames), STAGES[0])
    if request.param == "sqlite":
        path = tmp_path / "sunwell.db"
        shutil.copyfile(stages.sqlite(stage), path)
        database = Database(f"sqlite:///{path}", seals=SEALS)
        yield database
        database.dispose()
        return
    postgres = request.getfixturevalue("postgres")
    with postgres.borrowed(stages.postgres(postgres, stage)) as name:
        database = Database(postgres.url(name), seals=SEALS)
        yield database
        database.dispose()


@pytest.fixture
def street(database: Database) -> Database:
    """The database with gateways gw-1 and gw-2, a button and a fall radar in one home, a well and a kiosk."""
    return database


@pytest.fixture
async def context(street: Database, catalogue: Catalogue, tmp_path: Path) -> AsyncIterator[Context]:
    """A server's parts around the street, on an embedded store."""
    async with context_around(street, catalogue, tmp_path) as made:
        yield made


def _lay_street(database: Database, catalogue: Catalogue) -> None:
    with database.write() as session:
        service.put_area(session, "area", schemas.AreaIn(kind="grid", name="第一网格"))
        for gateway in ("gw-1", "gw-2"):
            service.put_gateway(session, gateway, schemas.GatewayIn(area_id="area", name=gateway), now=NOW)
        service.put_resident(
            session,
            "r1",
            schemas.ResidentIn(area_id="area", name="王秀英", address="幸福路1号", access="钥匙在邻居家"),
            now=NOW,
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


def person(database: Database, role: Role, login: str) -> Viewer:
    """A new person with this role."""
    with database.write() as session:
        user = users.add(session, login=login, name=login, role=role, password="correct horse", now=NOW)
        return Viewer(user_id=user.id, name=user.name, role=role)


@pytest.fixture
def staffed(street: Database) -> Database:
    """The street with two carers, a dispatcher, a manager and somebody for maintenance."""
    return street


def _staff(street: Database) -> None:
    roles = {"li": "carer", "wang": "carer", "zhou": "dispatcher", "sun": "manager", "zhao": "maintenance"}
    for login, role in roles.items():
        person(street, Role(role), login)


def viewer_of(database: Database, login: str) -> Viewer:
    """That person."""
    with database.read() as session:
        return sessions.viewer_of(session, session.scalars(select(User).where(User.login == login)).one())
