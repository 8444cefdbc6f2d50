"""A cover is judged against the way it was installed, and traffic is not a theft."""

import pytest

from firmware_profiles import load_catalogue
from gateway.rules.model import Threshold
from gateway.rules.verdicts import angle_between
from tests.unit.gateway.rules.scenes import at, brief, engine, hear, rule, said

COVER = Threshold(point="tilt", side="above", limit=10, clear=8, for_ms=30_000, around=12)


@pytest.mark.parametrize(
    ("one", "other", "apart"),
    [(0, 0, 0), (12, 2, 10), (2, 12, 10), (179, -179, 2), (-90, 90, 180), (370, 5, 5)],
)
def test_angles_are_compared_around_the_circle(one: float, other: float, apart: float) -> None:
    assert angle_between(one, other) == apart


@pytest.mark.parametrize(
    ("tilt", "alarms"), [(12, False), (22, False), (22.1, True), (2, False), (1.9, True)]
)
def test_what_counts_is_the_distance_from_the_installed_angle(tilt: float, alarms: bool) -> None:
    judge = engine(rule(COVER))
    hear(judge, said(0, {"tilt": tilt}))
    assert bool(judge.tick(at(30))) is alarms


def test_vibration_that_is_over_within_the_time_is_traffic() -> None:
    judge = engine(rule(COVER))
    hear(judge, said(0, {"tilt": 27}))
    assert hear(judge, said(2, {"tilt": 13})) == []
    assert judge.tick(at(60)) == []


def test_it_is_over_where_the_cover_lies_as_it_was_installed() -> None:
    judge = engine(rule(COVER))
    hear(judge, said(0, {"tilt": 60}))
    judge.tick(at(30))
    assert hear(judge, said(40, {"tilt": 3})) == []
    assert brief(hear(judge, said(50, {"tilt": 4}))) == [("cleared", "b1", 50)]


def test_a_profile_says_from_where_and_over_90_alarms_however_it_was_installed() -> None:
    profile = load_catalogue()["dingtek-dc410"]
    rules = {one.key: one for one in profile.rule_templates()}
    values = profile.parameter_values({"mount_height": 2500, "baseline": 85})
    assert rules["cover_tilted"].baseline == "baseline"
    assert rules["cover_tilted"].condition(values) == {
        "type": "threshold",
        "point": "tilt",
        "side": "above",
        "limit": 10,
        "clear": 8,
        "for_ms": 30_000,
        "around": 85,
    }
    assert "around" not in rules["cover_over"].condition(values)
    assert rules["cover_over"].condition(values)["limit"] == 90
