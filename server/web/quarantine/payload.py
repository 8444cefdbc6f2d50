"""A refused message's bytes, made fit to look at. Pure."""

from dataclasses import dataclass
from typing import Final

SHOWN_BYTES: Final = 512
_ROW: Final = 16


@dataclass(frozen=True, slots=True)
class Shown:
    """The beginning of a payload as text and as hexadecimal rows."""

    text: str
    hexadecimal: str
    bytes: int


def shown(payload: bytes) -> Shown:
    """The first bytes. What is not text, and what would act on a screen, becomes a replacement character."""
    head = payload[:SHOWN_BYTES]
    decoded = head.decode("utf-8", errors="replace")
    text = "".join(c if c.isprintable() or c in "\n\t" else "�" for c in decoded)
    rows = (f"{start:04x}  {head[start : start + _ROW].hex(' ')}" for start in range(0, len(head), _ROW))
    return Shown(text, "\n".join(rows), len(head))
