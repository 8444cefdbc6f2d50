"""Distances over the ground. Pure."""

from math import asin, cos, radians, sin, sqrt
from typing import Final

EARTH_M: Final = 6_371_000
Place = tuple[float, float]
"""Latitude and longitude in degrees."""


def metres(one: Place, other: Place) -> float:
    """The distance between two places, over the ground."""
    (a, b), (c, d) = ((radians(x), radians(y)) for x, y in (one, other))
    return 2 * EARTH_M * asin(sqrt(sin((c - a) / 2) ** 2 + cos(a) * cos(c) * sin((d - b) / 2) ** 2))
