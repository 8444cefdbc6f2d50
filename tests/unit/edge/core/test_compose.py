"""Samples into readings."""

from typing import Any

import pytest

from edge.core.compose import Origin, compose
from edge.readings import Quality, TimeSource
from firmware_profiles import Sample, read_profile
from firmware_profiles.load import MODELS

NOW_MS = 1_780_000_000_000
BUTTON, _ = read_profile(MODELS / "button" / "tuya-ts0215a-sos.yaml")


def origin(**fields: Any) -> Origin:
    assert BUTTON is not None
    return Origin(device="d", position="p", profile=BUTTON, received_ms=NOW_MS, digest="00ff", **fields)


@pytest.mark.parametrize(
    ("fields", "sample_key", "key"),
    [
        ({"own_key": "uplink"}, None, "nuplink"),
        ({"own_key": "uplink", "delivery_key": "m1"}, "counter=5", "nuplink"),
        ({"delivery_key": "m1"}, "counter=5", "pcounter=5:00ff"),
        ({"delivery_key": "m1"}, None, "m1"),
        ({}, None, None),
        ({"time_ms": NOW_MS - 1}, None, None),  # a device's time is no key: its clock may stand still
    ],
)
def test_the_first_name_that_a_message_has_is_its_key(
    fields: dict[str, Any], sample_key: str | None, key: str | None
) -> None:
    (reading,) = compose(origin(**fields), (Sample({"action": "emergency"}, key=sample_key),)).readings
    assert reading.key == key


def test_several_samples_of_one_message_stay_several() -> None:
    samples = (Sample({"action": "emergency"}), Sample({"action": "emergency"}), Sample({"battery": 3}))
    readings = compose(origin(delivery_key="m1"), samples).readings
    assert [reading.key for reading in readings] == ["m1", "m1#1", "m1#2"]


def test_a_point_out_of_range_does_not_drag_down_a_press() -> None:
    sample = Sample({"action": "emergency", "battery": 300}, bad=frozenset({"battery"}))
    good, bad = compose(origin(delivery_key="m1"), (sample,)).readings
    assert (good.quality, dict(good.points)) == (Quality.GOOD, {"action": "emergency"})
    assert (bad.quality, dict(bad.points)) == (Quality.BAD, {"battery": 300})
    assert good.key != bad.key


def test_a_sample_that_is_bad_altogether_is_one_bad_reading() -> None:
    (reading,) = compose(origin(), (Sample({"battery": 300}, bad=frozenset({"battery"})),)).readings
    assert reading.quality is Quality.BAD


def test_a_sample_without_points_is_a_sign_of_life() -> None:
    (reading,) = compose(origin(), (Sample({}),)).readings
    assert (reading.quality, dict(reading.points)) == (Quality.GOOD, {})


def test_a_status_is_told_without_a_number() -> None:
    (reading,) = compose(origin(), (Sample({}, status={"battery": "error"}),)).readings
    assert (dict(reading.points), dict(reading.status)) == ({}, {"battery": "error"})


def test_a_retained_message_has_old_states_and_no_events() -> None:
    sample = Sample({"action": "emergency", "battery": 50})
    composed = compose(origin(retained=True, delivery_key="m1"), (sample,))
    (reading,) = composed.readings
    assert (reading.quality, dict(reading.points)) == (Quality.STALE, {"battery": 50})
    assert composed.retained_events == 1


def test_a_retained_event_alone_is_nothing_not_even_a_sign_of_life() -> None:
    assert compose(origin(retained=True), (Sample({"action": "emergency"}),)).readings == ()
    assert compose(origin(retained=True), (Sample({}),)).readings == ()


def test_the_samples_own_time_comes_before_the_envelopes() -> None:
    samples = (Sample({"battery": 1}, time_ms=NOW_MS - 60_000), Sample({"battery": 2}))
    first, second = compose(origin(time_ms=NOW_MS - 1_000), samples).readings
    assert (first.time_ms, second.time_ms) == (NOW_MS - 60_000, NOW_MS - 1_000)
    assert first.time_source is second.time_source is TimeSource.DEVICE


def test_an_implausible_time_is_named_and_the_reading_kept() -> None:
    composed = compose(origin(time_ms=0), (Sample({"action": "emergency"}),))
    assert composed.readings[0].time_ms == NOW_MS
    assert composed.readings[0].time_source is TimeSource.GATEWAY
    assert len(composed.time_problems) == 1


def test_radio_values_fill_points_that_the_profile_has_and_no_others() -> None:
    signal = {"linkquality": 7.0, "rssi": -90.0}
    (reading,) = compose(origin(signal=signal), (Sample({"battery": 50}),)).readings
    assert reading.points == {"battery": 50, "linkquality": 7.0}
    (told,) = compose(origin(signal=signal), (Sample({"linkquality": 99}),)).readings
    assert told.points == {"linkquality": 99}
