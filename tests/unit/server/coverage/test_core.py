"""Whether a home is protected, why not, and since when."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.coverage.core import BACKLOG, Cause, Gap, Place, Rules, Work, both, gaps, step, unheard, union
from server.devices.battery import BatteryState
from server.devices.helping import Help

NOW = datetime(2026, 3, 1, 8, 0, tzinfo=UTC)
RULES = Rules()
DAY = timedelta(days=1)
HOUR = timedelta(hours=1)


def place(**changed: Any) -> Place:
    """A button that is well: tested, heard ten minutes ago."""
    values: dict[str, Any] = {
        "resident_id": "r1",
        "position_id": "bed",
        "created_at": NOW - 100 * DAY,
        "helps": frozenset({Help.BUTTON}),
        "device_id": "d1",
        "attached_at": NOW - 90 * DAY,
        "gateway_id": "gw",
        "heard_to": NOW,
        "last_at": NOW - timedelta(minutes=10),
        "silent_after": timedelta(hours=25),
        "battery": BatteryState.GOOD,
        "signed_at": NOW - 20 * DAY,
        "due_at": NOW + 10 * DAY,
    }
    return Place(**{**values, **changed})


def found(*places: Place, rules: Rules = RULES) -> list[tuple[str, str, datetime]]:
    """Cause, thing and beginning of each gap."""
    return [(gap.cause, gap.thing_id, gap.since) for gap in gaps("r1", places, rules, now=NOW)]


def test_without_a_sensor_it_counts_from_when_they_were_written_down() -> None:
    def since(*places: Place, **known: Any) -> datetime:
        (gap,) = gaps("r1", places, RULES, now=NOW, **known)
        return gap.since

    door = place(helps=frozenset(), created_at=NOW - 3 * DAY)
    assert since() == NOW
    assert since(created_at=NOW - 9 * DAY) == NOW - 9 * DAY
    assert since(door) == NOW - 3 * DAY
    assert since(door, created_at=NOW - 9 * DAY) == NOW - 9 * DAY
    assert since(created_at=NOW - 9 * DAY, judged_to=NOW - DAY) == NOW - DAY
    assert since(created_at=NOW - HOUR, judged_to=NOW - DAY) == NOW - HOUR


def test_a_sensor_that_is_well_protects() -> None:
    assert found(place()) == []


CASES: dict[str, tuple[dict[str, Any], list[tuple[str, str, datetime]]]] = {
    "the gateway is away: since its last word, and nothing is called silent behind it": (
        {"gateway_away_since": NOW - 2 * HOUR, "last_at": NOW - 40 * HOUR},
        [("gateway", "gw", NOW - 2 * HOUR)],
    ),
    "the gateway cannot hear it": ({"driver_away_since": NOW - HOUR}, [("driver", "gw", NOW - HOUR)]),
    "silent since its last word, not since the limit": (
        {"last_at": NOW - 26 * HOUR},
        [("silent", "bed", NOW - 26 * HOUR)],
    ),
    "not silent just before its limit": ({"last_at": NOW - 25 * HOUR}, []),
    "never heard: since it hangs there": (
        {"last_at": None, "attached_at": NOW - 26 * HOUR, "signed_at": NOW - HOUR},
        [("silent", "bed", NOW - 26 * HOUR)],
    ),
    "just put up, not yet heard": ({"last_at": None, "attached_at": NOW - HOUR, "signed_at": NOW}, []),
    "the gateway says that it is silent": (
        {"silence_said_at": NOW - HOUR, "last_at": NOW - 3 * HOUR},
        [("silent", "bed", NOW - 3 * HOUR)],
    ),
    "the gateway says so, and no reading is known: the limit before it was said": (
        {"silence_said_at": NOW - HOUR, "last_at": None},
        [("silent", "bed", NOW - 26 * HOUR)],
    ),
    "heard again after the gateway had said so": ({"silence_said_at": NOW - HOUR}, []),
    "a low battery since its first low word": (
        {"battery": BatteryState.LOW, "battery_at": NOW - 5 * HOUR},
        [("battery", "bed", NOW - 5 * HOUR)],
    ),
    "a battery of which nothing is known": ({"battery": BatteryState.UNKNOWN}, []),
    "never tested: from the day it was put up": (
        {"signed_at": None, "due_at": None},
        [("untested", "bed", NOW - 90 * DAY)],
    ),
    "a re-test within its grace": ({"due_at": NOW - 13 * DAY}, []),
    "a re-test past its grace": ({"due_at": NOW - 15 * DAY}, [("retest", "bed", NOW - DAY)]),
    "taken away": (
        {"device_id": None, "removed_at": NOW - DAY},
        [("removed", "bed", NOW - DAY)],
    ),
    "a place that waits for its first sensor, and nothing else": (
        {"device_id": None, "helps": frozenset()},
        [("none", "r1", NOW - 100 * DAY)],
    ),
    "two causes at once": (
        {"gateway_away_since": NOW - HOUR, "signed_at": None},
        [("gateway", "gw", NOW - HOUR), ("untested", "bed", NOW - 90 * DAY)],
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_each_cause(name: str) -> None:
    changed, expected = CASES[name]
    assert found(place(**changed)) == expected


def test_nobody_with_nothing_counts_as_protected() -> None:
    assert found() == [("none", "r1", NOW)]
    thermometer = place(helps=frozenset())
    assert found(thermometer) == [("none", "r1", NOW - 100 * DAY)]


def test_a_sensor_that_moved_within_the_home_is_not_missed_where_it_was() -> None:
    left = place(position_id="old", device_id=None, removed_at=NOW - DAY)
    assert found(left, place()) == []
    assert found(left, place(helps=frozenset({Help.FALL}))) == [("removed", "old", NOW - DAY)]


def test_daily_life_is_not_watched_only_where_no_sensor_that_tells_of_it_is_heard() -> None:
    """One of two is enough; a cause that is told of already is not told twice."""
    silent = {"last_at": NOW - 26 * HOUR, "tells": True, "helps": frozenset()}
    room = place(position_id="room", **silent)
    works = place(position_id="hall", tells=True, helps=frozenset())
    assert found(place(), room, works) == []
    assert [one.position_id for one in unheard([room, works], now=NOW)] == ["room"]
    late = place(position_id="late", **{**silent, "last_at": NOW - 25.5 * HOUR})
    assert found(place(), room, late) == [("rhythm", "r1", NOW - 25.5 * HOUR)]
    assert found(place(), place(position_id="fall", tells=True, last_at=NOW - 26 * HOUR)) == [
        ("silent", "fall", NOW - 26 * HOUR)
    ]
    away = {"gateway_away_since": NOW - HOUR}
    assert found(place(**away), place(position_id="room", tells=True, helps=frozenset(), **away)) == [
        ("gateway", "gw", NOW - HOUR)
    ]


def test_work_at_the_home_or_at_its_protecting_sensor_is_a_gap() -> None:
    def causes(*works: Work) -> list[tuple[str, str, datetime]]:
        comfort = place(position_id="room", helps=frozenset())
        found = gaps("r1", [place(), comfort], RULES, now=NOW, works=works)
        return [(gap.cause, gap.thing_id, gap.since) for gap in found]

    assert causes(Work(window_id=7, since=NOW - HOUR)) == [("work", "7", NOW - HOUR)]
    assert causes(Work(window_id=8, since=NOW - HOUR, position_id="bed")) == [("work", "8", NOW - HOUR)]
    assert causes(Work(window_id=9, since=NOW - HOUR, position_id="room")) == []


def test_one_gateway_is_one_cause_for_all_its_sensors() -> None:
    away = NOW - HOUR
    both_there = (place(gateway_away_since=away), place(position_id="bath", gateway_away_since=away))
    assert found(*both_there) == [("gateway", "gw", away)]


def test_what_a_gateway_still_has_to_hand_over_is_not_silence_but_not_for_ever() -> None:
    late = {"last_at": NOW - timedelta(minutes=70), "silent_after": HOUR}
    assert found(place(**late, heard_to=NOW - timedelta(minutes=65))) == []
    stuck = place(last_at=NOW - BACKLOG - 2 * HOUR, silent_after=HOUR, heard_to=NOW - 9 * HOUR)
    assert found(stuck) == [("silent", "bed", NOW - BACKLOG - 2 * HOUR)]


def test_policy_decides_what_a_low_battery_means() -> None:
    relaxed = Rules(battery_low_counts=False)
    low, empty = (
        place(battery=state, battery_at=NOW - HOUR) for state in (BatteryState.LOW, BatteryState.CRITICAL)
    )
    assert found(low, rules=relaxed) == []
    assert found(empty, rules=relaxed) == [("battery", "bed", NOW - HOUR)]


def test_a_step_opens_what_is_new_ends_what_is_over_and_leaves_what_was_not_looked_at() -> None:
    gap = Gap("r1", Cause.GATEWAY, "gateway", "gw", NOW)
    known = {("r1", "silent", "bed"): 7, ("r1", "untested", "bed"): 8}
    whole = step(known, [gap])
    assert (whole.begin, set(whole.end)) == ((gap,), {7, 8})
    assert step(known, [gap], judged=[Cause.UNTESTED]).end == (8,)
    assert step({gap.key: 9}, [gap]) == step({}, [])


MINUTES = st.integers(0, 300).map(lambda n: NOW + timedelta(minutes=n))
SPANS = st.lists(st.tuples(MINUTES, MINUTES), max_size=8)


@given(SPANS)
def test_a_union_covers_each_minute_once(spans: list[tuple[datetime, datetime]]) -> None:
    minutes = {n for since, until in spans for n in range(300) if since <= NOW + timedelta(minutes=n) < until}
    merged = union(spans)
    assert sum((until - since for since, until in merged), timedelta(0)) == timedelta(minutes=len(minutes))
    assert all(one[1] < two[0] for one, two in pairwise(merged))


@given(SPANS, SPANS)
def test_what_both_cover(one: list[tuple[datetime, datetime]], two: list[tuple[datetime, datetime]]) -> None:
    def held(spans: list[tuple[datetime, datetime]], n: int) -> bool:
        return any(since <= NOW + timedelta(minutes=n) < until for since, until in spans)

    assert both(one, two) == timedelta(minutes=sum(held(one, n) and held(two, n) for n in range(300)))
