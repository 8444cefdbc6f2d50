"""Tables as spreadsheets write them, and as they should not."""

import io
import zipfile
from datetime import date

import pytest
from openpyxl import Workbook, load_workbook

from server.importing import tables
from server.importing.labels import Label, pdf
from server.importing.tables import COLUMNS, KINDS, read, template, workbook_template

ROWS = "编号,网格编号,名称\nhome-1,grid-1,床头\n\nhome-2,grid-1,厨房\n"


def book(sheets: dict[str, list[list[object]]]) -> bytes:
    made = Workbook()
    made.remove(made.active)
    for title, lines in sheets.items():
        sheet = made.create_sheet(title)
        for line in lines:
            sheet.append(line)
    out = io.BytesIO()
    made.save(out)
    return out.getvalue()


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030"])
@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_csv_in_every_dress(encoding: str, separator: str) -> None:
    data = ROWS.replace(",", separator).encode(encoding)
    (table,), wrong = read("装位.csv", data, None)
    assert wrong == []
    assert table.kind == "positions"
    assert [(row.number, row.cells["id"], row.cells["name"]) for row in table.rows] == [
        (2, "home-1", "床头"),
        (4, "home-2", "厨房"),
    ]


def test_a_workbook_keeps_what_people_meant() -> None:
    lines: dict[str, list[list[object]]] = {
        "设备": [
            ["id", "gateway_id", "serial"],
            ["d1", "gw-1", 427.0],
            [None, None, None],
            ["d2", "gw-1", True],
        ],
        "residents": [["id", "born"], ["r1", date(1940, 1, 1)]],
    }
    found, wrong = read("all.xlsx", book(lines), None)
    assert wrong == []
    by_kind = {table.kind: table for table in found}
    assert [(row.number, row.cells["serial"]) for row in by_kind["devices"].rows] == [(2, "427"), (4, "true")]
    assert by_kind["residents"].rows[0].cells["born"] == "1940-01-01T00:00:00"


def test_all_mistakes_of_a_header_at_once() -> None:
    _, wrong = read("positions.csv", b"name,name,colour\na,b,c,d\n", None)
    assert {(error.row, error.column) for error in wrong} == {(1, "name"), (1, "colour"), (1, "id"), (2, "")}
    assert all(error.fix for error in wrong)


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("a.csv", b"id,name\nx,y\n"),  # of what?
        ("positions.csv", b"\xff\xfe\x00id"),
        ("positions.csv", b""),
        ("positions.csv", b'id,name\n"x,y\n'),
        ("a.xlsx", b"PK\x03\x04 and then nothing"),
        ("positions.csv", bytes(tables.MOST_BYTES + 1)),
    ],
)
def test_what_cannot_be_read_is_said(name: str, data: bytes) -> None:
    _, wrong = read(name, data, None)
    assert len(wrong) == 1
    assert wrong[0].what
    assert wrong[0].fix


def test_a_bomb_is_not_unpacked() -> None:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as packed:
        packed.writestr("xl/worksheets/sheet1.xml", b"0" * (tables.MOST_UNPACKED + 1))
    assert len(out.getvalue()) < 1_000_000
    _, wrong = read("a.xlsx", out.getvalue(), "positions")
    assert "unpacked" in wrong[0].what


def test_too_many_rows_are_refused() -> None:
    data = "id\n" + "x\n" * (tables.MOST_ROWS + 1)
    _, wrong = read("positions.csv", data.encode(), None)
    assert "rows" in wrong[-1].what


@pytest.mark.parametrize("kind", KINDS)
def test_templates_are_read_back(kind: str) -> None:
    (table,), wrong = read(f"{kind}.csv", template(kind), None)
    assert wrong == []
    assert table.columns == set(COLUMNS[kind])


def test_the_workbook_has_a_sheet_a_kind() -> None:
    made = load_workbook(io.BytesIO(workbook_template()))
    assert len(made.sheetnames) == len(KINDS)
    first = made.worksheets[0]
    first.append(["r1"])
    out = io.BytesIO()
    made.save(out)
    found, wrong = read("a.xlsx", out.getvalue(), None)
    assert wrong == []
    assert {table.kind: table.columns for table in found} == {kind: set(COLUMNS[kind]) for kind in KINDS}
    assert [len(table.rows) for table in found] == [1] + [0] * (len(KINDS) - 1)


def test_labels_are_sheets_of_24_and_always_the_same() -> None:
    labels = [Label(f"sunwell:position:home-{n}", (f"home-{n}", "Tuya TS0215A_sos")) for n in range(25)]
    made = pdf(labels)
    assert made == pdf(labels)
    assert made.count(b"/Type /Page\n") == 2
    assert pdf([])[:5] == b"%PDF-"
