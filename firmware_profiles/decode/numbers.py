"""Numbers out of bytes: integers of 8 to 64 bits, floats, BCD."""

import math
import struct
from collections.abc import Callable, Mapping
from typing import Final

from firmware_profiles.decode.model import RawField, Refusal, RefusalReason
from firmware_profiles.layouts import ByteField, Order

SIZES: Final = {
    "u8": 1, "i8": 1, "u16": 2, "i16": 2, "u24": 3, "i24": 3, "u32": 4, "i32": 4, "u64": 8, "i64": 8,
    "f32": 4, "f64": 8, "bcd16": 2, "bcd32": 4,
}  # fmt: skip


WORDS: Final[Mapping[str, Callable[[bytes], str]]] = {
    "text": lambda data: data.split(b"\0", 1)[0].decode("utf-8", "replace"),
    "version": lambda data: ".".join(str(part) for part in data),
    "version_nibbles": lambda data: ".".join(str(int(digit, 16)) for digit in data.hex()),
    "version_hex": lambda data: ".".join(f"{part:x}" for part in data),
}
"""The types that are words, whose length the field says."""


def size(field: ByteField) -> int:
    """How many bytes the field takes; 0 for text to the end."""
    return field.length or 0 if field.type in WORDS else SIZES[field.type]


def unpack(kind: str, data: bytes, order: Order) -> int | float | None:
    """The number that `data` (exactly as long as `kind` needs) holds; None for no number: NaN, infinity,
    or a half byte over 9 in BCD."""
    if kind.startswith("f"):
        return _float(kind, data, order)
    if kind.startswith("bcd"):
        digits = (data if order == "big" else data[::-1]).hex()
        return int(digits) if digits.isdecimal() else None
    return int.from_bytes(data, order, signed=kind.startswith("i"))


def _float(kind: str, data: bytes, order: Order) -> float | None:
    letter = "f" if kind == "f32" else "d"
    number: float = struct.unpack((">" if order == "big" else "<") + letter, data)[0]
    if not math.isfinite(number):
        return None
    # A 32-bit float carries 7 digits; the rest would be noise of the wider type.
    return float(f"{number:.7g}") if kind == "f32" else number


def read_fields(fields: Mapping[str, ByteField], data: bytes, base: int, order: Order) -> list[RawField]:
    """The fields of a piece of a frame that starts at byte `base`. Raises Refusal if one lies beyond it."""
    found = []
    for name, field in fields.items():
        length = size(field) or len(data) - field.at
        piece = data[field.at : field.at + length]
        if len(piece) < length or length <= 0:
            end = base + field.at + length
            raise Refusal(
                RefusalReason.TRUNCATED,
                f"{name} would end at byte {end}, the payload ends at byte {base + len(data)}",
            )
        if field.type in WORDS:
            raw: int | float | str | None = WORDS[field.type](piece)
        else:
            raw = unpack(field.type, piece, field.order or order)
        found.append(RawField(name, raw, field, (base + field.at, length)))
    return found
