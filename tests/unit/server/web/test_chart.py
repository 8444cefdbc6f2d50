"""What a task's chart is made of."""

from firmware_profiles import load_catalogue
from server.web.tasks.chart import CANDIDATES, beginning, candidates

CATALOGUE = load_catalogue()


def test_the_picture_begins_with_the_readings_but_not_at_the_event() -> None:
    assert (
        beginning([{"points": [[400, 1, 1, 1]]}, {"points": [[300, 900, 0]]}, {"points": []}], 1_000) == 300
    )
    assert beginning([{"points": [[4_000, 1, 1, 1]]}], 1_000) == 1_000
    assert beginning([], 1_000) == 1_000


def test_own_points_come_first_and_the_devices_keep_only_where_it_is_the_alarm() -> None:
    parameters: dict[str, float] = {}
    attached = [(CATALOGUE["dingtek-dc410"], "w", "井内", parameters)]
    tracks = candidates(attached, [("w", "water_level")], ["water_high"], "zh")
    assert tracks[0].point == "water_level"
    assert len(tracks) <= CANDIDATES + 1
    assert not any(track.is_housekeeping or track.place for track in tracks)
    button = [(CATALOGUE["tuya-ts0215a-sos"], "b", "床头", parameters)]
    battery = candidates(button, [("b", "battery")], ["battery_low"], "zh")
    assert battery[0].point == "battery"
    assert battery[0].limits


def test_where_there_are_several_positions_they_are_named() -> None:
    tracks = candidates(
        [(CATALOGUE["tuya-ts0215a-sos"], "a", "床头", {}), (CATALOGUE["milesight-vs373"], "b", "卫生间", {})],
        [("b", "fall"), ("a", "action")],
        ["fall", "sos"],
        "zh",
    )
    assert {(track.place, track.point) for track in tracks[:2]} == {("床头", "action"), ("卫生间", "fall")}
