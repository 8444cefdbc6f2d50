"""Moments as whole microseconds in SQL: the same number on SQLite and PostgreSQL, so that sums agree."""

from datetime import UTC, datetime, timedelta
from typing import Any, Final

from sqlalchemy import BigInteger
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement

MICROSECONDS: Final = 1_000_000
MICROSECOND: Final = timedelta(microseconds=1)
EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


def of(moment: datetime) -> int:
    """Microseconds since 1970, as `micros` gives them."""
    return (moment - EPOCH) // MICROSECOND


class micros(FunctionElement[int]):  # noqa: N801 - a function of SQL, written as one
    """Microseconds since 1970 of a moment: `micros(Task.created_at)`."""

    inherit_cache = True
    type = BigInteger()
    name = "micros"

    def __init__(self, moment: Any) -> None:
        super().__init__(moment)


class micros_between(FunctionElement[int]):  # noqa: N801 - a function of SQL, written as one
    """Whole microseconds from one moment to a later one: `micros(later) - micros(earlier)`, in a third of the
    time. PostgreSQL's are doubles, exact for some hundred years."""

    inherit_cache = True
    type = BigInteger()
    name = "micros_between"

    def __init__(self, earlier: Any, later: Any) -> None:
        super().__init__(earlier, later)


@compiles(micros, "postgresql")
def _postgresql(element: micros, compiler: Any, **options: Any) -> str:
    return f"(extract(epoch FROM {compiler.process(element.clauses, **options)}) * {MICROSECONDS})::bigint"


@compiles(micros, "sqlite")
def _sqlite(element: micros, compiler: Any, **options: Any) -> str:
    return _of_text(compiler.process(element.clauses, **options))


@compiles(micros_between, "postgresql")
def _between_postgresql(element: micros_between, compiler: Any, **options: Any) -> str:
    earlier, later = (compiler.process(moment, **options) for moment in element.clauses)
    return f"(date_part('epoch', {later} - {earlier}) * {MICROSECONDS})::bigint"


@compiles(micros_between, "sqlite")
def _between_sqlite(element: micros_between, compiler: Any, **options: Any) -> str:
    earlier, later = (_of_text(compiler.process(moment, **options)) for moment in element.clauses)
    return f"({later} - {earlier})"


def _of_text(moment: str) -> str:
    """A moment is a text there, "2026-03-01 08:00:00.000000"; strftime alone would round to milliseconds."""
    whole = f"CAST(strftime('%s', substr({moment}, 1, 19)) AS INTEGER)"
    return f"({whole} * {MICROSECONDS} + CAST(substr({moment}, 21, 6) AS INTEGER))"
