"""Files as tables: CSV in the encodings of spreadsheets, and XLSX. Pure: bytes in, rows out.

A table has a header of column names, in English or Chinese. Empty rows are left out; every row keeps the
number that a person sees in their spreadsheet. Files are bounded before they are read: by size, unpacked size
and rows.
"""

import csv
import io
import zipfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time
from typing import Any, Final
from xml.etree.ElementTree import ParseError

MOST_BYTES: Final = 10_000_000
MOST_UNPACKED: Final = 150_000_000
MOST_ROWS: Final = 10_000
"""In all tables of a file: a subdistrict's homes. Writing them takes seconds, during which others wait."""
MOST_COLUMNS: Final = 60
LONGEST_CELL: Final = 2_100
KINDS: Final = (
    "areas",
    "stations",
    "people",
    "shifts",
    "residents",
    "contacts",
    "absences",
    "wells",
    "positions",
    "devices",
)
"""In the order in which they have to be written."""

_PLACE: Final = {"latitude": "纬度", "longitude": "经度"}
COLUMNS: Final[Mapping[str, Mapping[str, str]]] = {
    "areas": {"id": "编号", "kind": "级别", "name": "名称", "parent_id": "上级编号"},
    "stations": {
        "id": "编号", "area_id": "网格编号", "name": "名称", "address": "地址", "phone": "电话",
        "radius_m": "半径（米）", **_PLACE,
    },
    "people": {
        "login": "登录名", "name": "姓名", "role": "角色", "area_id": "网格编号", "station_id": "站点编号",
        "skills": "技能", "phone": "电话", "channels": "通知方式", "volunteer": "志愿者", **_PLACE,
    },
    "shifts": {
        "login": "登录名", "name": "姓名", "role": "角色", "area_id": "网格编号", "station_id": "站点编号",
        "starts_at": "从", "ends_at": "到", "weeks": "连续周数",
    },
    "residents": {
        "id": "编号", "area_id": "网格编号", "name": "姓名", "address": "住址", "born": "出生年",
        "access": "进门方式", "phone": "电话", "contact": "联系人", "notes": "备注", "risk": "风险", **_PLACE,
    },
    "contacts": {
        "resident_id": "住户编号", "relation": "关系", "name": "姓名", "phone": "电话",
        "holds_key": "有钥匙", "login": "登录名",
    },
    "absences": {
        "resident_id": "住户编号", "kind": "去向", "since": "从", "until": "到", "note": "备注",
    },
    "wells": {
        "id": "编号", "area_id": "网格编号", "name": "名称", "address": "地址", "owner": "权属",
        "depth_m": "深度（米）", "mount_height_m": "传感器高度（米）", "upstream": "上游井编号", **_PLACE,
    },
    "positions": {
        "id": "编号", "area_id": "网格编号", "name": "名称", "resident_id": "住户编号", "well_id": "井编号",
        **_PLACE,
    },
    "devices": {
        "id": "编号", "gateway_id": "网关编号", "position_id": "装位编号", "profile": "规格",
        "serial": "序列号", "firmware": "固件版本", "address.topic": "主题",
        "address.ieee_address": "IEEE地址", "address.host": "主机",
        "address.port": "端口", "address.unit": "站号", "address.serial": "串口", "address.baud": "波特率",
        "address.parity": "校验", "address.stop_bits": "停止位", "address.source": "推送来源",
        "address.identity": "平台侧标识", "address.token": "设备令牌",
    },
}  # fmt: skip
"""What each table may have, with its Chinese name. Devices may have `parameter.…` columns besides."""
PARAMETER: Final = "parameter."
KEYS: Final[Mapping[str, tuple[str, ...]]] = {
    "people": ("login",),
    "shifts": ("login", "name", "role", "area_id", "station_id", "starts_at"),
    "contacts": ("resident_id", "name", "phone"),
    "absences": ("resident_id", "since"),
}
"""The columns by which a row is known; `id` where none are named."""
_NEEDED: Final[Mapping[str, tuple[str, ...]]] = {
    "contacts": ("resident_id", "name"),
    "shifts": ("starts_at", "ends_at"),
}
"""Those that a table must have, where these are others."""
SHEETS: Final[Mapping[str, str]] = {
    "areas": "片区",
    "stations": "站点",
    "people": "人员",
    "shifts": "值班表",
    "residents": "住户",
    "contacts": "联系人",
    "absences": "外出",
    "wells": "井",
    "positions": "装位",
    "devices": "设备",
}
_ALSO: Final[Mapping[str, str]] = {
    "rosters": "shifts",
    "roster": "shifts",
    "值班": "shifts",
    "班次": "shifts",
}


@dataclass(frozen=True, slots=True)
class RowError:
    """One mistake: where, what, and what to do. `row` 0 is the whole sheet."""

    sheet: str
    row: int
    column: str
    what: str
    fix: str


@dataclass(frozen=True, slots=True)
class Row:
    """A row with its number in the file, and its cells by column as texts."""

    number: int
    cells: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Table:
    """The rows of one kind. `columns` are those that the file has: others are left as they are."""

    kind: str
    sheet: str
    columns: frozenset[str]
    rows: tuple[Row, ...]


def read(name: str, data: bytes, kind: str | None) -> tuple[list[Table], list[RowError]]:
    """The tables of a file and what is wrong with its form. `kind` is needed for CSV; in a workbook the
    sheets' names tell, and `kind` stands for a single sheet of another name."""
    if len(data) > MOST_BYTES:
        return [], [_whole(name, f"the file has {len(data)} bytes", f"at most {MOST_BYTES}: split it")]
    if data[:4] == b"PK\x03\x04":
        sheets, wrong = _workbook(name, data)
    else:
        sheets, wrong = _csv(name, data)
    tables: list[Table] = []
    total = 0
    for sheet, lines in sheets:
        table_kind = kind if len(sheets) == 1 and kind else kind_of(sheet)
        if table_kind is None:
            fix = f"name the sheet {', '.join(KINDS)} (or {'、'.join(SHEETS.values())}), or say what it holds"
            wrong.append(_whole(sheet, "nobody knows what this table holds", fix))
            continue
        table, found = _table(table_kind, sheet, lines)
        wrong += found
        total += len(table.rows)
        tables.append(table)
    if total > MOST_ROWS:
        wrong.append(_whole(name, f"{total} rows", f"at most {MOST_ROWS} at a time: split the file"))
    if not tables and not wrong:
        wrong.append(_whole(name, "no table in it", "fill a template"))
    return tables, wrong


def key_of(kind: str, cells: Mapping[str, str]) -> str:
    """What a row is known by."""
    return " ".join(cells.get(name, "") for name in KEYS.get(kind, ("id",)))


def kind_of(sheet: str) -> str | None:
    """What a sheet or file of this name holds."""
    stem = sheet.rsplit("/", 1)[-1].rsplit("\\", 1)[-1].strip().casefold()
    stem = _ALSO.get(stem.removesuffix(".csv"), stem.removesuffix(".csv"))
    return next((kind for kind in KINDS if stem in (kind, kind[:-1], SHEETS[kind])), None)


def template(kind: str) -> bytes:
    """An empty CSV table with its header, as spreadsheets like it (UTF-8 with a mark)."""
    out = io.StringIO()
    csv.writer(out).writerow(COLUMNS[kind])
    return out.getvalue().encode("utf-8-sig")


def workbook_template() -> bytes:
    """An empty workbook with a sheet a kind."""
    from openpyxl import Workbook  # late: a tenth of a server's start, for few requests a year

    book = Workbook(write_only=True)
    for kind in KINDS:
        sheet = book.create_sheet(SHEETS[kind])
        sheet.append([f"{column} {words}" for column, words in COLUMNS[kind].items()])
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def _csv(name: str, data: bytes) -> tuple[list[tuple[str, Iterable[Sequence[str]]]], list[RowError]]:
    for encoding in ("utf-8-sig", "gb18030"):
        try:
            text = data.decode(encoding)
            break
        except UnicodeDecodeError:
            continue
    else:
        return [], [_whole(name, "neither UTF-8 nor GB18030", "save it as CSV UTF-8, or as XLSX")]
    if "\0" in text:
        return [], [_whole(name, "this is no CSV file", "save it as CSV UTF-8, or as XLSX")]
    head = text.split("\n", 1)[0]
    delimiter = max(",;\t", key=head.count)
    try:
        lines = list(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True))
    except csv.Error as error:
        return [], [_whole(name, f"not readable as CSV: {error}", "save it as CSV UTF-8, or as XLSX")]
    return [(name, lines)], []


def _workbook(name: str, data: bytes) -> tuple[list[tuple[str, Iterable[Sequence[str]]]], list[RowError]]:
    from openpyxl import load_workbook
    from openpyxl.utils.exceptions import InvalidFileException

    try:
        with zipfile.ZipFile(io.BytesIO(data)) as packed:
            if sum(part.file_size for part in packed.infolist()) > MOST_UNPACKED:
                return [], [_whole(name, "the workbook is too large unpacked", "split it")]
        book = load_workbook(io.BytesIO(data), read_only=True, data_only=True)
        sheets: list[tuple[str, Iterable[Sequence[str]]]] = []
        for sheet in book.worksheets:
            lines = [
                [_cell(value) for value in line[:MOST_COLUMNS]]
                for line in sheet.iter_rows(values_only=True, max_row=MOST_ROWS + 2)
            ]
            if any(any(line) for line in lines):
                sheets.append((sheet.title, lines))
        book.close()
    except (zipfile.BadZipFile, InvalidFileException, KeyError, ValueError, ParseError, EOFError) as error:
        return [], [_whole(name, f"not readable as XLSX: {str(error)[:200]}", "save it anew as XLSX")]
    return sheets, []


def _cell(value: Any) -> str:
    """A cell as the text that a person meant: 427.0 is 427, and no date is guessed at."""
    match value:
        case None:
            return ""
        case bool():
            return "true" if value else "false"
        case float() if value == int(value) and abs(value) < 1e15:
            return str(int(value))
        case datetime() | date() | time():
            return value.isoformat()
        case _:
            return str(value).strip()


def _table(kind: str, sheet: str, lines: Iterable[Sequence[str]]) -> tuple[Table, list[RowError]]:
    numbered = ((number, [cell.strip() for cell in line]) for number, line in enumerate(lines, 1))
    filled = ((number, line) for number, line in numbered if any(line))
    head = next(filled, None)
    if head is None:
        return Table(kind, sheet, frozenset(), ()), [_whole(sheet, "no header", "fill a template")]
    names, wrong = _header(kind, sheet, head)
    rows = tuple(_rows(sheet, names, filled, wrong))
    return Table(kind, sheet, frozenset(filter(None, names)), rows), wrong


def _header(kind: str, sheet: str, head: tuple[int, Sequence[str]]) -> tuple[list[str], list[RowError]]:
    number, cells = head
    known = {words: column for column, words in COLUMNS[kind].items()}
    known |= {f"{column} {words}": column for words, column in known.items()}
    names: list[str] = []
    wrong: list[RowError] = []
    for cell in cells:
        name = known.get(cell, cell)
        fits = name in COLUMNS[kind] or (kind == "devices" and name.startswith(PARAMETER))
        if name and not fits:
            fix = f"take it out; known are {', '.join(COLUMNS[kind])}"
            wrong.append(RowError(sheet, number, cell[:60], "unknown column", fix))
        elif name and name in names:
            wrong.append(RowError(sheet, number, cell[:60], "the column is there twice", "take one out"))
        names.append(name if fits else "")
    for name in _NEEDED.get(kind, KEYS.get(kind, ("id",))):
        if name not in names:
            what = f"the column {name} is missing"
            wrong.append(RowError(sheet, number, name, what, "add it: rows are known by it"))
    return names, wrong


def _rows(
    sheet: str,
    names: Sequence[str],
    lines: Iterator[tuple[int, list[str]]],
    wrong: list[RowError],
) -> Iterator[Row]:
    for number, line in lines:
        if any(line[len(names) :]):
            wrong.append(RowError(sheet, number, "", "more cells than columns", "look for a stray separator"))
        cells = {name: cell for name, cell in zip(names, line, strict=False) if name}
        for name, cell in cells.items():
            if len(cell) > LONGEST_CELL:
                wrong.append(RowError(sheet, number, name, f"{len(cell)} characters", "shorten it"))
        yield Row(number, cells)


def _whole(sheet: str, what: str, fix: str) -> RowError:
    return RowError(sheet[:100], 0, "", what, fix)
