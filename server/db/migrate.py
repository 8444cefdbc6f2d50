"""Brings a database to the newest schema, and tells whether it is there."""

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, text

from server.db.database import Database

_LOCK = 0x53756E77  # one server migrates, the others wait (PostgreSQL advisory lock)


def upgrade(database: Database) -> None:
    """Runs the migrations that are missing; nothing where there are none. All or nothing."""
    with database.engine.begin() as connection:
        if not database.is_sqlite:
            connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})
        command.upgrade(_config(connection), "head")


def is_current(database: Database) -> bool:
    """Whether the schema is the newest that this program knows."""
    with database.engine.connect() as connection:
        have = MigrationContext.configure(connection).get_current_revision()
        return have == ScriptDirectory.from_config(_config(connection)).get_current_head()


def _config(connection: Connection) -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    config.attributes["connection"] = connection
    return config
