"""The door to SQL, on the real engines."""

from contextlib import suppress

import pytest
from sqlalchemy import text

from server.db.database import Database
from server.errors import StoreUnavailableError

ENDS_ALL = text("SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE pid <> pg_backend_pid()")


@pytest.mark.parametrize("database", ["postgres"], indirect=True)
def test_connections_that_the_server_ended_are_replaced_unnoticed(database: Database) -> None:
    for _ in range(2):
        with database.read() as looking, database.write() as writing:
            assert looking.scalar(text("SELECT 1")) == writing.scalar(text("SELECT 1")) == 1
        with database.read() as session:
            # The read engine's own connection asks, and is spared; the next round then ends that one.
            session.execute(ENDS_ALL)
    with database.read() as looking, database.write() as writing:
        assert looking.scalar(text("SELECT 1")) == writing.scalar(text("SELECT 1")) == 1


def test_what_a_broken_off_write_did_is_not_kept(database: Database) -> None:
    with database.write() as session:
        session.execute(text("CREATE TABLE kept (n INTEGER)"))
    with database.write() as session:
        session.execute(text("INSERT INTO kept VALUES (1)"))
    with suppress(KeyError), database.write() as session:
        session.execute(text("INSERT INTO kept VALUES (2)"))
        raise KeyError
    with database.read() as session:
        assert session.scalars(text("SELECT n FROM kept")).all() == [1]


def test_looking_keeps_nothing(database: Database) -> None:
    with database.write() as session:
        session.execute(text("CREATE TABLE kept (n INTEGER)"))
    with suppress(StoreUnavailableError), database.read() as session:  # PostgreSQL refuses, SQLite rolls back
        session.execute(text("INSERT INTO kept VALUES (1)"))
    with database.read() as session:
        assert session.scalars(text("SELECT n FROM kept")).all() == []
