"""Telephone numbers in what people wrote, so that one tap calls. Pure."""

import re
from dataclasses import dataclass
from typing import Final

_NUMBER: Final = re.compile(r"\+?\d[\d -]{5,18}\d")


@dataclass(frozen=True, slots=True)
class Piece:
    """A stretch of text; `tel` is the number to call where it is one."""

    text: str
    tel: str = ""


def dial(number: str) -> str:
    """The number as a tel: link wants it."""
    return re.sub(r"[^\d+*#]", "", number)


def callable_lines(text: str) -> list[list[Piece]]:
    """The text by line (a semicolon begins one too), each cut where telephone numbers stand in it."""
    return [_pieces(line.strip()) for line in re.split(r"[;；\n]", text) if line.strip()]


def _pieces(text: str) -> list[Piece]:
    pieces: list[Piece] = []
    end = 0
    for match in _NUMBER.finditer(text):
        if match.start() > end:
            pieces.append(Piece(text[end : match.start()]))
        pieces.append(Piece(match.group(), dial(match.group())))
        end = match.end()
    if end < len(text):
        pieces.append(Piece(text[end:]))
    return pieces
