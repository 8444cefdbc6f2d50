"""INSERT … ON CONFLICT, which SQLite and PostgreSQL both have: the index decides, in one statement."""

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

from sqlalchemy import Row
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session
from sqlalchemy.sql.dml import ReturningInsert
from sqlalchemy.sql.elements import TextClause

from server.db.base import Base, table_of

Insert = postgresql.Insert | sqlite.Insert


def insert_into(session: Session, model: type[Base]) -> Insert:
    """An INSERT in the words of the session's database, so that it can say what is done ON CONFLICT."""
    return _insert_into(session.get_bind().dialect.name, model)


def insert_missing(
    session: Session,
    model: type[Base],
    rows: Sequence[Mapping[str, Any]],
    *,
    index: tuple[str, ...],
    where: TextClause | None = None,
) -> int:
    """Inserts the rows that the unique `index` (partial by `where`) does not hold; those there stay as they
    are. Of several processes at once, one inserts a row. Gives how many were inserted, where the database
    tells it (for one row, both do)."""
    statement = insert_into(session, model).on_conflict_do_nothing(
        index_elements=list(index), index_where=where
    )
    return session.connection().execute(statement, [dict(row) for row in rows]).rowcount


def upsert(
    session: Session,
    model: type[Base],
    values: dict[str, Any],
    *,
    index: tuple[str, ...],
    where: TextClause,
    take: tuple[str, ...],
    count: tuple[str, ...],
    back: tuple[str, ...],
) -> Row[Any]:
    """The row that holds the unique `index` (partial by `where`): inserted with `values`; or, where there is
    one already, the columns of `take` set to what `values` has and those of `count` grown by one. Gives
    its columns of `back`. Objects that the session holds of this row don't notice."""
    statement = _statement(session.get_bind().dialect.name, model, index, where, take, count, back)
    return session.connection().execute(statement, values).one()


@cache  # a handful of statements, and building one costs as much as executing it
def _statement(
    dialect: str,
    model: type[Base],
    index: tuple[str, ...],
    where: TextClause,
    take: tuple[str, ...],
    count: tuple[str, ...],
    back: tuple[str, ...],
) -> ReturningInsert[Any]:
    table = table_of(model)
    insert = _insert_into(dialect, model)
    change: dict[str, Any] = {name: insert.excluded[name] for name in take}
    change |= {name: table.c[name] + 1 for name in count}
    return insert.on_conflict_do_update(index_elements=list(index), index_where=where, set_=change).returning(
        *(table.c[name] for name in back)
    )


def _insert_into(dialect: str, model: type[Base]) -> Insert:
    table = table_of(model)
    return postgresql.insert(table) if dialect == "postgresql" else sqlite.insert(table)
