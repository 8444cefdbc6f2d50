"""Makes a reading fit to be judged, stored and sent: what JSON and SQLite can't carry is replaced."""

import math
import sys
from dataclasses import replace
from typing import Final

from edge.readings import Reading, Value
from gateway.wire import without_nul

LONGEST_TEXT: Final = 500
"""Characters of a text value; longer ones are cut, so that one device can't fill a frame."""
LARGEST_INTEGER: Final = 2**63 - 1
LARGEST_NUMBER: Final = sys.float_info.max
NOT_A_NUMBER: Final = "not_a_number"


def clean_reading(reading: Reading) -> Reading:
    """The reading itself if nothing is wrong with it, which is the rule; else one that can be carried.

    A number that is none leaves its point with the status "not_a_number".
    """
    wrong = {name for name, value in reading.points.items() if not _carried(value)}
    key = reading.key if reading.key is None else _text(reading.key)
    if not wrong and key == reading.key and all(map(_carried, reading.status.values())):
        return reading
    points: dict[str, Value] = {}
    status = {name: _text(text) for name, text in reading.status.items()}
    for name, value in reading.points.items():
        if not isinstance(value, str) and not abs(value) <= LARGEST_NUMBER:
            status.setdefault(name, NOT_A_NUMBER)
        else:
            points[name] = _cleaned(value) if name in wrong else value
    return replace(reading, points=points, status=status, key=key)


def _carried(value: Value) -> bool:
    if isinstance(value, str):
        return len(value) <= LONGEST_TEXT and _text(value) == value
    if isinstance(value, float):
        return math.isfinite(value)
    return abs(value) <= LARGEST_INTEGER


def _cleaned(value: Value) -> Value:
    return _text(value) if isinstance(value, str) else float(value)


def _text(text: str) -> str:
    """Without what fills it up, without lone surrogates, which are no UTF-8, and cut."""
    return without_nul(text)[:LONGEST_TEXT].encode("utf-8", "replace").decode("utf-8")
