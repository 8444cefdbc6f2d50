"""The drawing of the street."""

import math

from server.web.map.street import METRES_PER_DEGREE, drawing

STEP = 30 / METRES_PER_DEGREE
"""30 m of latitude."""


def test_nothing_makes_an_empty_drawing() -> None:
    assert drawing([], {}) == {"roads": [], "blocks": [], "houses": []}


def test_wells_in_a_row_make_one_road_that_goes_on_at_both_ends() -> None:
    roads = drawing([(31.0 + STEP * n, 121.0) for n in (2, 0, 3, 1)], {})["roads"]
    assert len(roads) == 3 + 2
    latitudes = sorted(end[0] for road in roads for end in road)
    assert math.isclose(latitudes[0], 31.0 - STEP, abs_tol=1e-6)
    assert math.isclose(latitudes[-1], 31.0 + 4 * STEP, abs_tol=1e-6)


def test_two_streets_are_not_joined() -> None:
    near = [(31.0 + STEP * n, 121.0) for n in range(4)]
    far = [(31.1 + STEP * n, 121.0) for n in range(4)]
    lengths = [abs(a[0] - b[0]) for a, b in drawing(near + far, {})["roads"]]
    assert max(lengths) < 2 * STEP


def test_wells_at_one_place_are_no_road() -> None:
    assert drawing([(31.0, 121.0), (31.0, 121.0)], {})["roads"] == []


def test_a_block_holds_its_homes() -> None:
    homes = [(31.0 + STEP * n, 121.0 + STEP * (n % 2)) for n in range(5)]
    (block,) = drawing([], {"第一网格": homes})["blocks"]
    corners = block["corners"]
    assert block["name"] == "第一网格"
    for axis in (0, 1):
        assert min(c[axis] for c in corners) < min(home[axis] for home in homes)
        assert max(c[axis] for c in corners) > max(home[axis] for home in homes)
