"""A drawing of the street from what is known of it: wells lie under roads, homes stand in blocks. Pure.

Roads are the shortest tree that joins the wells, without its oddly long edges; blocks are the hulls of the
homes of an area. It is a sketch to find one's way by, not a survey.
"""

import math
from collections.abc import Mapping, Sequence
from statistics import median
from typing import Any, Final

Spot = tuple[float, float]
"""Latitude and longitude in degrees; inside this module also metres (x, y) on a local plane."""

METRES_PER_DEGREE: Final = 111_320.0
ROAD_WIDTH: Final = 9.0
BLOCK_MARGIN: Final = 22.0
TOO_LONG: Final = 3.0
"""An edge of the tree this many times the usual one joins two streets, not two wells of one."""


def drawing(wells: Sequence[Spot], homes: Mapping[str, Sequence[Spot]]) -> dict[str, Any]:
    """Roads (pairs of ends), blocks (name and corners) and houses, all in degrees. `homes` is by area."""
    everything = [*wells, *(spot for spots in homes.values() for spot in spots)]
    if not everything:
        return {"roads": [], "blocks": [], "houses": []}
    plane = _Plane(everything)
    roads = _roads([plane.metres(spot) for spot in wells])
    return {
        "roads": [[plane.degrees(a), plane.degrees(b)] for a, b in roads],
        "blocks": [
            {"name": name, "corners": [plane.degrees(corner) for corner in _block(plane, spots)]}
            for name, spots in sorted(homes.items())
            if spots
        ],
        "houses": [list(spot) for spots in homes.values() for spot in spots],
    }


class _Plane:
    """Metres around the middle of some spots: good to centimetres over a subdistrict."""

    def __init__(self, spots: Sequence[Spot]) -> None:
        self._latitude = sum(spot[0] for spot in spots) / len(spots)
        self._longitude = sum(spot[1] for spot in spots) / len(spots)
        self._shrink = math.cos(math.radians(self._latitude))

    def metres(self, spot: Spot) -> Spot:
        return (
            (spot[1] - self._longitude) * METRES_PER_DEGREE * self._shrink,
            (spot[0] - self._latitude) * METRES_PER_DEGREE,
        )

    def degrees(self, spot: Spot) -> list[float]:
        latitude = self._latitude + spot[1] / METRES_PER_DEGREE
        longitude = self._longitude + spot[0] / METRES_PER_DEGREE / self._shrink
        return [round(latitude, 7), round(longitude, 7)]


def _roads(wells: Sequence[Spot]) -> list[tuple[Spot, Spot]]:
    edges = _shortest_tree(wells)
    if not edges:
        return []
    usual = median(math.dist(a, b) for a, b in edges)
    kept = [(a, b) for a, b in edges if math.dist(a, b) <= TOO_LONG * usual]
    ends = [spot for edge in kept for spot in edge]
    return kept + [_beyond(a, b, usual) for edge in kept for a, b in (edge, edge[::-1]) if ends.count(b) == 1]


def _shortest_tree(spots: Sequence[Spot]) -> list[tuple[Spot, Spot]]:
    """Prim's algorithm: some hundred wells at most."""
    outside = list(dict.fromkeys(spots))
    if len(outside) < 2:
        return []
    near = dict.fromkeys(outside[1:], outside[0])
    edges = []
    while near:
        spot = min(near, key=lambda candidate: math.dist(candidate, near[candidate]))
        edges.append((near.pop(spot), spot))
        for other, joined in near.items():
            if math.dist(other, spot) < math.dist(other, joined):
                near[other] = spot
    return edges


def _beyond(a: Spot, b: Spot, length: float) -> tuple[Spot, Spot]:
    """A piece of road that goes on from `b`, away from `a`."""
    size = math.dist(a, b)
    return b, (b[0] + (b[0] - a[0]) / size * length, b[1] + (b[1] - a[1]) / size * length)


def _block(plane: _Plane, spots: Sequence[Spot]) -> list[Spot]:
    """The hull of squares around the homes."""
    m = BLOCK_MARGIN
    corners = [(x + dx, y + dy) for x, y in map(plane.metres, spots) for dx in (-m, m) for dy in (-m, m)]
    return _hull(sorted(set(corners)))


def _hull(spots: Sequence[Spot]) -> list[Spot]:
    """Andrew's monotone chain over sorted spots."""

    def half(order: Sequence[Spot]) -> list[Spot]:
        chain: list[Spot] = []
        for spot in order:
            while len(chain) >= 2 and _turn(chain[-2], chain[-1], spot) <= 0:
                chain.pop()
            chain.append(spot)
        return chain[:-1]

    return half(spots) + half(spots[::-1])


def _turn(a: Spot, b: Spot, c: Spot) -> float:
    return (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0])
