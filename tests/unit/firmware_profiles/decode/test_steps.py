"""From raw value to value: each step alone, and their order."""

import json
from typing import Any

import pytest

from firmware_profiles import ProfileErrors, Sample
from tests.unit.firmware_profiles.making import made, measure, message, state


def read(field: dict[str, Any], point: dict[str, Any], body: bytes, **parameters: float) -> Sample:
    names = {"height", "low", "high"}
    profile = made(
        {"kind": "json", "fields": {"_code": {"path": "code"}, "x": {"path": "x", **field}}},
        {"x": point},
        parameters={name: {"name": {"zh": "参", "en": "p"}, "unit": "mm"} for name in names},
    )
    return message(profile, body, None, **parameters)


@pytest.mark.parametrize(
    ("field", "raw", "value"),
    [
        ({}, b"7", 7),
        ({}, b'"7.5"', 7.5),
        ({"scale": 0.1}, b"367", 36.7),
        ({"scale": 0.1, "offset": -40}, b"600", 20),
        ({"scale": [2, 5]}, b"3", 30),
        ({"strip": "mm"}, b'"1700 mm"', 1700),
        ({"strip": ["%", "(low battery)", "V"]}, b'"2.4(low battery)"', 2.4),
        ({"bits": "7:4"}, b"165", 10),
        ({"bits": 0}, b"165", 1),
        ({"bits": "7:4", "sentinels": {"15": "error"}, "scale": 2}, b"165", 20),
        ({"span": {"raw": [4, 20], "value": [0, 160]}}, b"12", 80),
        ({"enum": {"0x10": 5, "1": 6}}, b"16", 5),
        ({"enum": {"1": 6}, "otherwise": 9}, b"2", 9),
        ({"scale": {"field": "_code", "values": {"1": 10, "2": 100}}}, b"7", 700),
        ({"scale": {"field": "_code"}}, b"7", 14),
        ({"offset": {"parameter": "height"}}, b"7", 2507),
        ({"below": {"parameter": "height"}}, b"700", 1800),
        ({"below": {"parameter": "height", "times": 2}}, b"700", 4300),
        ({"span": {"raw": [0, 10], "value": [{"parameter": "low"}, {"parameter": "high"}]}}, b"5", 3),
    ],
)
def test_a_number_comes_out(field: dict[str, Any], raw: bytes, value: float) -> None:
    sample = read(field, measure(), b'{"x": %s, "code": 2}' % raw, height=2500, low=1, high=5)
    assert dict(sample.points) == {"x": value}
    assert not sample.status


@pytest.mark.parametrize(
    ("field", "raw", "status"),
    [
        ({"sentinels": {"0xFFFF": "error", "0xFFFE": "polarizing"}}, b"65535", "error"),
        ({"sentinels": {"0xFFFF": "error", "0xFFFE": "polarizing"}}, b"65534.0", "polarizing"),
        ({"enum": {"1": 6}}, b"2", "unlisted 2"),
        ({"enum": {"1": 6}}, b'"\\u0007two"', "unlisted two"),
        ({"one_hot": {}}, b'"NaN"', "unreadable"),
        ({}, b'"inf"', "unreadable"),
        ({}, b'"1_000"', "unreadable"),
        ({}, b'"12 mm"', "unreadable"),
        ({}, b"true", "unreadable"),
        ({}, b"[1]", "unreadable"),
        ({}, b"1e300", "unreadable"),
        ({"bits": 1}, b"1.5", "unreadable"),
        ({"scale": {"field": "_code", "values": {"1": 10}}}, b"7", "unlisted code 2"),
        ({"below": {"parameter": "height"}}, b"7", "unset"),
    ],
)
def test_no_number_where_there_is_none(field: dict[str, Any], raw: bytes, status: str) -> None:
    sample = read(field, measure(), b'{"x": %s, "code": 2}' % raw)
    assert not sample.points
    assert dict(sample.status) == {"x": status}


def test_a_zero_of_another_type_is_not_absent() -> None:
    assert dict(read({"absent": [0]}, measure(), b'{"x": 0, "code": 1}').points) == {}
    assert dict(read({"absent": [0]}, state("true", "false"), b'{"x": false, "code": 1}').points) == {
        "x": False
    }


@pytest.mark.parametrize(
    ("field", "raw", "value"),
    [
        ({}, b"true", True),
        ({}, b"1", True),
        ({}, b"0", False),
        ({"invert": True}, b"true", False),
        ({"invert": True}, b"0", True),
        ({"enum": {"ON": True, "OFF": False}}, b'"ON"', True),
        ({"enum": {"false": True, "true": False}}, b"false", True),
    ],
)
def test_a_boolean_comes_out(field: dict[str, Any], raw: bytes, value: bool) -> None:
    assert read(field, state("true", "false"), b'{"x": %s, "code": 1}' % raw).points["x"] is value


@pytest.mark.parametrize("raw", [b'"true"', b"2", b"1.0", b'"open"'])
def test_what_is_no_boolean_does_not_become_one(raw: bytes) -> None:
    sample = read({}, state("true", "false"), b'{"x": %s, "code": 1}' % raw)
    assert "x" not in sample.points
    assert sample.status["x"].startswith("unlisted")


def test_one_hot() -> None:
    field = {"one_hot": {"0": "ppm", "3": "lel"}}
    point = state("ppm", "lel")
    assert read(field, point, b'{"x": 8, "code": 1}').points["x"] == "lel"
    for none in (b"0", b"9", b"2", b"-1"):
        assert read(field, point, b'{"x": %s, "code": 1}' % none).status["x"].startswith("unlisted")


def test_a_value_outside_its_range_is_kept_and_marked() -> None:
    sample = read({}, measure(low=0, high=100), b'{"x": 101, "code": 1}')
    assert sample.points == {"x": 101}
    assert sample.bad == {"x"}


def test_text_of_a_device_is_cleaned_and_cut() -> None:
    point = {"name": {"zh": "文", "en": "text"}, "kind": "state"}
    sample = read({}, point, b'{"x": "a\\u001b[31m' + b"b" * 500 + b'", "code": 1}')
    assert sample.points["x"] == "a[31m" + "b" * 58


@pytest.mark.parametrize(
    ("limit", "truths"),
    [
        ({"above": 5}, {4: False, 5: False, 5.1: True}),
        ({"below": 5}, {4: True, 5: False, 5.1: False}),
        ({"at_least": 5}, {4: False, 5: True, 5.1: True}),
        ({"at_most": 5}, {4: True, 5: True, 5.1: False}),
    ],
)
def test_a_comparison_is_true_beyond_its_limit(limit: dict[str, float], truths: dict[float, bool]) -> None:
    derive = {"high": {"kind": "compare", "from": "_level", **limit}}
    profile = made(
        {"kind": "json", "fields": {"_level": {"path": "level"}}, "derive": derive},
        {"high": state("true", "false")},
    )
    for raw, expected in truths.items():
        for written in (raw, str(raw)):
            sample = message(profile, json.dumps({"level": written}).encode())
            assert sample.points == {"high": expected}
    assert message(profile, b'{"level": "wet"}').status == {"high": "unreadable"}
    assert message(profile, b'{"level": true}').status == {"high": "unreadable"}


def test_a_comparison_has_one_limit() -> None:
    for limits in ({}, {"above": 1, "below": 2}):
        with pytest.raises(ProfileErrors, match="one of above, below, at_least, at_most"):
            made(
                {
                    "kind": "json",
                    "fields": {"_level": {"path": "level"}},
                    "derive": {"high": {"kind": "compare", "from": "_level", **limits}},
                },
                {"high": state("true", "false")},
            )


def test_a_version_is_the_row_of_its_numbers() -> None:
    profile = made(
        {
            "kind": "fixed",
            "frames": {
                "one": {
                    "match": {"length": 5},
                    "fields": {
                        "firmware": {"at": 0, "type": "version", "length": 3},
                        "hardware": {"at": 3, "type": "version_hex", "length": 2},
                    },
                }
            },
        },
        {"firmware": state(), "hardware": state()},
    )
    assert message(profile, "03 00 0A 01 10").points == {"firmware": "3.0.10", "hardware": "1.10"}
