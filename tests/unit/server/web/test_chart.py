"""Which curves a chart holds."""

from typing import Any

from firmware_profiles import load_catalogue
from server.web.tasks.chart import LINES, lines_of, telling


def _curve(name: str, *values: float) -> dict[str, Any]:
    return {"name": name, "points": [[n, value, value, value] for n, value in enumerate(values)]}


def test_what_moves_is_shown_and_what_stands_still_is_not() -> None:
    curves = [_curve("set", 1, 1, 1), _curve("level", 1, 2), _curve("empty")]
    assert [each["name"] for each in telling(curves)] == ["level"]


def test_where_nothing_moves_the_first_is_shown() -> None:
    assert [each["name"] for each in telling([_curve("empty"), _curve("a", 1), _curve("b", 2)])] == ["a"]
    assert telling([_curve("empty")]) == []


def test_one_picture_holds_few_lines() -> None:
    assert len(telling([_curve(str(n), 0, 1) for n in range(6)])) == LINES


def test_the_point_of_the_rule_comes_first() -> None:
    profile = load_catalogue()["dingtek-dc410"]
    assert lines_of(profile, "w", "zh", first="water_level")[0].point == "water_level"
    cover = next(line for line in lines_of(profile, "w", "en") if line.point == "cover_open")
    assert cover.steps
    assert cover.labels is not None
