"""INSERT … ON CONFLICT, which SQLite and PostgreSQL both have: the index decides, in one statement."""

from typing import Any

from sqlalchemy import Insert
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session
from sqlalchemy.sql.elements import TextClause

from server.db.base import Base


def upsert(
    session: Session,
    model: type[Base],
    values: dict[str, Any],
    *,
    index: tuple[str, ...],
    where: TextClause | None,
    change: dict[str, Any],
) -> Insert:
    """A statement that inserts `values`, or applies `change` to the row that already holds the unique
    `index` (partial by `where`). Add `.returning(…)` and execute it."""
    insert = postgresql.insert if session.get_bind().dialect.name == "postgresql" else sqlite.insert
    return (
        insert(model)
        .values(values)
        .on_conflict_do_update(index_elements=list(index), index_where=where, set_=change)
    )
