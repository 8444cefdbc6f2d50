"""Rows that are only ever added: written at once, without the unit of work that watches for changes."""

from functools import cache
from typing import Any

from sqlalchemy import Insert
from sqlalchemy.orm import Session

from server.db.base import Base, table_of


def append(session: Session, model: type[Base], values: dict[str, Any]) -> None:
    """Adds one row of `model` in the session's transaction. Its number is not asked for."""
    session.connection().execute(_insert(model), values)


@cache  # building a statement costs as much as executing it
def _insert(model: type[Base]) -> Insert:
    return table_of(model).insert().inline()
