"""Points and fields out of what a codec's examples answer: a number with its unit, a boolean, or a text."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from firmware_profiles.generate.draft import point_name, printable
from firmware_profiles.generate.spoken_units import ucum
from firmware_profiles.generate.words import boolean_values, name_of, plain, range_of

MOST_POINTS: Final = 60
_WITH_UNIT: Final = re.compile(r"[-+]?\d+(?:\.\d+)?\s*([^\d\s.:,;/-][^\d:;]{0,20})?", re.ASCII)
_NUMBER: Final = re.compile(r"[-+]?\d+(?:\.\d+)?", re.ASCII)
_MOST_UNITS: Final = 5
_UNITS_BY_WORD: Final = (
    (r"temp", "Cel"),
    (r"hum", "%"),
    (r"bat.*(percent|level|pct)|percent", "%"),
    (r"co2|tvoc", "[ppm]"),
    (r"lux|illumi", "lx"),
    (r"rssi", "dB[mW]"),
    (r"snr", "dB"),
)
"""What a name says of the unit, where the script does not say it."""


@dataclass(frozen=True, slots=True)
class AnsweredField:
    """A key of a script's answer, with its point and how it is read, as a profile writes them."""

    name: str
    point: Mapping[str, Any]
    field: Mapping[str, Any]


def answered_fields(answers: Sequence[Mapping[str, Any]], notes: list[str]) -> list[AnsweredField]:
    """The fields of all answers together; what can't be a point is named in `notes`."""
    values: dict[tuple[str, ...], list[Any]] = {}
    lists: dict[tuple[str, ...], None] = {}
    for answer in answers:
        for path, value in _leaves(answer, (), lists):
            values.setdefault(path, []).append(value)
    notes.extend(f"{'.'.join(path)[:60]}: a list; left out" for path in lists)
    fields: dict[str, AnsweredField] = {}
    for path, found in values.items():
        name = _name(path, fields)
        if not name or len(fields) >= MOST_POINTS:
            notes.append(
                f"{'.'.join(path)[:60]}: left out, {'too many values' if name else 'it has no name'}"
            )
            continue
        fields[name] = _field(name, path, found)
    return list(fields.values())


def _leaves(
    value: Any, path: tuple[str, ...], lists: dict[tuple[str, ...], None]
) -> Iterator[tuple[tuple[str, ...], Any]]:
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield from _leaves(inner, (*path, key), lists)
    elif isinstance(value, list):
        lists[path] = None
    elif value is not None and value != "":
        yield path, value


def _name(path: tuple[str, ...], taken: Mapping[str, Any]) -> str:
    """The last key where that is enough: `battery` for `status.battery`."""
    # BatV is bat_v, and BATTERY stays battery.
    words = [re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", key) for key in path]
    for start in range(len(words) - 1, -1, -1):
        name = point_name("_".join(words[start:]))
        if name and name not in taken:
            return name
    name = point_name("_".join(words))
    return next((tried for n in range(2, 9) if name and (tried := f"{name}_{n}") not in taken), "")


def _field(name: str, path: tuple[str, ...], values: list[Any]) -> AnsweredField:
    plain_path = all(re.fullmatch(r"[^.\[\]]+", key) for key in path)
    field: dict[str, Any] = {"path": ".".join(path) if plain_path else list(path)}
    label = printable(plain(".".join(path)))
    if all(isinstance(value, bool) for value in values):
        point = {"name": name_of(name, label), "kind": "state", "values": boolean_values(name)}
        return AnsweredField(name, point, field)
    units = _units(values)
    if units is None:
        return AnsweredField(name, {"name": name_of(name, label), "kind": "state"}, field)
    if units:
        field["strip"] = sorted(units, key=len, reverse=True)
    unit = next((known[0] for text in sorted(units) if (known := ucum(text)) and known[1:] == (1, 0)), None)
    numbers = [_number(value) for value in values]
    point = {"name": name_of(name, label), "kind": "measure", **_measure(name, unit, numbers)}
    return AnsweredField(name, point, field)


def _units(values: list[Any]) -> set[str] | None:
    """The units behind the numbers, without the empty one; None where the values are no numbers."""
    units = set()
    for value in values:
        if isinstance(value, bool):
            return None
        if isinstance(value, str):
            match = _WITH_UNIT.fullmatch(value.strip())
            if match is None:
                return None
            units.add((match[1] or "").strip())
    if units == {""} and not any(isinstance(value, int | float) for value in values):
        return None  # "0012" may be a serial number
    units.discard("")
    return units if len(units) <= _MOST_UNITS else None


def _number(value: Any) -> float:
    return float(value) if isinstance(value, int | float) else float(_NUMBER.findall(value)[0])


def _measure(name: str, unit: str | None, numbers: list[float]) -> dict[str, Any]:
    low, high = min(numbers), max(numbers)
    if unit is None and re.search(r"bat|volt", name) and not re.search(r"percent|level|pct", name):
        unit = "V" if low >= 0 and high <= 60 else "mV" if low >= 1_000 and high <= 60_000 else None
    if unit is None:
        unit = next((code for word, code in _UNITS_BY_WORD if re.search(word, name)), None) or "1"
    usual = range_of(unit)
    if not usual[0] <= low <= high <= usual[1]:
        unit, usual = "1", range_of("1")
    return {"unit": unit, "range": [min(usual[0], low), max(usual[1], high)]}
