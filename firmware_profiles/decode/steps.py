"""From a raw value to a value: the steps of a field, always in the same order."""

import math
import re
from collections.abc import Mapping
from typing import Final, NamedTuple

from firmware_profiles.decode.model import Raw, Value
from firmware_profiles.layouts import Factor, FieldFactor, ParameterFactor, Steps

_NUMBER: Final = re.compile(r"[-+]?(\d+(\.\d*)?|\.\d+)([eE][-+]?\d{1,3})?", re.ASCII)
LARGEST: Final = 2**64
"""No measure is larger: nothing that a device counts needs more than 64 bits."""
UNREADABLE: Final = "unreadable"
UNLISTED: Final = "unlisted"
UNSET: Final = "unset"
"""The installer has not given the parameter that the value needs."""


class NoValue(Exception):  # noqa: N818  # control flow inside the decoder only
    """There is no value: why, or None when the device has just nothing to say."""

    def __init__(self, status: str | None) -> None:
        super().__init__(status)
        self.status = status


class Surroundings(NamedTuple):
    """What a factor may refer to: the fields read so far, their statuses, the unit's parameters."""

    values: Mapping[str, Value]
    status: Mapping[str, str]
    parameters: Mapping[str, float]


def needs_fields(steps: Steps) -> bool:
    """Whether a factor is another field, so that this one is computed after it."""
    factors: list[Factor | None] = [*steps.scale, steps.offset, steps.below]
    if steps.span is not None:
        factors.extend(steps.span.value)
    return any(isinstance(factor, FieldFactor) for factor in factors)


def clean(text: str, length: int = 64) -> str:
    """Text of a device, fit for pages and logs: printable and cut."""
    return "".join(letter for letter in text[:length] if letter.isprintable())


def table_text(raw: Raw) -> str:
    """A value as the key of a table: true, 7, emergency."""
    if isinstance(raw, bool):
        return "true" if raw else "false"
    if isinstance(raw, float) and raw.is_integer():
        return str(int(raw))
    return str(raw)


def apply(steps: Steps, raw: Raw, wants_number: bool, around: Surroundings) -> Value:
    """The value. Raises NoValue where there is none."""
    if raw is None:
        raise NoValue(UNREADABLE)
    if steps.bits is not None:
        raw = _cut_bits(steps.bits, raw)
    if any(raw == item and isinstance(raw, bool) == isinstance(item, bool) for item in steps.absent):
        raise NoValue(None)
    if steps.sentinels and isinstance(raw, int | float) and raw in steps.sentinels:
        raise NoValue(steps.sentinels[int(raw)])
    if steps.enum or steps.otherwise is not None:
        return _look_up(steps, raw)
    if steps.one_hot:
        return _one_hot(steps, raw)
    if steps.invert:
        return not _boolean(raw)
    if wants_number or steps.scale or steps.span or steps.below is not None or steps.strip:
        return _arithmetic(steps, _number(raw, steps.strip), around)
    return raw


def _cut_bits(bits: str | int, raw: Raw) -> int:
    if not isinstance(raw, int):
        raise NoValue(UNREADABLE)
    high, _, low = str(bits).partition(":")
    lowest = int(low or high)
    return raw >> lowest & (1 << (int(high) - lowest + 1)) - 1


def _look_up(steps: Steps, raw: Raw) -> Value:
    key = table_text(raw)
    if key in steps.table:
        return steps.table[key]
    if steps.otherwise is not None:
        return steps.otherwise
    raise NoValue(f"{UNLISTED} {clean(key, 32)}")


def _one_hot(steps: Steps, raw: Raw) -> str:
    if not isinstance(raw, int) or raw <= 0 or raw & raw - 1:
        raise NoValue(f"{UNLISTED} {clean(table_text(raw), 32)}")
    name = steps.one_hot.get(raw.bit_length() - 1)
    if name is None:
        raise NoValue(f"{UNLISTED} {raw}")
    return name


def _boolean(raw: Raw) -> bool:
    if isinstance(raw, bool) or (isinstance(raw, int) and raw in (0, 1)):
        return bool(raw)
    raise NoValue(UNREADABLE)


def _number(raw: Raw, strip: tuple[str, ...]) -> int | float:
    if isinstance(raw, str):
        text = raw.strip()[:64]
        for unit in strip:
            text = text.removesuffix(unit).rstrip()
        if not _NUMBER.fullmatch(text):
            raise NoValue(UNREADABLE)
        raw = float(text)
    if isinstance(raw, bool) or raw is None or abs(raw) > LARGEST:
        raise NoValue(UNREADABLE)
    return raw


def _factor(factor: Factor, around: Surroundings) -> float:
    if isinstance(factor, ParameterFactor):
        value = around.parameters.get(factor.parameter)
        if value is None:
            raise NoValue(UNSET)
        return value * factor.times
    if not isinstance(factor, FieldFactor):
        return factor
    if factor.field not in around.values:
        raise NoValue(around.status.get(factor.field))
    found = around.values[factor.field]
    if not factor.values:
        return _number(found, ())
    if not isinstance(found, int | float) or found not in factor.values:
        raise NoValue(f"{UNLISTED} {factor.field.lstrip('_')} {clean(table_text(found), 16)}")
    return factor.values[int(found)]


def _arithmetic(steps: Steps, number: float, around: Surroundings) -> float:
    if steps.span is not None:
        (low, high), values = steps.span.raw, [_factor(item, around) for item in steps.span.value]
        number = values[0] + (number - low) * (values[1] - values[0]) / (high - low)
    for factor in steps.scale:
        number = number * _factor(factor, around)
    offset = _factor(steps.offset, around)
    if offset:
        number = number + offset
    if steps.below is not None:
        number = _factor(steps.below, around) - number
    if not math.isfinite(number):
        raise NoValue(UNREADABLE)
    # 367 × 0.1 is 36.7 and not 36.7000000004: nine places are finer than any sensor here.
    return round(number, 9) if isinstance(number, float) else number
