"""Servers that were set up and have not run yet, made once a process and copied for each test.

The fixtures stand in tests/conftest.py, since pytest would make them once more for each folder that imports
them."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from server.clock import now
from server.db.migrate import upgrade
from server.db.opening import open_database
from server.settings import ServerSettings
from server.users import service as users
from server.users import sessions
from server.users.roles import Role
from sunwell.demo import people
from tests.e2e.system import PASSWORD, RealSystem, add_administrator
from tests.parts.influx import Bucket
from tests.parts.mosquitto import Mosquitto
from tests.parts.postgres import Postgres


@dataclass(frozen=True)
class Settled:
    """A server that was set up and has not run yet: its database, its administrator's token and its data
    folder, which is to be copied."""

    database: str
    token: str
    data: Path

    def system(
        self, folder: Path, mosquitto: Mosquitto, device_broker: Mosquitto, bucket: Bucket
    ) -> RealSystem:
        """A system with this server."""
        shutil.copytree(self.data, folder / "server")
        return RealSystem(folder, mosquitto, device_broker, self.database, bucket, token=self.token)


@pytest.fixture(scope="session")
def settled_template(postgres: Postgres, tmp_path_factory: pytest.TempPathFactory) -> Settled:
    """What the others are copied from; `database` is a template's name."""
    folder = tmp_path_factory.mktemp("settled")
    (folder / "password").write_text(PASSWORD)
    tokens = []

    def prepare(url: str) -> None:
        env = {"SUNWELL_SERVER_DATABASE_URL": url, "SUNWELL_SERVER_DATA": str(folder / "server")}
        tokens.append(add_administrator(folder, env))

    (folder / "server").mkdir()
    return Settled(postgres.prepared("template_settled", prepare), tokens[0], folder / "server")


@contextmanager
def copied(postgres: Postgres, template: Settled) -> Iterator[Settled]:
    """A copy whose `database` is an address; its `data` is still the template's."""
    name = postgres.create(template=template.database)
    yield replace(template, database=postgres.url(name))
    postgres.drop(name)


@pytest.fixture
def settled(postgres: Postgres, settled_template: Settled) -> Iterator[Settled]:
    """One of this test's own. All are alike, which saves two starts of the program and the migrations."""
    with copied(postgres, settled_template) as copy:
        yield copy


@pytest.fixture(scope="session")
def settled_demo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A demo's data folder with its schema, its people and its token. That a demo makes them itself is seen
    in test_demo; it takes longer than most of the rest of its start."""
    folder = tmp_path_factory.mktemp("demo")
    database = open_database(ServerSettings(data=folder))
    upgrade(database)
    moment = now()
    with database.write() as session:
        for role, (login, name) in people.PEOPLE.items():
            user = users.add(session, login=login, name=name, role=role, password=people.PASSWORD, now=moment)
            if role is Role.ADMINISTRATOR:
                token = sessions.new_token(session, user, name="demo", expires_at=None, now=moment)
                (folder / people.TOKEN_FILE).write_text(token)
    database.dispose()
    return folder
