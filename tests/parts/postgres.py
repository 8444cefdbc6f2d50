"""PostgreSQL with deploy/postgres/postgresql.conf, on a free port, with a fresh database for every test."""

import itertools
import secrets
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import psycopg
from psycopg import sql

from tests.parts import pristine
from tests.parts.processes import (
    DEPLOY,
    PartFailedError,
    Process,
    as_user,
    find_program,
    free_port,
    ordinary_user,
    private_folder,
)

USER = "sunwell"
INITDB = ("-U", USER, "-A", "scram-sha-256", "-E", "UTF8", "--locale=C.UTF-8", "--no-sync")


@dataclass(frozen=True)
class Postgres:
    """A server that runs. Databases are made by `database`; `kill`, `start`, `stop` and `restart` it."""

    port: int
    password: str
    folder: Path
    process: Process
    host: str = "127.0.0.1"
    _names: Iterator[int] = field(default_factory=itertools.count)
    _prepared: dict[str, None] = field(default_factory=dict)
    _spare: dict[str, list[str]] = field(default_factory=dict)

    def url(self, database: str) -> str:
        """The SQLAlchemy address of a database, with the password."""
        return f"postgresql+psycopg://{USER}:{self.password}@{self.host}:{self.port}/{database}"

    def url_without_password(self, database: str) -> str:
        """The same for settings that take the password from `password_file`."""
        return f"postgresql+psycopg://{USER}@{self.host}:{self.port}/{database}"

    @property
    def password_file(self) -> Path:
        """The file that holds the password."""
        return self.folder / "password"

    def create(self, *, template: str = "template0") -> str:
        """A fresh database, copied from `template`; returns its name."""
        name = f"test_{next(self._names)}"
        self._execute(
            sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(sql.Identifier(name), sql.Identifier(template))
        )
        return name

    def prepared(self, template: str, prepare: Callable[[str], None], *, base: str = "template1") -> str:
        """The name of a template database, copied from `base`, that `prepare(url)` has filled, once; copy it
        with `create`."""
        if template not in self._prepared:
            self._execute(
                sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(
                    sql.Identifier(template), sql.Identifier(base)
                )
            )
            prepare(self.url(template))
            self._prepared[template] = None
        return template

    @contextmanager
    def borrowed(self, template: str) -> Iterator[str]:
        """A database like `template` for one test: a copy, or one of an earlier test that was put back."""
        spare = self._spare.setdefault(template, [])
        if spare:
            name = spare.pop()
        else:
            name = self.create(template=template)
            with self._connected(name) as connection:
                pristine.keep(connection)
        yield name
        with self._connected(name) as connection:
            is_pristine = pristine.put_back(connection)
        if is_pristine:
            spare.append(name)
        else:
            self.drop(name)

    def drop(self, database: str) -> None:
        """Remove a database, whoever is still connected."""
        self._execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(database)))

    def kill(self) -> None:
        """SIGKILL to the server's first process; its children end by themselves. A power cut, nearly."""
        self.process.kill()

    def start(self) -> None:
        """Start again, with recovery from its log."""
        for _ in range(20):
            try:
                return self.process.start()
            except PartFailedError as error:
                if "shared memory" not in str(error):
                    raise
                time.sleep(0.1)  # the killed server's children are still ending
        return self.process.start()

    def stop(self) -> None:
        """Fast shutdown: open transactions are rolled back."""
        self.process.stop()

    def restart(self) -> None:
        """Fast shutdown and start."""
        self.process.restart()

    def _execute(self, statement: sql.Composed) -> None:
        with self._connected("postgres") as connection:
            connection.execute(statement)

    def _connected(self, database: str) -> psycopg.Connection:
        return psycopg.connect(
            host=self.host,
            port=self.port,
            user=USER,
            password=self.password,
            dbname=database,
            autocommit=True,
        )


def _answers(port: int, password: str) -> bool:
    try:
        psycopg.connect(
            host="127.0.0.1", port=port, user=USER, password=password, dbname="postgres", connect_timeout=2
        ).close()
    except psycopg.OperationalError:
        return False
    return True


@contextmanager
def running_postgres() -> Iterator[Postgres]:
    """A PostgreSQL, newest version installed, durable as in production. Raises PartMissingError."""
    folders = [str(path) for path in Path("/usr/lib/postgresql").glob("*/bin")]
    folders.sort(key=lambda path: [int(part) for part in path.split("/")[4].split(".")], reverse=True)
    initdb = find_program("initdb", package="postgresql", folders=folders)
    server = find_program("postgres", package="postgresql", folders=folders)
    account = ordinary_user("postgres")
    with private_folder("postgres", owner=account) as folder:
        port = free_port()
        password = secrets.token_urlsafe(18)
        password_file = folder / "password"
        password_file.write_text(password + "\n")
        configuration = folder / "postgresql.conf"
        shutil.copyfile(DEPLOY / "postgres" / "postgresql.conf", configuration)
        if account is not None:
            shutil.chown(password_file, account)
        data = folder / "data"
        made = subprocess.run(
            [*as_user(account), initdb, "-D", str(data), *INITDB, f"--pwfile={password_file}"],
            cwd=folder,
            capture_output=True,
            text=True,
            check=False,
        )
        if made.returncode != 0:
            raise PartFailedError(f"initdb: {made.stderr}")
        values = {
            "config_file": configuration,
            "hba_file": data / "pg_hba.conf",
            "ident_file": data / "pg_ident.conf",
            "port": port,
            "listen_addresses": "127.0.0.1",
            "unix_socket_directories": "",
        }
        options = [word for key, value in values.items() for word in ("-c", f"{key}={value}")]
        process = Process(
            "postgres",
            [server, "-D", str(data), *options],
            folder=folder,
            answers=lambda: _answers(port, password),
            user=account,
            stop_signal=signal.SIGINT,
        )
        process.start()
        try:
            yield Postgres(port, password, folder, process)
        finally:
            process.stop()
