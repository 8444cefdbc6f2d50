"""Readings that could not be carried are made fit; all others pass untouched."""

import math

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from edge.readings import Value
from gateway.core.clean import LONGEST_TEXT, clean_reading
from tests.unit.gateway.rules.scenes import said


def test_a_good_reading_is_the_same_object() -> None:
    reading = said(0, {"level": 1.5, "open": True, "mode": "dry", "count": 3}, key="k")
    assert clean_reading(reading) is reading


def test_a_number_that_is_none_becomes_a_status() -> None:
    cleaned = clean_reading(said(0, {"level": math.nan, "other": math.inf, "long": 10**400, "good": 1}))
    assert cleaned.points == {"good": 1}
    assert cleaned.status == dict.fromkeys(("level", "other", "long"), "not_a_number")


def test_what_fills_a_text_up_is_cut_off() -> None:
    cleaned = clean_reading(said(0, {"firmware": "1.2\0\0\0", "mode": "a\0b"}, key="k\0"))
    assert (cleaned.points, cleaned.key) == ({"firmware": "1.2", "mode": "a\ufffdb"}, "k")


def test_huge_and_broken_values_are_cut() -> None:
    cleaned = clean_reading(said(0, {"a": 2**70, "b": "x" * 9_999, "c": "\ud800"}, key="\ud800"))
    assert cleaned.points == {"a": float(2**70), "b": "x" * LONGEST_TEXT, "c": "?"}
    assert cleaned.key == "?"


@given(st.dictionaries(st.text("abc", min_size=1), st.floats() | st.integers() | st.booleans() | st.text()))
def test_whatever_it_holds_it_can_be_encoded_and_read_back(points: dict[str, Value]) -> None:
    cleaned = clean_reading(said(0, points))
    assert msgspec.json.decode(msgspec.json.encode(dict(cleaned.points))).keys() == cleaned.points.keys()
