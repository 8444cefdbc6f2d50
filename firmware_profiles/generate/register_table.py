"""A profile out of a table of Modbus registers, one row a point, as makers print them and people type them.

Columns, in any order: `name` and `address`, and where needed `fc`, `type`, `order`, `scale`, `offset`,
`unit`, `kind`, `bit`, `low`, `high`, `values` ("0=closed;1=open"), `zh`, `en`, `rule`, `above`, `below`. All
mistakes of all rows come at once.
"""

import csv
import io
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from firmware_profiles.generate import assembling
from firmware_profiles.generate.draft import Draft, NotUsableError, drafted, slug
from firmware_profiles.generate.register_rows import COLUMNS, RowError, rule_of, written
from firmware_profiles.generate.words import text
from firmware_profiles.generate.written_fields import WrittenField
from firmware_profiles.problems import Problem, ProfileErrors, meant

MOST_ROWS: Final = 2_000


@dataclass(frozen=True, slots=True, kw_only=True)
class TableOf:
    """What the table does not say: whose it is, and how often its registers are read."""

    vendor: str
    model: str
    family: str
    every: str = "10s"
    silent_after: str = "2m"
    manual_addresses: bool | None = None
    """Whether plain addresses count from 1, as manuals print them; None where only 40001 and the like do."""


def profile_of_registers(table: str, of: TableOf, *, file: str = "table") -> Draft:
    """The profile of a table. Raises ProfileErrors with every wrong row and its line, or NotUsableError."""
    rows = _rows(table, file)
    fields: list[WrittenField] = []
    rules: dict[str, Any] = {}
    problems: list[Problem] = []
    lines: dict[str, int] = {}
    for line, row in rows:
        try:
            item = written(row, manual=of.manual_addresses)
            found = rule_of(row, item, f"the register table, line {line}")
        except RowError as error:
            problems.extend(Problem(file, (column,), what, line, 1) for column, what in error.found)
            continue
        if item.point in lines:
            what = f"line {lines[item.point]} is {item.point!r} already"
            problems.append(Problem(file, ("name",), what, line, 1))
            continue
        lines[item.point] = line
        fields.append(item)
        if found is not None:
            rules[found[0] if found[0] not in rules else f"{found[0]}_{item.point}"] = found[1]
    problems.extend(_overlaps(fields, lines, file))
    if problems:
        raise ProfileErrors(sorted(problems, key=lambda problem: problem.line or 0))
    assembling.distinct(fields)
    return drafted(_document(fields, rules, of), () if rules else ("the table names no rule: write them",))


def _document(fields: list[WrittenField], rules: dict[str, Any], of: TableOf) -> dict[str, Any]:
    first = next((rule["when"]["point"] for rule in rules.values()), fields[0].point)
    return {
        "id": slug(of.vendor, of.model),
        "schema": 1,
        "family": of.family,
        "vendor": of.vendor,
        "model": of.model,
        "name": text(f"{of.vendor} {of.model}", f"{of.vendor} {of.model}"),
        "transport": "modbus",
        "verified": "computed",
        "sources": [f"a register table of {of.vendor} {of.model}"],
        "points": assembling.points(fields),
        "decode": assembling.decode_part(fields, "registers", every=of.every),
        **({"rules": rules} if rules else {}),
        "heartbeat": assembling.heartbeat(of.every, of.silent_after, "polled; the interval of the import"),
        "battery": {"kind": "mains"},
        "commissioning": {"name": text("改变一次测量值", "Make its value change once"), "point": first},
        "examples": assembling.examples(fields, "registers"),
    }


def _rows(table: str, file: str) -> list[tuple[int, Mapping[str, str]]]:
    """Rows with their line numbers. Blank lines and lines that begin with # are none."""
    table = table.removeprefix("\ufeff")
    head = table.partition("\n")[0]
    mark = max((",", ";", "\t"), key=head.count)
    reader = csv.reader(io.StringIO(table, newline=""), delimiter=mark, strict=True)
    header: list[str] | None = None
    rows: list[tuple[int, Mapping[str, str]]] = []
    try:
        for cells in reader:
            values = [cell.strip() for cell in cells]
            if not any(values) or values[0].startswith("#"):
                continue
            if header is None:
                header = _header(values, file, reader.line_num)
            elif len(values) > len(header) and any(values[len(header) :]):
                raise ProfileErrors(
                    [
                        Problem(
                            file, (), f"{len(values)} cells under {len(header)} columns", reader.line_num, 1
                        )
                    ]
                )
            else:
                rows.append((reader.line_num, dict(zip(header, values, strict=False))))
    except csv.Error as error:
        raise ProfileErrors([Problem(file, (), f"no CSV: {error}", reader.line_num, 1)]) from error
    if len(rows) > MOST_ROWS:
        raise NotUsableError(f"{file}: {len(rows)} rows, at most {MOST_ROWS} make a profile")
    return rows


def _header(cells: list[str], file: str, line: int) -> list[str]:
    names = [cell.casefold() for cell in cells]
    problems = [
        Problem(
            file, (), f"unknown column {name!r}{meant(name, COLUMNS)}; known: {', '.join(COLUMNS)}", line, 1
        )
        for name in names
        if name and name not in COLUMNS
    ]
    problems += [
        Problem(file, (), f"the column {name!r} is missing", line, 1)
        for name in ("name", "address")
        if name not in names
    ]
    problems += [
        Problem(file, (), f"the column {name!r} stands twice", line, 1)
        for name in set(names)
        if name and names.count(name) > 1
    ]
    if problems:
        raise ProfileErrors(problems)
    return names


def _overlaps(fields: list[WrittenField], lines: Mapping[str, int], file: str) -> list[Problem]:
    """Values that share registers, unless they are single bits."""
    taken: dict[tuple[int, int], WrittenField] = {}
    problems: list[Problem] = []
    for item in fields:
        other = next(
            (
                found
                for index in range(item.registers)
                if (found := taken.get((item.fc, item.at + index))) is not None
                and (item.bit is None or found.bit is None or item.bit == found.bit)
            ),
            None,
        )
        if other is not None:
            what = f"shares registers with {other.point!r} of line {lines[other.point]}"
            what += ": give each a bit, or check the type"
            problems.append(Problem(file, ("address",), what, lines[item.point], 1))
            continue
        taken |= {(item.fc, item.at + index): item for index in range(item.registers)}
    return problems
