"""A well's level in metres, and the lines at which somebody is called."""

from server.web.charts.tracks import Limit
from server.web.wells.chart import in_metres
from server.wells.levels import LevelPoint

PREALARM = Limit(2.0, "预警水位")


def told(points: list[list[float]], limit: float) -> dict[str, object]:
    return {"name": "x", "unit": "mm", "points": points, "limits": [[limit, "水位过高"]], "values": []}


def test_a_level_is_told_in_metres_with_the_lines_of_both_rules() -> None:
    point = LevelPoint(position_id="p", well_id="w", family="well", point="water_level", millimetres=10.0)
    drawn = in_metres(told([[1, 30.0, 29.0, 31.5]], 100.0), point, PREALARM, name="水位")
    assert drawn["points"] == [[1, 0.3, 0.29, 0.315]]
    assert drawn["limits"] == [[1.0, "水位过高"], [2.0, "预警水位"]]
    assert (drawn["name"], drawn["unit"]) == ("水位", "m")


def test_a_distance_downwards_turns_over_and_its_rule_with_it() -> None:
    point = LevelPoint(
        position_id="p", well_id="w", family="well", point="distance", millimetres=1.0, from_mm=2500.0
    )
    drawn = in_metres(told([[1, 2200.0, 2100.0, 2250.0]], 500.0), point, None, name="水位")
    assert drawn["points"] == [[1, 0.3, 0.25, 0.4]]
    assert drawn["limits"] == [[2.0, "水位过高"]]
