"""One row of a register table: from the texts of its cells to a field and its rule."""

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

from firmware_profiles.generate.draft import point_name, printable
from firmware_profiles.generate.rule_menu import MENU
from firmware_profiles.generate.spoken_units import ucum
from firmware_profiles.generate.written_fields import WrittenField
from firmware_profiles.problems import meant, shown

COLUMNS: Final = (
    "name", "address", "fc", "type", "order", "scale", "offset", "unit", "kind", "bit", "low", "high",
    "values", "zh", "en", "rule", "above", "below",
)  # fmt: skip

_TYPES: Final = {
    "": "u16", "u16": "u16", "uint16": "u16", "word": "u16", "unsigned": "u16", "i16": "i16", "int16": "i16",
    "short": "i16", "signed": "i16", "u8": "u8", "uint8": "u8", "i8": "i8", "int8": "i8", "u32": "u32",
    "uint32": "u32", "dword": "u32", "i32": "i32", "int32": "i32", "u64": "u64", "uint64": "u64",
    "i64": "i64", "int64": "i64", "f32": "f32", "float32": "f32", "float": "f32", "real": "f32",
    "f64": "f64", "float64": "f64", "double": "f64", "bcd16": "bcd16", "bcd32": "bcd32",
    "bool": "u16", "bit": "u16", "coil": "u16",
}  # fmt: skip
_ORDERS: Final = {
    "": None, "abcd": "ABCD", "cdab": "CDAB", "badc": "BADC", "dcba": "DCBA", "ab": "AB", "ba": "BA",
    "1234": "ABCD", "3412": "CDAB", "2143": "BADC", "4321": "DCBA", "big": "ABCD", "little": "DCBA",
}  # fmt: skip
_MANUAL: Final = re.compile(r"([0134])(\d{4}|\d{5})|([134])x(\d{1,5})", re.ASCII)
_FUNCTION: Final = {"0": 1, "1": 2, "3": 4, "4": 3}
"""What the first digit of a manual's address means: coils, discrete inputs, input and holding registers."""
_NUMBER: Final = re.compile(r"[-+]?(\d+(\.\d*)?|\.\d+)([eE][-+]?\d{1,2})?", re.ASCII)


class RowError(Exception):
    """All that is wrong in one row: column and text."""

    def __init__(self, found: list[tuple[str, str]]) -> None:
        super().__init__("; ".join(f"{column}: {what}" for column, what in found))
        self.found = found


class _Cells:
    """The cells of a row; what can't be read is noted and replaced by a value to go on with."""

    def __init__(self, row: Mapping[str, str]) -> None:
        self.row = row
        self.wrong: list[tuple[str, str]] = []

    def text(self, column: str) -> str:
        return printable(self.row.get(column, ""))

    def number(self, column: str, default: float) -> float:
        text = self.text(column).replace(",", ".")
        if not text:
            return default
        if not _NUMBER.fullmatch(text):
            self.wrong.append((column, f"must be a number, got {shown(text)}"))
            return default
        value = float(text)
        return int(value) if value.is_integer() else value

    def whole(self, column: str, lowest: int, highest: int) -> int | None:
        text = self.text(column)
        if not text:
            return None
        if not re.fullmatch(r"\d{1,6}|0x[0-9a-fA-F]{1,4}", text, re.ASCII) or not (
            lowest <= int(text, 16 if text.startswith("0x") else 10) <= highest
        ):
            self.wrong.append(
                (column, f"must be a whole number from {lowest} to {highest}, got {shown(text)}")
            )
            return None
        return int(text, 16 if text.startswith("0x") else 10)

    def choice(self, column: str, table: Mapping[str, Any]) -> Any:
        text = self.text(column).casefold()
        if text not in table:
            known = [key for key in table if key]
            self.wrong.append((column, f"is not known, got {shown(text)}{meant(text, known)}"))
            return next(iter(table.values()))
        return table[text]


def written(row: Mapping[str, str], *, manual: bool | None = None) -> WrittenField:
    """The field of a row. `manual` as in `TableOf.manual_addresses`. Raises RowError with all mistakes."""
    cells = _Cells(row)
    point = point_name(cells.text("name"))
    if not point:
        cells.wrong.append(
            ("name", f"needs a Latin letter (names in Chinese go to zh), got {shown(cells.text('name'))}")
        )
    fc, at = _place(cells, manual=manual)
    bit = cells.whole("bit", 0, 15)
    kind = _kind(cells, bits=bit is not None or fc <= 2)
    unit = ucum(cells.text("unit"))
    if unit is None:
        cells.wrong.append(
            ("unit", f"is not known, got {shown(cells.text('unit'))}; see units in docs/profiles.md")
        )
        unit = ("1", 1, 0)
    scale, offset = cells.number("scale", 1), cells.number("offset", 0)
    if scale == 0:
        cells.wrong.append(("scale", "must not be 0"))
        scale = 1
    field = WrittenField(
        point=point,
        kind=kind,
        zh=cells.text("zh"),
        en=cells.text("en"),
        unit=unit[0],
        values=_values(cells, kind),
        at=at,
        type=cells.choice("type", _TYPES),
        order=cells.choice("order", _ORDERS),
        fc=fc,
        bit=bit,
        scale=scale * unit[1],
        offset=offset * unit[1] + unit[2],
    )
    field = replace(field, limits=_limits(cells, field))
    if at + field.registers > 65_536:
        cells.wrong.append(("address", f"ends beyond register 65535, got {at}"))
    if cells.wrong:
        raise RowError(cells.wrong)
    return field


def _kind(cells: _Cells, *, bits: bool) -> str:
    kind = cells.text("kind").casefold()
    if kind == "event":
        cells.wrong.append(("kind", "a register that is polled is no event, use state"))
    elif kind not in ("", "measure", "state"):
        cells.wrong.append(
            ("kind", f"must be measure or state, got {shown(kind)}{meant(kind, ('measure', 'state'))}")
        )
    flag = bits or cells.text("values") or cells.text("type").casefold() in ("bool", "bit", "coil")
    return kind if kind in ("measure", "state") else "state" if flag else "measure"


def _place(cells: _Cells, *, manual: bool | None) -> tuple[int, int]:
    """Function code and protocol address. 40001 is register 0 of function 3; hexadecimal is as it stands."""
    text = cells.text("address").casefold()
    fc = cells.whole("fc", 1, 4)
    found = _MANUAL.fullmatch(text) if manual is not False else None
    if found:
        kind, number = found[1] or found[3], int(found[2] or found[4])
        said = _FUNCTION[kind]
        if number < 1 or number > 65_536:
            cells.wrong.append(("address", f"counts from 1 to 65536 after the {kind}, got {shown(text)}"))
        elif fc is not None and fc != said:
            what = f"{text} is read by function {said}, but fc says {fc}"
            cells.wrong.append(("address", f"{what}; write the protocol's address in hexadecimal"))
        return said, number - 1
    if not re.fullmatch(r"\d{1,5}|0x[0-9a-f]{1,4}", text, re.ASCII):
        cells.wrong.append(
            ("address", f"must be 0 to 65535, hexadecimal with 0x, or 40001 and the like, got {shown(text)}")
        )
        return fc or 3, 0
    address = int(text, 16) if text.startswith("0x") else int(text)
    if manual and not text.startswith("0x"):
        address -= 1
    if not 0 <= address <= 65_535:
        cells.wrong.append(("address", f"must be 0 to 65535 in the protocol, got {address}"))
        return fc or 3, 0
    return fc or 3, address


def _values(cells: _Cells, kind: str) -> dict[str, str]:
    """`0=closed;1=open` as words by raw value."""
    values: dict[str, str] = {}
    text = cells.text("values")
    for part in filter(None, (piece.strip() for piece in re.split("[;,|；]", text))):
        raw, mark, word = (piece.strip() for piece in part.partition("="))
        if not mark or not word or not re.fullmatch(r"\d{1,10}|0x[0-9a-fA-F]{1,8}", raw, re.ASCII):
            cells.wrong.append(("values", f"must be like 0=closed;1=open, got {shown(part)}"))
        else:
            key = str(int(raw, 0))
            if key in values or word in values.values():
                cells.wrong.append(("values", f"stands twice: {shown(part)}"))
            values[key] = word
    if values and kind == "measure":
        cells.wrong.append(("values", "a measure has a unit, not values; use kind state"))
    if set(values.values()) <= {"true", "false"} and values:
        cells.wrong.append(("values", "leave them out for true and false"))
    if kind == "state" and not text and cells.text("bit") == "" and not _is_bit(cells):
        cells.wrong.append(
            ("values", "a state of a whole register needs its values, such as 0=closed;1=open")
        )
    return values


def _is_bit(cells: _Cells) -> bool:
    address = cells.text("address").casefold()
    coil = _MANUAL.fullmatch(address) is not None and address[0] in "01"
    return cells.text("fc") in ("1", "2") or coil or cells.text("type").casefold() in ("bool", "bit", "coil")


def _limits(cells: _Cells, field: WrittenField) -> tuple[float, float] | None:
    if not cells.text("low") and not cells.text("high"):
        return None
    low, high = (cells.number(name, usual) for name, usual in zip(("low", "high"), field.range, strict=True))
    if low >= high:
        cells.wrong.append(("low", f"must be lower than high, got {low} and {high}"))
        return None
    return low, high


def rule_of(row: Mapping[str, str], field: WrittenField, source: str) -> tuple[str, dict[str, Any]] | None:
    """Key and rule of a row: a limit for a measure, true for a bit. Raises RowError."""
    cells = _Cells(row)
    key = cells.text("rule").casefold()
    above, below = cells.text("above"), cells.text("below")
    if not key:
        if above or below:
            raise RowError([("rule", f"a limit needs its rule, one of {', '.join(MENU)}")])
        return None
    if key not in MENU:
        raise RowError(
            [("rule", f"is not known, got {shown(key)}{meant(key, MENU)}; known: {', '.join(MENU)}")]
        )
    when: dict[str, Any]
    if field.kind == "measure":
        if bool(above) == bool(below) or "threshold" not in MENU[key].kinds:
            raise RowError(
                [("rule", f"{key} on a measure needs either above or below, and a rule that has a limit")]
            )
        side = "above" if above else "below"
        when = {"kind": "threshold", "point": field.point, side: cells.number(side, 0)}
    else:
        if above or below or field.values or "state" not in MENU[key].kinds:
            raise RowError(
                [("rule", f"{key} on a state needs a bit that means it; write other rules in the file")]
            )
        when = {"kind": "state", "point": field.point, "values": [True]}
    if cells.wrong:
        raise RowError(cells.wrong)
    return key, MENU[key].document(when, source)
