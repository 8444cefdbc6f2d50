"""The tables of a month as files for a spreadsheet: one CSV a table, all in one ZIP."""

import csv
import io
import zipfile
from collections.abc import Iterable
from datetime import timedelta
from typing import Final

from server.figures.tables import Cell, ColumnKind, Table
from server.figures.words import words

BOM: Final = "\ufeff"
"""Without it spreadsheets take Chinese for something else."""
_UNITS: Final = {"time": " (s)", "share": " (%)", "hours": "", "count": "", "text": ""}
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")


def csv_text(table: Table, language: str) -> str:
    """One table: times in seconds, shares in percent, so that a spreadsheet can go on counting."""
    out = io.StringIO(newline="")
    writer = csv.writer(out)
    writer.writerow(words(language, column.key) + _UNITS[column.kind] for column in table.columns)
    for row in table.rows:
        writer.writerow(_cell(value, column.kind) for value, column in zip(row, table.columns, strict=True))
    return BOM + out.getvalue()


def zipped(tables: Iterable[Table], month: str, language: str) -> bytes:
    """All tables. The same for the same figures."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for number, table in enumerate(tables, 1):
            title = words(language, f"table.{table.key}").replace("/", " ")
            entry = zipfile.ZipInfo(f"{month} {number:02} {title}.csv", (2000, 1, 1, 0, 0, 0))
            archive.writestr(entry, csv_text(table, language), zipfile.ZIP_DEFLATED)
    return out.getvalue()


def _cell(value: Cell, kind: ColumnKind) -> str | int | float:
    if value is None:
        return ""
    if isinstance(value, timedelta):
        return round(value.total_seconds(), 1)
    if kind == "share" and isinstance(value, float):
        return round(value * 100, 2)
    if isinstance(value, str) and value.startswith(_FORMULA):
        return f"'{value}"  # a name must not become a formula
    return value
