"""The arithmetic of plain measures, compiled: whole numbers × constants + constants.

The same as `steps.apply`, which rounds to nine places. Where factor and offset are decimal fractions and the
number is small, one correctly rounded division gives just that, in a tenth of the time: 367 / 10 is 36.7.
"""

import math
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any, Final, NamedTuple

from firmware_profiles.decode.numbers import SIZES
from firmware_profiles.decode.steps import LARGEST
from firmware_profiles.layouts import RegisterField

_WHOLE: Final = frozenset({"u8", "i8", "u16", "i16", "u32", "i32", "u64", "i64"})
_PLACES: Final = 9
_EXACT: Final = 4e-10
"""Less than half of the last place: what rounding takes away again."""


class Measure(NamedTuple):
    """How a number becomes a value: a status for `sentinels`, else a division, else what `convert`
    says (None: unreadable), else the number itself."""

    sentinels: Mapping[int, str]
    divisor: int | None = None
    convert: Callable[[Any], float | None] | None = None


def measure(field: RegisterField) -> Measure | None:
    """The field's arithmetic; None where it is more than that."""
    factors = [factor for factor in field.scale if isinstance(factor, int | float)]
    offset = field.offset
    if _is_more(field) or len(factors) < len(field.scale) or not isinstance(offset, int | float):
        return None
    if field.type not in _WHOLE:
        return Measure({}, convert=_float_arithmetic(tuple(factors), offset))
    if not factors and not offset:
        return Measure(field.sentinels)
    fraction = _fraction(field.type, factors, offset)
    if fraction is None:
        return Measure(field.sentinels, convert=_arithmetic(tuple(factors), offset))
    times, plus, divisor = fraction
    if times == 1 and plus == 0:
        return Measure(field.sentinels, divisor)
    return Measure(field.sentinels, convert=lambda raw: (raw * times + plus) / divisor)


def _is_more(field: RegisterField) -> bool:
    """Whether it has other steps than sentinels, scale and offset, or another type than a plain one."""
    if field.type not in _WHOLE and (field.type != "f32" or field.sentinels):
        return True
    tables = field.absent or field.enum or field.one_hot or field.strip or field.invert
    return bool(tables) or any(
        step is not None for step in (field.bits, field.otherwise, field.span, field.below)
    )


def _fraction(kind: str, factors: list[float], offset: float) -> tuple[int, int, int] | None:
    """(a, b, c) where (raw × a + b) / c is the value, for every number of that kind."""
    if len(factors) > 1 or not any(isinstance(one, float) for one in (*factors, offset or 0)):
        return None
    factor = Decimal(repr(factors[0] if factors else 1))
    plus = Decimal(repr(offset))
    places = max(0, -int(factor.as_tuple().exponent), -int(plus.as_tuple().exponent))
    largest = 2 ** (8 * SIZES[kind]) * abs(factor) + abs(plus)
    if places > _PLACES or float(largest) * 2**-51 > _EXACT:
        return None
    divisor = 10**places
    return int(factor * divisor), int(plus * divisor), divisor


def _arithmetic(factors: tuple[float, ...], offset: float) -> Callable[[float], float | None]:
    def value(raw: float) -> float | None:
        number = raw
        for factor in factors:
            number = number * factor
        if offset:
            number = number + offset
        if not math.isfinite(number):
            return None
        return round(number, _PLACES) if isinstance(number, float) else number

    return value


def _float_arithmetic(factors: tuple[float, ...], offset: float) -> Callable[[float], float | None]:
    compute = _arithmetic(factors, offset)

    def value(raw: float) -> float | None:
        if not abs(raw) <= LARGEST:  # nor for what is no number
            return None
        # A 32-bit float carries 7 digits; the rest would be noise of the wider type.
        number = float(f"{raw:.7g}")
        return compute(number) if abs(number) <= LARGEST else None

    return value
