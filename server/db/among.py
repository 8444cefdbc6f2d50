"""`among(column, values)`: IN for hundreds of texts, sent as one value.

`column.in_(values)` is another statement for each number of values, written, parsed and planned anew with a
parameter for each: of a thousand that took longer than the answer.
"""

import json
from collections.abc import Collection
from typing import Any, cast

from sqlalchemy import Boolean, Dialect, String, bindparam
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement
from sqlalchemy.types import TypeDecorator, TypeEngine


class Texts(TypeDecorator[list[str]]):
    """Texts as one value: an array, in SQLite a JSON document."""

    impl = String
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """The engine's own form."""
        return dialect.type_descriptor(ARRAY(String()) if dialect.name == "postgresql" else String())

    def process_bind_param(self, value: list[str] | None, dialect: Dialect) -> Any:
        """Writes it in that form."""
        return value if value is None or dialect.name == "postgresql" else json.dumps(value)


class among(FunctionElement[bool]):  # noqa: N801 - an operator of SQL, written as a function
    """Whether `column` is one of `values`; of none nothing is."""

    inherit_cache = True
    type = Boolean()
    name = "among"

    def __init__(self, column: Any, values: Collection[str]) -> None:
        super().__init__(column, bindparam(None, list(values), type_=Texts(), unique=True))


@compiles(among, "postgresql")
def _postgresql(element: among, compiler: Any, **options: Any) -> str:
    column, values = (cast("str", compiler.process(each, **options)) for each in element.clauses)
    return f"({column} = ANY ({values}))"


@compiles(among, "sqlite")
def _sqlite(element: among, compiler: Any, **options: Any) -> str:
    column, values = (cast("str", compiler.process(each, **options)) for each in element.clauses)
    return f"({column} IN (SELECT value FROM json_each({values})))"  # noqa: S608 - of SQLAlchemy's own making
