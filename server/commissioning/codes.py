"""What is printed on hardware and on our labels, read: QR codes, EUIs, serial numbers. Pure.

Known are LoRaWAN's TR005 (`LW:D0:JoinEUI:DevEUI:ProfileID…`), Zigbee codes of fields such as
`Z:IEEE$I:installcode` (Aqara's `A:` too), a plain EUI-64 with or without 0x, colons or dashes, our own
labels, and anything else as a serial number.
"""

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from server.errors import InvalidError
from server.places.schemas import ID_PATTERN

LABEL: Final = "sunwell:"
LONGEST: Final = 512
_EUI: Final = re.compile(r"[0-9A-Fa-f]{16}")
_ZIGBEE: Final = re.compile(
    r"(?:^|[$%&;,\s])(?:Z|A|IEEE|EUI64|MAC):\s*(?:0x)?([0-9A-Fa-f]{16})(?![0-9A-Fa-f])", re.I
)
_SEPARATORS: Final = re.compile(r"[:\-\s]")


class CodeKind(StrEnum):
    """What a code names."""

    POSITION = "position"
    DEVICE = "device"
    LORAWAN = "lorawan"
    ZIGBEE = "zigbee"
    EUI = "eui"
    SERIAL = "serial"


@dataclass(frozen=True, slots=True)
class Code:
    """A code that was read. `id` is an EUI-64 in small letters for radio devices. Keys (an install code, a
    proof) are not kept: Sunwell has no use for them."""

    kind: CodeKind
    id: str
    serial: str = ""
    maker: str = ""
    """LoRaWAN: the vendor and profile of TR005, eight hexadecimal digits."""


def parse(text: str) -> Code:
    """Reads a code. Raises InvalidError for an empty, overlong or mistyped one."""
    text = text.strip()
    if not text or len(text) > LONGEST or not text.isprintable():
        raise InvalidError(f"a code of 1 to {LONGEST} printable characters is needed", where="code")
    if text.lower().startswith(LABEL):
        return _label(text)
    if text.upper().startswith("LW:"):
        return _lorawan(text)
    zigbee = _ZIGBEE.search(text)
    if zigbee is not None:
        return Code(CodeKind.ZIGBEE, zigbee[1].lower())
    bare = _SEPARATORS.sub("", text.removeprefix("0x").removeprefix("0X"))
    if _EUI.fullmatch(bare):
        return Code(CodeKind.EUI, bare.lower())
    if len(text) > 100:
        raise InvalidError("this code is none that is known here: type the serial number", where="code")
    return Code(CodeKind.SERIAL, text)


def label(kind: CodeKind, key: str) -> str:
    """What our own label for a position or a device says."""
    return f"{LABEL}{kind}:{key}"


def _label(text: str) -> Code:
    kind, _, key = text[len(LABEL) :].partition(":")
    if kind.lower() not in (CodeKind.POSITION, CodeKind.DEVICE) or not ID_PATTERN.fullmatch(key):
        raise InvalidError("this label names neither a position nor a device", where="code")
    return Code(CodeKind(kind.lower()), key)


def _lorawan(text: str) -> Code:
    parts = text.split(":")
    if len(parts) < 5 or parts[1].upper() != "D0" or not _EUI.fullmatch(parts[3]):
        raise InvalidError(
            "a LoRaWAN code has the form LW:D0:JoinEUI:DevEUI:ProfileID; scan again or type the DevEUI",
            where="code",
        )
    serial = next((part[1:] for part in parts[5:] if part[:1].upper() == "S"), "")
    return Code(CodeKind.LORAWAN, parts[3].lower(), serial[:100], parts[4][:8].upper())
