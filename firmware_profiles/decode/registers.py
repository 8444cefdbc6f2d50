"""Decode kind `registers`: values out of Modbus registers and bits, in all word orders."""

from typing import Final

from firmware_profiles.decode.model import (
    RawField,
    RawRead,
    RawSample,
    Refusal,
    RefusalReason,
    RegisterPayload,
)
from firmware_profiles.decode.numbers import SIZES, unpack
from firmware_profiles.layouts import Order, RegisterField, RegistersLayout, WordOrder

_WORDS: Final[dict[WordOrder, Order]] = {
    "ABCD": "big", "CDAB": "little", "BADC": "big", "DCBA": "little", "AB": "big", "BA": "big",
}  # fmt: skip
_BYTES: Final[dict[WordOrder, Order]] = {
    "ABCD": "big", "CDAB": "big", "BADC": "little", "DCBA": "little", "AB": "big", "BA": "little",
}  # fmt: skip


def register_count(field: RegisterField) -> int:
    """How many registers the field reaches over."""
    return ((field.byte or 0) + SIZES[field.type] + 1) // 2


def places(layout: RegistersLayout, field: RegisterField) -> tuple[tuple[int, int], ...]:
    """Function code and address of each register or bit of the field, in the order of addresses."""
    fc = field.fc or layout.fc
    count = 1 if fc <= 2 else register_count(field)
    return tuple((fc, address) for address in range(field.address, field.address + count))


def swaps_words(layout: RegistersLayout, field: RegisterField) -> bool:
    """Whether its last register has the highest bits."""
    return _WORDS[field.order or layout.order] == "little"


def swaps_bytes(layout: RegistersLayout, field: RegisterField) -> bool:
    """Whether the second byte of each register is the higher one. A single bit has no bytes."""
    return (field.fc or layout.fc) > 2 and _BYTES[field.order or layout.order] == "little"


def read(layout: RegistersLayout, payload: RegisterPayload) -> RawRead:
    """All fields whose registers are there; the others belong to another read. Raises Refusal if none is."""
    found: list[RawField] = []
    for name, field in layout.fields.items():
        fc = field.fc or layout.fc
        words = [payload.values.get(place) for place in places(layout, field)]
        present = [word for word in words if word is not None and 0 <= word <= 0xFFFF]
        if len(present) < len(words):
            continue
        raw = present[0] if fc <= 2 else _number(field, present, field.order or layout.order)
        found.append(RawField(name, raw, field, f"{fc}:{field.address}"))
    if not found:
        raise Refusal(
            RefusalReason.NO_VALUES, f"{len(payload.values)} registers: none that this profile reads"
        )
    return RawRead([RawSample(found)], [], f"{len(payload.values)} registers")


def _number(field: RegisterField, words: list[int], order: WordOrder) -> int | float | None:
    if _WORDS[order] == "little":
        words = words[::-1]
    data = b"".join(word.to_bytes(2, _BYTES[order]) for word in words)
    length = SIZES[field.type]
    start = len(data) - length if field.byte is None else field.byte
    return unpack(field.type, data[start : start + length], "big")
