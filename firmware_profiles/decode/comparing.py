"""Derived values of kind `compare`: whether a number stands beyond a limit."""

from collections.abc import Callable
from operator import ge, gt, le, lt
from typing import Final

from firmware_profiles.decode.model import Value
from firmware_profiles.decode.steps import Surroundings, apply
from firmware_profiles.layouts import CompareDerive, Steps

_SIGNS: Final[dict[str, Callable[[float, float], bool]]] = {
    "above": gt, "below": lt, "at_least": ge, "at_most": le,
}  # fmt: skip
_PLAIN: Final = Steps()


def compare(derive: CompareDerive, value: Value, around: Surroundings) -> bool:
    """Whether the value is beyond the limit; text counts as the number that it writes. Raises NoValue for
    what is no number."""
    number = apply(_PLAIN, value, wants_number=True, around=around)
    assert not isinstance(number, str)
    limits = ((sign, getattr(derive, name)) for name, sign in _SIGNS.items())
    return any(limit is not None and sign(number, limit) for sign, limit in limits)
