"""The migrations build what the models say, on both engines."""

from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext

from server.db import models
from server.db.base import Base
from server.db.database import Database
from server.db.migrate import is_current, upgrade


def test_a_migrated_database_is_what_the_models_say(database: Database) -> None:
    """Nothing is left for a migration to do."""
    assert models.__all__
    with database.engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, Base.metadata) == []


def test_migrating_again_changes_nothing(street: Database) -> None:
    """Every start does it."""
    upgrade(street)
    assert is_current(street)
