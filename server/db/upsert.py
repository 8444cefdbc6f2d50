"""INSERT … ON CONFLICT, which SQLite and PostgreSQL both have: the index decides, in one statement."""

from functools import cache
from typing import Any

from sqlalchemy import Row
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session
from sqlalchemy.sql.dml import ReturningInsert
from sqlalchemy.sql.elements import TextClause

from server.db.base import Base, table_of


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
    insert = postgresql.insert(table) if dialect == "postgresql" else sqlite.insert(table)
    change: dict[str, Any] = {name: insert.excluded[name] for name in take}
    change |= {name: table.c[name] + 1 for name in count}
    return insert.on_conflict_do_update(index_elements=list(index), index_where=where, set_=change).returning(
        *(table.c[name] for name in back)
    )
