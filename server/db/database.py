"""The one door to SQL: `read()` for looking, `write()` for one committed unit of work.

SQLite takes one writer at a time: a lock in the process spares it the polling of its busy handler, and
BEGIN IMMEDIATE makes a look-up inside a write safe. PostgreSQL's row locks and unique indices do the same.
Changes announced inside a write reach the listeners after the commit, never before and never without it.
"""

import select
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from copy import copy
from dataclasses import dataclass
from typing import Any, cast

from sqlalchemy import Connection, Engine, Select, Table, create_engine, event
from sqlalchemy.engine import make_url
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import DisconnectionError, IntegrityError, InterfaceError, InternalError, OperationalError
from sqlalchemy.exc import TimeoutError as NoConnectionError
from sqlalchemy.orm import ORMExecuteState, Session
from sqlalchemy.orm.interfaces import ORMOption
from sqlalchemy.pool import ConnectionPoolEntry
from sqlalchemy.sql import visitors

from server.db.sealed import SealError, Seals, give_keys
from server.errors import StoreUnavailableError

_WRITES = "sunwell_writes"
POOL_SIZE = 10
_LOOKING = ("default_transaction_read_only=on", "jit=off", "work_mem=16MB")
"""What PostgreSQL is told for looking: our longest questions take tenths of a second, of which compiling them
would be half, and a year's tasks are sorted without the disk."""


@dataclass(frozen=True, slots=True)
class Change:
    """What listeners are told after a commit: a `kind` of thing ("task", "gateway", "desired") and its id."""

    kind: str
    id: str
    what: str = "changed"


class Database:
    """An engine with its two ways in. Threads may share it. Without `seals` no sealed column is read or
    written (`server.db.sealed`)."""

    def __init__(self, url: str, *, password: str | None = None, seals: Seals | None = None) -> None:
        parsed = make_url(url)
        if password is not None:
            parsed = parsed.set(password=password)
        self.is_sqlite = parsed.get_backend_name() == "sqlite"
        # Errors are logged: what was to be written, people's names among it, must not be in them.
        self.engine: Engine = create_engine(parsed, pool_size=POOL_SIZE, hide_parameters=True)
        self._conditions: Mapping[str, ORMOption] = {}
        self._info: Mapping[str, Any] = {}
        self.listeners: list[Callable[[Change], None]] = []
        self._writer: AbstractContextManager[Any] = threading.Lock() if self.is_sqlite else nullcontext()
        if self.is_sqlite:
            event.listen(self.engine, "connect", _set_up_sqlite)
            event.listen(self.engine, "begin", _begin_sqlite)
            self._looking = self.engine
        else:
            # READ COMMITTED sees each statement's own moment anyway: BEGIN and ROLLBACK around looking would
            # be two more waits for nothing.
            self._looking = create_engine(
                parsed,
                pool_size=POOL_SIZE,
                hide_parameters=True,
                isolation_level="AUTOCOMMIT",
                connect_args={"options": " ".join(f"-c {each}" for each in _LOOKING)},
            )
            for engine in (self.engine, self._looking):
                event.listen(engine, "checkout", _refuse_ended)
        self._seals = seals
        if seals is not None:
            give_keys(self.engine, seals)
            give_keys(self._looking, seals)

    @property
    def seals(self) -> Seals:
        """The keys, for what is sealed outside the database. Raises SealError where there are none."""
        if self._seals is None:
            raise SealError("this program was given no key: set the seal key file")
        return self._seals

    @contextmanager
    def read(self) -> Iterator[Session]:
        """A session for looking. Nothing done in it is kept."""
        with _translated(), Session(self._looking, expire_on_commit=False, info=dict(self._info)) as session:
            if self._conditions:
                event.listen(session, "do_orm_execute", self._limit)
            yield session

    @contextmanager
    def write(self) -> Iterator[Session]:
        """A session whose work is committed at the end of the block, or not at all. Raises IntegrityError
        where a unique index decided against it, StoreUnavailableError where the database does not answer."""
        engine = self.engine.execution_options(**{_WRITES: True})
        info = dict(self._info)
        with _translated(), self._writer, Session(engine, expire_on_commit=False, info=info) as session:
            yield session
            session.commit()
            changes = list(dict.fromkeys(session.info.get("changes", ())))
        for change in changes:
            for listener in self.listeners:
                listener(change)

    def seen(self, conditions: Mapping[str, ORMOption], info: Mapping[str, Any]) -> "Database":
        """The same database, of which every `read()` gives only rows that meet their table's condition.
        `info` is in all its sessions. A `write()` works on everything, and checks itself what it is asked."""
        seen = copy(self)
        seen._conditions, seen._info = conditions, info
        return seen

    def _limit(self, asked: ORMExecuteState) -> None:
        if not asked.is_select or asked.is_column_load:
            return
        # Each condition costs a tenth of a millisecond in the key by which statements are cached.
        parts = visitors.iterate(cast("Select[Any]", asked.statement))
        tables = {each.name for each in parts if isinstance(each, Table)}
        asked.statement = asked.statement.options(
            *(condition for name, condition in self._conditions.items() if name in tables)
        )

    def dispose(self) -> None:
        """Closes all connections."""
        self.engine.dispose()
        self._looking.dispose()


def announce(session: Session, change: Change) -> None:
    """Tells the listeners of `change` once this session's unit of work is committed."""
    session.info.setdefault("changes", []).append(change)


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except IntegrityError:
        raise
    except (OperationalError, InterfaceError, InternalError) as error:
        raise StoreUnavailableError(f"the database does not answer: {error.orig}") from error
    except NoConnectionError as error:
        raise StoreUnavailableError("all connections to the database are in use") from error


def _set_up_sqlite(connection: DBAPIConnection, _record: ConnectionPoolEntry) -> None:
    connection.isolation_level = None  # transactions are begun by us, below
    cursor = connection.cursor()
    # What was erased or sealed must not go on standing in the file's free places.
    for pragma in (
        "secure_delete=ON",
        "journal_mode=WAL",
        "synchronous=FULL",
        "foreign_keys=ON",
        "busy_timeout=10000",
    ):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _refuse_ended(connection: DBAPIConnection, _record: ConnectionPoolEntry, _proxy: object) -> None:
    """A connection that has something to say while nobody asked has been ended by the server: the pool then
    makes a new one. Spares asking the server before each use whether it is still there."""
    asked = select.poll()
    asked.register(connection.pgconn.socket, select.POLLIN)
    if connection.closed or asked.poll(0):
        raise DisconnectionError


def _begin_sqlite(connection: Connection) -> None:
    writes = connection.get_execution_options().get(_WRITES, False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")
