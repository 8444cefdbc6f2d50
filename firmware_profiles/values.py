"""The small types of profiles: strict models, names in two languages, durations, keys of tables."""

import re
from typing import Annotated, Any, Final

from pydantic import BaseModel, BeforeValidator, ConfigDict, PlainSerializer, WithJsonSchema

Scalar = bool | int | float | str

_UNIT_MS: Final = {"ms": 1, "s": 1_000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}
_DURATION: Final = re.compile(r"(\d+)(ms|s|m|h|d)", re.ASCII)
_DURATION_PATTERN: Final = r"^(\d+(ms|s|m|h|d))+$"
_TABLE_KEY: Final = re.compile(r"-?(0x[0-9a-fA-F]+|\d+)", re.ASCII)


class Model(BaseModel):
    """Base of everything in a profile: frozen, and an unknown key is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)


class Text(Model):
    """A name or sentence in both languages of the pages."""

    zh: str
    en: str


def _parse_duration(text: object) -> object:
    if not isinstance(text, str) or not re.fullmatch(_DURATION_PATTERN, text, re.ASCII):
        raise ValueError("must be a duration such as 30s, 5m, 12h or 1h30m")
    return sum(int(count) * _UNIT_MS[unit] for count, unit in _DURATION.findall(text))


def duration_text(milliseconds: int) -> str:
    """A duration in the form in which profiles write it: the largest unit that leaves no rest."""
    for unit in ("d", "h", "m", "s"):
        if milliseconds and milliseconds % _UNIT_MS[unit] == 0:
            return f"{milliseconds // _UNIT_MS[unit]}{unit}"
    return f"{milliseconds}ms" if milliseconds else "0s"


Duration = Annotated[
    int,
    BeforeValidator(_parse_duration),
    PlainSerializer(duration_text, return_type=str),
    WithJsonSchema({"type": "string", "pattern": _DURATION_PATTERN, "examples": ["30s", "12h"]}),
]
"""Milliseconds, written as "30s", "12h" or "1h30m"."""


def _parse_table_key(key: object) -> object:
    if isinstance(key, int) and not isinstance(key, bool):
        return key
    if isinstance(key, str) and _TABLE_KEY.fullmatch(key):
        return int(key, 16 if "x" in key else 10)
    raise ValueError("must be a whole number such as 7 or 0xFF")


TableKey = Annotated[
    int,
    BeforeValidator(_parse_table_key),
    WithJsonSchema({"type": "string", "pattern": r"^-?(0x[0-9a-fA-F]+|\d+)$"}),
]
"""A whole number that stands as a key; keys of a document are text, decimal or hexadecimal."""


def _parse_number(value: object) -> object:
    if isinstance(value, int | float) and not isinstance(value, bool):
        return value
    raise ValueError("must be a number")


Number = Annotated[float | int, BeforeValidator(_parse_number), WithJsonSchema({"type": "number"})]
"""A finite number; whole numbers stay whole."""


def as_tuple(value: Any) -> Any:
    """One value or a list of them, as a tuple: for keys that are mostly given a single value."""
    if isinstance(value, list | tuple):
        return tuple(value)
    return (value,)
