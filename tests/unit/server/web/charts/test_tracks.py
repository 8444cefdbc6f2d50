"""Which tracks a device has, and which are worth showing."""

from typing import Any

import pytest

from firmware_profiles import load_catalogue
from server.web.charts.tracks import AT_ONCE, Limit, Track, moves, stands_still, telling, tracks_of

CATALOGUE = load_catalogue()


def _drawn(
    name: str, *points: list[float], picture: str = "line", position: str = "p"
) -> tuple[Track, dict[str, Any]]:
    track = Track(family="well", position=position, point=name, picture=picture, name=name)  # type: ignore[arg-type]  # as in the table
    return track, {"picture": picture, "points": list(points)}


def _line(name: str, *values: float, position: str = "p") -> tuple[Track, dict[str, Any]]:
    return _drawn(name, *([n, value, value, value] for n, value in enumerate(values)), position=position)


def _named(drawn: list[tuple[Track, dict[str, Any]]], *own: tuple[str, str]) -> list[str]:
    return [drawn[n][0].point for n in telling(drawn, own)]


def test_a_setting_is_never_drawn() -> None:
    drawn = [_line("alarm_time", 5, 5, 5), _drawn("mode", [0, 9, 0], picture="bands")]
    assert _named(drawn) == []
    assert _named(drawn, ("p", "gone")) == []


def test_the_alarms_own_point_comes_first_even_where_it_stands_still() -> None:
    drawn = [_line("level", 1, 2), _line("tilt", 3, 4), _line("gas", 0)]
    assert _named(drawn, ("p", "gas")) == ["gas", "level", "tilt"]


def test_an_own_point_without_readings_leaves_the_place_to_others() -> None:
    assert _named([_line("gas"), _line("level", 1, 2)], ("p", "gas")) == ["level"]


def test_two_alarms_show_both_in_their_order_and_then_what_moves_at_the_first_ones_position() -> None:
    drawn = [
        _line("temperature", 1, 2, position="q"),
        _line("fall", 1, position="q"),
        _line("speed", 1, 2),
        _line("press", 1),
    ]
    assert _named(drawn, ("p", "press"), ("q", "fall")) == ["press", "fall", "speed"]


def test_one_picture_holds_few_tracks() -> None:
    assert len(telling([_line(str(n), 0, 1) for n in range(6)], [])) == AT_ONCE


@pytest.mark.parametrize(
    ("picture", "points", "expected"),
    [
        ("line", [], False),
        ("line", [[0, 5, 5, 5]], False),
        ("line", [[0, 5, 4, 6]], True),
        ("line", [[0, 300, 299, 301]], False),
        ("line", [[0, 0, 0, 0.01]], True),
        ("line", [[0, -20, -21, -19]], True),
        ("bands", [[0, 9, 0]], False),
        ("bands", [[0, 4, 0], [4, 9, 1]], True),
        ("marks", [], False),
        ("marks", [[3, 0]], True),
    ],
)
def test_what_moves(picture: str, points: list[list[float]], expected: bool) -> None:
    assert moves({"picture": picture, "points": points}) is expected


def test_only_several_same_readings_of_a_line_stand_still() -> None:
    same = [[n, 5, 5, 5] for n in range(2)]
    assert stands_still({"picture": "line", "points": same})
    assert not stands_still({"picture": "line", "points": same[:1]})
    assert not stands_still({"picture": "line", "points": [*same, [2, 5, 5, 5.1]]})
    assert not stands_still({"picture": "bands", "points": [[0, 9, 0], [9, 12, 0]]})


def _track(profile: str, point: str, language: str = "zh", **more: Any) -> Track:
    tracks = tracks_of(CATALOGUE[profile], "p", language, **more)
    return next(track for track in tracks if track.point == point)


def test_a_state_has_the_profiles_words_and_the_colour_of_its_rule() -> None:
    posture = _track("owon-fds315", "posture")
    assert (posture.picture, posture.name) == ("bands", CATALOGUE["owon-fds315"].points["posture"].name.zh)
    assert posture.words["falling"] == "跌倒"
    assert posture.tones["falling"] == "critical"
    assert posture.tones["unoccupied"] == "calm-0"
    assert len({posture.tones[value] for value in ("unoccupied", "occupied", "sitting", "on_the_bed")}) == 4


def test_an_event_is_marked_in_the_colour_of_its_rule() -> None:
    fall = _track("milesight-vs373", "fall", "en")
    assert (fall.picture, fall.tones["triggered"]) == ("marks", "critical")
    assert fall.tones["deactivated"].startswith("calm")
    assert fall.words == {"triggered": "triggered", "deactivated": "deactivated", "ignored": "ignored"}


def test_a_truth_value_is_named_even_where_the_profile_is_silent() -> None:
    cover = _track("dingtek-dc410", "cover_open")
    assert cover.truth
    assert set(cover.words) == {"true", "false"}
    assert cover.tones["true"] in {"critical", "major", "minor", "warning"}
    assert cover.tones["false"] == "calm-0"


def test_a_limit_is_that_of_the_rule_with_the_units_own_parameters() -> None:
    profile = CATALOGUE["browan-tbhh100"]
    assert len(_track("browan-tbhh100", "temperature").limits) == 2
    (limit,) = _track("browan-tbhh100", "temperature", rules=["too_hot"]).limits
    rule = next(rule for rule in profile.rule_templates() if rule.key == "too_hot")
    assert limit == Limit(rule.condition()["limit"], rule.name.zh)
    assert _track("browan-tbhh100", "temperature", rules=["silent"]).limits == ()


def test_every_profile_has_a_track_for_each_point_its_own_keep_last() -> None:
    for profile in CATALOGUE.values():
        for language in ("zh", "en"):
            tracks = tracks_of(profile, "p", language)
            assert {track.point for track in tracks} == set(profile.points)
            keep = [track.is_housekeeping for track in tracks]
            assert keep == sorted(keep)
            assert all(set(track.words) <= set(track.tones) for track in tracks)


def test_a_limit_that_needs_a_parameter_nobody_gave_is_none() -> None:
    profile = next(p for p in CATALOGUE.values() if "water_high" in p.rules and p.required_parameters)
    rule = next(rule for rule in profile.rule_templates() if rule.key == "water_high")
    without = _track(profile.id, rule.point or "", rules=["water_high"])
    given = dict.fromkeys(profile.required_parameters, 2_000.0)
    (limit,) = _track(profile.id, rule.point or "", rules=["water_high"], parameters=given).limits
    assert limit.value == rule.condition(profile.parameter_values(given))["limit"]
    assert without.limits in ((), (limit,))
