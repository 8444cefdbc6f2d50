"""Batteries: low, critical or unknown since; only a fresh good word makes them good again."""

from datetime import UTC, datetime, timedelta

import pytest

from firmware_profiles import load_catalogue
from server.devices.battery import OUTDATED, BatteryState, battery_of
from server.devices.freshness import Freshness
from server.timeseries.store import LatestValue

NOW = datetime(2026, 3, 1, 8, 0, tzinfo=UTC)
CATALOGUE = load_catalogue()
DOOR = CATALOGUE["aqara-mccgq11lm"]  # percent, low below 20
DAY = timedelta(days=1)


def state(
    value: float, *, age: timedelta = timedelta(hours=1), fresh: Freshness = Freshness.FRESH
) -> BatteryState:
    """The door contact's battery, told that long ago."""
    return battery_of(DOOR, [LatestValue("battery", NOW - age, value)], fresh, now=NOW).state


@pytest.mark.parametrize(
    ("value", "expected"),
    [(100, "good"), (20, "good"), (19, "low"), (11, "low"), (10, "critical"), (0, "critical")],
)
def test_by_the_profiles_limit(value: float, expected: str) -> None:
    assert state(value) == expected


def test_full_until_death_is_unknown_since_the_last_word() -> None:
    at = NOW - 14 * DAY
    view = battery_of(DOOR, [LatestValue("battery", at, 100.0)], Freshness.SILENT, now=NOW)
    assert (view.state, view.at, view.value, view.low) == (BatteryState.UNKNOWN, at, 100.0, False)


def test_a_device_that_dies_at_low_battery_stays_in_fault() -> None:
    assert state(15, age=30 * DAY, fresh=Freshness.SILENT) is BatteryState.CRITICAL


def test_a_device_that_speaks_and_tells_its_battery_no_more_is_unknown() -> None:
    assert state(90, age=OUTDATED - DAY) is BatteryState.GOOD
    assert state(90, age=OUTDATED + DAY) is BatteryState.UNKNOWN


def test_a_fresh_good_word_makes_it_good() -> None:
    assert state(15) is BatteryState.LOW
    assert state(90) is BatteryState.GOOD


def test_a_reason_for_a_missing_value_is_no_value_and_mains_needs_none() -> None:
    said = [LatestValue("battery", NOW, "error", is_status=True)]
    assert battery_of(DOOR, said, Freshness.FRESH, now=NOW).state is BatteryState.UNKNOWN
    mains = next(one for one in CATALOGUE.values() if one.battery and one.battery.kind == "mains")
    assert battery_of(mains, [], Freshness.SILENT, now=NOW).state is BatteryState.GOOD
    assert battery_of(None, [], Freshness.FRESH, now=NOW).state is BatteryState.UNKNOWN
