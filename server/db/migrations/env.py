"""Alembic's way in: it works on the connection that `server.db.migrate` hands it."""

from alembic import context

from server.db import models  # noqa: F401 - registers the tables
from server.db.base import Base

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=Base.metadata,
    render_as_batch=True,
    compare_type=True,
)
with context.begin_transaction():
    context.run_migrations()
