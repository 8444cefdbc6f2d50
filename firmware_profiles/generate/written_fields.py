"""A point together with the place where it stands in a payload, as people describe devices in one line:
out of it come the point, its field, and the payloads of examples."""

import struct
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Literal

from firmware_profiles.decode.numbers import SIZES
from firmware_profiles.generate.words import boolean_values, name_of, range_of, text

Carrier = Literal["json", "bytes", "registers"]
_LITTLE_WORDS: Final = frozenset({"CDAB", "DCBA"})
_LITTLE_BYTES: Final = frozenset({"BADC", "DCBA", "BA"})


@dataclass(frozen=True, slots=True, kw_only=True)
class WrittenField:
    """`path` is for JSON; `at` is the byte or the register. `values` are words by raw value; none makes a
    state boolean. `fc` 1 and 2 and fields with a `bit` hold one bit."""

    point: str
    kind: str = "measure"
    zh: str = ""
    en: str = ""
    unit: str = "1"
    limits: tuple[float, float] | None = None
    values: dict[str, str] = field(default_factory=dict)
    path: str = ""
    at: int = 0
    type: str = "u16"
    order: str | None = None
    fc: int = 3
    bit: int | None = None
    scale: float = 1
    offset: float = 0

    @property
    def registers(self) -> int:
        """How many registers (or bits) it takes."""
        return 1 if self.fc <= 2 else (SIZES[self.type] + 1) // 2

    @property
    def range(self) -> list[float]:
        """The numbers that it may say."""
        return list(self.limits) if self.limits is not None else range_of(self.unit)

    def point_document(self) -> dict[str, Any]:
        """The point as the profile writes it."""
        name = name_of(self.point)
        if self.zh or self.en:
            name = text(self.zh or self.en, self.en or self.zh)
        if self.kind == "measure":
            return {"name": name, "kind": self.kind, "unit": self.unit, "range": self.range}
        if self.values:
            values = {word: text(word, word) for word in self.values.values()}
        else:
            values = boolean_values(self.point)
        return {"name": name, "kind": self.kind, "values": values}

    def field_document(self, carrier: Carrier) -> dict[str, Any]:
        """The field as the profile writes it."""
        place: dict[str, Any] = {"path": self.path} if carrier == "json" else {}
        if carrier != "json":
            place["at" if carrier == "bytes" else "address"] = self.at
            if self.type != ("u8" if carrier == "bytes" else "u16"):
                place["type"] = self.type
        if carrier == "registers":
            place["fc"] = self.fc
            if self.order is not None:
                place["order"] = self.order
        if self.bit is not None:
            place["bits"] = self.bit
        if self.kind == "measure":
            place |= {"scale": self.scale} if self.scale != 1 else {}
            place |= {"offset": self.offset} if self.offset else {}
        elif self.values and (carrier != "json" or self._coded):
            place["enum"] = dict(self.values)
        return place

    def example(self, carrier: Carrier, share: float) -> tuple[Any, Any]:
        """A raw value and the value that it stands for. `share` says where in its range: 0 to 1."""
        if self.kind != "measure":
            if not self.values:
                on = share > 0.5
                return (on if carrier == "json" else int(on)), on
            keys = list(self.values)
            key = keys[-1 if share > 0.5 else 0]
            word = self.values[key]
            return (key if carrier == "json" and not key.isdecimal() else int(key, 0)), word
        low, high = self.range
        raw_number = round((low + share * (high - low) - self.offset) / self.scale)
        raw = min(max(raw_number, self._lowest(carrier)), self._highest(carrier))
        return raw, whole(raw * self.scale + self.offset)

    @property
    def _coded(self) -> bool:
        return any(key != word for key, word in self.values.items())

    def _highest(self, carrier: Carrier) -> int:
        if self.bit is not None or (carrier == "registers" and self.fc <= 2):
            return 1
        if carrier == "json" or self.type.startswith("f"):
            return 1_000_000  # a float of 32 bits holds it exactly
        if self.type.startswith("bcd"):
            return 9_999
        bits = 8 * SIZES[self.type]
        return int(2 ** (bits - 1 if self.type.startswith("i") else bits)) - 1

    def _lowest(self, carrier: Carrier) -> int:
        if self.type.startswith(("i", "f")) or carrier == "json":
            return -min(self._highest(carrier), 1_000_000)
        return 0


def whole(value: float) -> float | int:
    """The number to nine places; whole ones without a point."""
    rounded = round(value, 9)
    return int(rounded) if float(rounded).is_integer() else rounded


def example_input(fields: Sequence[WrittenField], carrier: Carrier, raws: Sequence[Any]) -> dict[str, Any]:
    """The payload that holds these raw values, as the input of an example."""
    if carrier == "json":
        message: dict[str, Any] = {}
        for item, raw in zip(fields, raws, strict=True):
            _put(message, item.path, raw)
        return {"json": message}
    if carrier == "bytes":
        frame = bytearray(max(item.at + SIZES[item.type] for item in fields))
        for item, raw in zip(fields, raws, strict=True):
            for index, byte in enumerate(_packed(item, raw)):
                frame[item.at + index] |= byte
        return {"hex": frame.hex(" ").upper()}
    registers: dict[tuple[int, int], int] = {}
    for item, raw in zip(fields, raws, strict=True):
        for index, word in enumerate(_words(item, raw)):
            place = (item.fc, item.at + index)
            registers[place] = registers.get(place, 0) | word
    return {"registers": register_blocks(registers)}


def _put(message: dict[str, Any], path: str, raw: object) -> None:
    *above, last = path.split(".")
    for key in above:
        message = message.setdefault(key, {})
    message[last] = raw


def _packed(item: WrittenField, raw: int) -> bytes:
    size = SIZES[item.type]
    if item.bit is not None:
        return (raw << item.bit).to_bytes(size, "big")
    if item.type.startswith("f"):
        return struct.pack(">f" if size == 4 else ">d", raw)
    if item.type.startswith("bcd"):
        return bytes.fromhex(str(raw).zfill(2 * size))
    return raw.to_bytes(size, "big", signed=item.type.startswith("i"))


def _words(item: WrittenField, raw: int) -> list[int]:
    if item.fc <= 2:
        return [raw]
    packed = _packed(item, raw)
    packed = packed if len(packed) % 2 == 0 else b"\0" + packed
    order = "little" if item.order in _LITTLE_BYTES else "big"
    pairs = [packed[index : index + 2] for index in range(0, len(packed), 2)]
    words = [int.from_bytes(pair, "little" if order == "little" else "big") for pair in pairs]
    return words[::-1] if item.order in _LITTLE_WORDS else words


def register_blocks(registers: dict[tuple[int, int], int]) -> dict[str, list[int]]:
    """Registers under `fc:address` of the first of each row of neighbours."""
    blocks: dict[str, list[int]] = {}
    last: tuple[int, int] | None = None
    name = ""
    for place in sorted(registers):
        if last is None or place != (last[0], last[1] + 1):
            name = f"{place[0]}:{place[1]}"
            blocks[name] = []
        blocks[name].append(registers[place])
        last = place
    return blocks
