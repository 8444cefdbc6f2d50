"""INSERT … ON CONFLICT, which SQLite and PostgreSQL both have: the index decides, in one statement."""

from functools import cache
from typing import Any, TypeVar

from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session
from sqlalchemy.sql.dml import ReturningInsert
from sqlalchemy.sql.elements import TextClause

from server.db.base import Base

Row = TypeVar("Row", bound=Base)


def upsert(
    session: Session,
    model: type[Row],
    values: dict[str, Any],
    *,
    index: tuple[str, ...],
    where: TextClause,
    take: tuple[str, ...],
    count: tuple[str, ...],
) -> Row:
    """The row that holds the unique `index` (partial by `where`): inserted with `values`; or, where there is
    one already, the columns of `take` set to what `values` has and those of `count` grown by one."""
    statement = _statement(session.get_bind().dialect.name, model, index, where, take, count)
    row: Row = session.scalars(statement, values, execution_options={"populate_existing": True}).one()
    return row


@cache  # a handful of statements, and building one costs as much as executing it
def _statement(
    dialect: str,
    model: type[Row],
    index: tuple[str, ...],
    where: TextClause,
    take: tuple[str, ...],
    count: tuple[str, ...],
) -> ReturningInsert[Row]:
    insert = postgresql.insert(model) if dialect == "postgresql" else sqlite.insert(model)
    change = {name: insert.excluded[name] for name in take}
    change |= {name: getattr(model, name) + 1 for name in count}
    return insert.on_conflict_do_update(index_elements=list(index), index_where=where, set_=change).returning(
        model
    )
