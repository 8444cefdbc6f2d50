"""What counts as late and as silent."""

from datetime import UTC, datetime, timedelta

import pytest

from firmware_profiles import load_catalogue
from server.devices.freshness import SILENT_FLOOR, STALE_FLOOR, Freshness, freshness, rhythm, telling
from server.timeseries.store import LatestValue

NOW = datetime(2026, 3, 1, 8, 0, tzinfo=UTC)
CATALOGUE = load_catalogue()
EACH_SECOND = CATALOGUE["calex-pyrousb"]
EVERY_TEN_MINUTES = CATALOGUE["milesight-vs373"]


def _after(profile_id: str | None, seconds: float) -> Freshness:
    profile = CATALOGUE[profile_id] if profile_id else None
    return freshness(profile, NOW - timedelta(seconds=seconds), now=NOW)


@pytest.mark.parametrize(
    ("seconds", "expected"), [(3, "fresh"), (15, "fresh"), (15.1, "stale"), (120.1, "silent")]
)
def test_what_speaks_each_second_is_not_late_before_a_page_could_know(seconds: float, expected: str) -> None:
    assert rhythm(EACH_SECOND)[0] == timedelta(seconds=1)
    assert _after(EACH_SECOND.id, seconds) == expected


def test_a_short_silence_is_not_called_silence() -> None:
    hasty = EACH_SECOND.model_copy(
        update={
            "heartbeat": EACH_SECOND.heartbeat.model_copy(
                update={
                    "modes": {
                        name: mode.model_copy(update={"silent_after": 5_000})
                        for name, mode in EACH_SECOND.heartbeat.modes.items()
                    }
                }
            )
        }
        if EACH_SECOND.heartbeat
        else {}
    )
    assert rhythm(hasty)[1] == timedelta(seconds=5)
    assert freshness(hasty, NOW - SILENT_FLOOR, now=NOW) is Freshness.STALE
    assert freshness(hasty, NOW - SILENT_FLOOR - timedelta(seconds=1), now=NOW) is Freshness.SILENT
    assert freshness(hasty, NOW - STALE_FLOOR, now=NOW) is Freshness.FRESH


@pytest.mark.parametrize(
    ("minutes", "expected"), [(14.9, "fresh"), (15.1, "stale"), (34.9, "stale"), (35.1, "silent")]
)
def test_a_slow_device_is_judged_by_its_own_rhythm(minutes: float, expected: str) -> None:
    assert _after(EVERY_TEN_MINUTES.id, minutes * 60) == expected


def test_without_a_rhythm_or_without_data() -> None:
    assert _after(None, 80 * 60) is Freshness.FRESH
    assert _after(None, 91 * 60) is Freshness.STALE
    assert _after(None, 26 * 3600) is Freshness.SILENT
    assert freshness(EACH_SECOND, None, now=NOW) is Freshness.NEVER


def test_a_clock_that_runs_ahead_is_fresh() -> None:
    assert _after(EACH_SECOND.id, -30) is Freshness.FRESH


def test_a_wet_well_is_late_sooner_than_a_dry_one() -> None:
    profile = CATALOGUE["mclimate-flood-sensor"]
    assert profile.heartbeat is not None
    last_at = NOW - timedelta(minutes=30)
    assert freshness(profile, last_at, now=NOW) == "fresh"
    assert freshness(profile, last_at, now=NOW, state=0.0) == "fresh"
    assert freshness(profile, last_at, now=NOW, state=1.0) == "silent"
    wet = LatestValue("leak", last_at, 1.0, is_status=False)
    assert telling(profile, [wet]) == 1.0
    assert telling(profile, [LatestValue("leak", last_at, "error", is_status=True)]) is None
