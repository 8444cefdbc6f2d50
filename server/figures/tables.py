"""The figures as tables: one shape for pages, exported files and the printed report. Pure."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final, Literal

from server.figures.model import FalseAlarms, Figures, Row
from server.figures.words import TABLES, words
from server.tasks.policy import TaskPolicy

ColumnKind = Literal["text", "count", "share", "time", "hours"]
Cell = str | int | float | timedelta | None


@dataclass(frozen=True, slots=True)
class Column:
    """What a column is called (a key of `words`), and what is in it."""

    key: str
    kind: ColumnKind = "count"


@dataclass(frozen=True, slots=True)
class Table:
    """Columns and rows. Shares are 0 to 1, times are spans, hours are numbers."""

    key: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[Cell, ...], ...]


_TIMES: Final = (
    ("answer", "median", "median"),
    ("answer", "p90", "p90"),
    ("answer", "p95", "p95"),
    ("arrival", "median", "arrival_median"),
    ("arrival", "p90", "arrival_p90"),
    ("arrival", "p95", "arrival_p95"),
    ("closure", "median", "closure_median"),
    ("closure", "p90", "closure_p90"),
    ("closure", "p95", "closure_p95"),
)
_COUNTS: Final = (
    "opened",
    "closed",
    "still_open",
    "cancelled",
    "counted",
    "tests",
    "late",
    "muted",
    "planned",
    "false_alarms",
)
_OF_ROWS: Final = (
    Column("group", "text"),
    *(Column(name) for name in _COUNTS),
    Column("first_share", "share"),
    Column("second_share", "share"),
    *(Column(key, "time") for _, _, key in _TIMES),
)
_OF_LATE: Final = (Column("group", "text"), Column("late"), *_OF_ROWS[len(_COUNTS) + 1 :])
_OF_FALSE: Final = (
    Column("name", "text"),
    Column("tasks"),
    Column("ended"),
    Column("false_alarms"),
    Column("false_share", "share"),
)
COLUMNS: Final = tuple(
    dict.fromkeys(
        column.key
        for column in (
            *_OF_ROWS,
            *_OF_FALSE,
            *(Column(key) for key in ("step", "due", "done_late", "overdue", "resident", "looked_after")),
            *(Column(key) for key in ("unprotected", "unprotected_away")),
        )
    )
)
TABLE_KEYS: Final = (
    "total",
    "trend",
    "areas",
    "kinds",
    "hours",
    "late",
    "models",
    "homes",
    "steps",
    "tests",
    "coverage",
)
SHORT: Final = (
    "group",
    "opened",
    "closed",
    "still_open",
    "counted",
    "false_alarms",
    "first_share",
    "second_share",
    "median",
    "p95",
    "arrival_median",
    "closure_median",
)
"""The columns of a table of tasks that fit on paper; exports have all."""
SCREEN: Final = (*SHORT, "tests", "late", "muted", "planned", "p90", "arrival_p90")
"""Those that fit on a screen."""


def tables(figures: Figures, language: str, kinds: TaskPolicy, models: Mapping[str, str]) -> list[Table]:
    """All tables of a month, in the order in which they are read; `models` are the names of profiles."""

    def say(key: str, **values: object) -> str:
        return words(language, key, **values)

    def kind(row: Row) -> str:
        name, _, severity = row.key.rpartition("/")
        return f"{getattr(kinds.kind(name), language)} · {SEVERITIES[language].get(severity, severity)}"

    total = say("table.total")
    sums = figures.total
    return [
        _rows("total", [sums], lambda _: total),
        _rows("trend", figures.trend, lambda row: row.key),
        _rows("areas", figures.areas, lambda row: figures.names.get(row.key, row.key), (sums, total)),
        _rows("kinds", figures.kinds, kind),
        _rows("hours", figures.hours_of_day, lambda row: say("hour", hour=row.key), (sums, total)),
        Table(
            "late",
            _OF_LATE,
            ((say("late"), figures.late.late, *_cells(figures.late)[len(_COUNTS) :]),)
            if figures.late.late
            else (),
        ),
        _false("models", figures.models, lambda one: models.get(one.key, one.key) or say("no_device")),
        _false("homes", figures.homes, lambda one: f"{one.name} ({one.key})"),
        Table(
            "steps",
            (Column("step", "text"), Column("due"), Column("done_late"), Column("overdue")),
            tuple((_step(language, one.kind), one.due, one.done_late, one.overdue) for one in figures.steps),
        ),
        Table(
            "tests",
            (Column("name", "text"), Column("tests")),
            (
                (say("tests_signed"), figures.tests.signed),
                (say("tests_failed"), figures.tests.failed),
                (say("drills"), figures.tests.drills),
            ),
        ),
        Table(
            "coverage",
            (
                Column("resident", "text"),
                Column("looked_after", "hours"),
                Column("unprotected", "hours"),
                Column("unprotected_away", "hours"),
            ),
            (
                (
                    total,
                    hours(figures.coverage.looked_after),
                    hours(figures.coverage.unprotected),
                    hours(figures.coverage.unprotected_away),
                ),
                *(
                    (
                        one.resident_id,
                        hours(one.looked_after),
                        hours(one.unprotected),
                        hours(one.unprotected_away),
                    )
                    for one in figures.coverage.shares
                ),
            ),
        ),
    ]


def shortened(table: Table, keys: Collection[str] = SHORT) -> Table:
    """A table of tasks with the columns of `keys` only; any other as it is."""
    if table.columns not in (_OF_ROWS, _OF_LATE):
        return table
    wanted = {*keys, "late"} if table.columns == _OF_LATE else set(keys)
    kept = [number for number, column in enumerate(table.columns) if column.key in wanted]
    return Table(
        table.key,
        tuple(table.columns[number] for number in kept),
        tuple(tuple(row[number] for number in kept) for row in table.rows),
    )


def written(value: Cell, kind: ColumnKind, language: str) -> str:
    """A cell as people read it."""
    if value is None:
        return "–"
    if kind == "share" and isinstance(value, float):
        return f"{value * 100:.1f} %"
    if kind == "hours" and isinstance(value, float):
        return f"{value:.1f}"
    if isinstance(value, timedelta):
        return span(language, value)
    return str(value)


def span(language: str, value: timedelta) -> str:
    """A span in its two largest units."""
    seconds = round(value.total_seconds())
    if seconds < 60:
        return words(language, "seconds", s=seconds)
    if seconds < 3600:
        return words(language, "minutes", m=seconds // 60, s=seconds % 60)
    if seconds < 86_400:
        return words(language, "hours_minutes", h=seconds // 3600, m=seconds % 3600 // 60)
    return words(language, "days_hours", d=seconds // 86_400, h=seconds % 86_400 // 3600)


def hours(value: timedelta) -> float:
    """A span in hours, to the hundredth."""
    return round(value.total_seconds() / 3600, 2)


def _rows(
    key: str,
    rows: Sequence[Row],
    name: Callable[[Row], str],
    total: tuple[Row, str] | None = None,
) -> Table:
    lines = [(name(row), row) for row in rows] + ([(total[1], total[0])] if total is not None else [])
    return Table(key, _OF_ROWS, tuple((label, *_cells(row)) for label, row in lines))


def _cells(row: Row) -> tuple[Cell, ...]:
    times: list[Cell] = []
    for measure, field, _ in _TIMES:
        quantiles: Any = getattr(row, measure)
        times.append(None if quantiles is None else getattr(quantiles, field))
    return (*(getattr(row, key) for key in _COUNTS), row.first_share, row.second_share, *times)


def _false(key: str, found: Sequence[FalseAlarms], name: Callable[[FalseAlarms], str]) -> Table:
    return Table(
        key,
        _OF_FALSE,
        tuple((name(one), one.tasks, one.ended, one.false_alarms, one.false_share) for one in found),
    )


def _step(language: str, kind: str) -> str:
    return TABLES[language].get(f"figures.step.{kind}", kind)


SEVERITIES: Final[Mapping[str, Mapping[str, str]]] = {
    "zh": {"critical": "危急", "major": "严重", "minor": "一般", "warning": "提示"},
    "en": {"critical": "critical", "major": "major", "minor": "minor", "warning": "warning"},
}
