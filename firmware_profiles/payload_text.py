"""A payload as people paste it: hexadecimal, base64, JSON, or registers."""

import base64
import binascii
import re
from typing import Final

from firmware_profiles.decode.model import MessagePayload, Payload, RegisterPayload

_HEX: Final = re.compile(r"(0x)?[0-9a-fA-F]{2}([\s:,-]*(0x)?[0-9a-fA-F]{2})*", re.ASCII)
_NUMBER: Final = r"(0x[0-9a-fA-F]{1,4}|\d{1,5})"
_BLOCK: Final = re.compile(rf"([1-4]):{_NUMBER}=({_NUMBER}(,{_NUMBER})*)", re.ASCII)
_FORMS: Final = "hexadecimal bytes, base64, a JSON object, or registers as fc:address=value,value"


def parse_payload(text: str, *, port: int | None = None) -> Payload:
    """The payload that the text stands for. Registers are blocks `fc:address=value,value`, separated by
    blanks. Text that could be both is taken as hexadecimal before base64. Raises ValueError saying what is
    accepted."""
    text = text.strip()
    if text.startswith(("{", "[")):
        return MessagePayload(text.encode(), port)
    blocks = text.split()
    if blocks and all(_BLOCK.fullmatch(block) for block in blocks):
        return RegisterPayload(_registers(blocks))
    if _HEX.fullmatch(text):
        return MessagePayload(bytes.fromhex(re.sub(r"0x|[\s:,-]", "", text)), port)
    try:
        return MessagePayload(base64.b64decode(text, validate=True), port)
    except (binascii.Error, ValueError) as error:
        raise ValueError(f"{text[:40]!r} is none of: {_FORMS}") from error


def _registers(blocks: list[str]) -> dict[tuple[int, int], int]:
    values: dict[tuple[int, int], int] = {}
    for block in blocks:
        place, _, words = block.partition("=")
        fc, _, start = place.partition(":")
        for index, word in enumerate(words.split(",")):
            value = int(word, 0) if word.startswith("0x") else int(word)
            if value > 0xFFFF:
                raise ValueError(f"{block[:40]!r}: a register holds 0 to 65535, got {value}")
            first = int(start, 0) if start.startswith("0x") else int(start)
            values[int(fc), first + index] = value
    return values
