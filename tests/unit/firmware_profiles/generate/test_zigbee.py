"""Profiles out of Zigbee2MQTT definitions: points, polarity, events, rules, and hostile lists."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firmware_profiles import MessagePayload, Profile, decode
from firmware_profiles.generate import Draft, NotUsableError
from firmware_profiles.generate.zigbee import profile_of_definition

LINK = {"type": "numeric", "name": "linkquality", "property": "linkquality", "access": 1, "unit": "lqi"}


def definition(*exposes: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"vendor": "ACME", "model": "X-1", "description": "A thing", "exposes": [*exposes, LINK], **more}


def binary(name: str, on: object = True, off: object = False, **more: Any) -> dict[str, Any]:
    return {
        "type": "binary", "name": name, "property": name, "access": 1,
        "value_on": on, "value_off": off, **more,
    }  # fmt: skip


def enum(name: str, *values: str, **more: Any) -> dict[str, Any]:
    return {"type": "enum", "name": name, "property": name, "access": 1, "values": list(values), **more}


def numeric(name: str, unit: str | None = None, **more: Any) -> dict[str, Any]:
    return {"type": "numeric", "name": name, "property": name, "access": 1, "unit": unit, **more}


def made(*exposes: dict[str, Any], **more: Any) -> Profile:
    return profile_of_definition(definition(*exposes), **more).profile


def points(profile: Profile, message: dict[str, Any]) -> dict[str, Any]:
    (sample,) = decode(profile, MessagePayload(json.dumps(message).encode())).samples
    return dict(sample.points)


@pytest.mark.parametrize(
    ("expose", "message", "value"),
    [
        (binary("contact", on=False, off=True), {"contact": False}, {"cover_open": True}),
        (binary("contact", on=False, off=True), {"contact": True}, {"cover_open": False}),
        (binary("contact"), {"contact": True}, {"cover_open": False}),
        (binary("contact", on="OPEN", off="CLOSE"), {"contact": "OPEN"}, {"cover_open": True}),
        (binary("contact", on="closed", off="open"), {"contact": "open"}, {"cover_open": True}),
        (binary("water_leak"), {"water_leak": True}, {"leak": True}),
        (binary("gas", on="ON", off="OFF"), {"gas": "ON"}, {"gas": True}),
        (binary("tamper", on=1, off=0), {"tamper": 0}, {"tamper": False}),
    ],
)
def test_polarity(expose: dict[str, Any], message: dict[str, Any], value: dict[str, Any]) -> None:
    assert points(made(expose), message) == value


def test_only_an_action_is_an_event() -> None:
    profile = made(
        enum("action", "emergency", "single"), enum("action_left", "single"), enum("mode", "a", "b")
    )
    kinds = {name: point.kind for name, point in profile.points.items()}
    assert kinds == {"action": "event", "action_left": "event", "mode": "state", "linkquality": "measure"}


@pytest.mark.parametrize(
    ("exposes", "family", "rules"),
    [
        ([enum("action", "emergency", "other")], "button", {"sos": ["emergency"]}),
        ([enum("action", "off", "single", "hold")], "button", {"sos": ["single", "hold"]}),
        ([binary("sos")], "button", {"sos": [True]}),
        (
            [enum("action_left", "single"), enum("action_right", "single")],
            "button",
            {"sos": ["single"], "sos_action_right": ["single"]},
        ),
        (
            [enum("fall_status", "normal", "fall_warning", "fall_alarm")],
            "fall",
            {"fall": ["fall_alarm"], "fall_suspected": ["fall_warning"]},
        ),
        ([binary("presence")], "fall", {}),
        (
            [binary("contact", on=False, off=True), binary("tamper")],
            "well",
            {"cover_open": [True], "tamper": [True]},
        ),
        ([binary("smoke")], "well", {"fire": [True]}),
        (
            [enum("action", "vibration", "tilt", "drop"), binary("vibration")],
            "well",
            {"cover_open": ["tilt", "drop"]},
        ),
        ([numeric("temperature", "°C")], "temperature", {}),
    ],
)  # fmt: skip
def test_family_and_rules(exposes: list[dict[str, Any]], family: str, rules: dict[str, Any]) -> None:
    profile = made(*exposes)
    assert profile.family == family
    assert {key: list(getattr(rule.when, "values", ())) for key, rule in profile.rules.items()} == rules


def test_units_become_ucum_and_are_scaled() -> None:
    profile = made(
        numeric("temperature", "°F"), numeric("voltage", "mV"), numeric("battery", "%"), numeric("x", "A")
    )
    message = {"temperature": 98.6, "voltage": 2985, "battery": 91, "x": 0.25}
    assert points(profile, message) == {
        "temperature": 37, "battery_voltage": 2.985, "battery": 91, "x": 250,
    }  # fmt: skip
    units = {name: point.unit for name, point in profile.points.items()}
    assert units["temperature"] == "Cel"
    assert units["battery_voltage"] == "V"


def test_settings_and_texts_are_no_points_and_notes_say_so() -> None:
    draft = profile_of_definition(
        definition(
            binary("gas"),
            numeric("sensitivity", access=3),
            enum("identify", "identify", access=2),
            numeric("calibration", "°C", category="config"),
            {"type": "text", "name": "version", "property": "version", "access": 1},
            numeric("energy", "furlong"),
        )
    )
    assert set(draft.profile.points) == {"gas", "linkquality"}
    assert draft.notes == (
        "version: left out: text is no quantity",
        "energy: left out: the unit furlong is not known",
    )


def test_wrapped_and_nested_features() -> None:
    switch = {"type": "switch", "features": [binary("state", "ON", "OFF", access=7, property="state_l1")]}
    place = {
        "type": "composite", "name": "place", "property": "place", "access": 1,
        "features": [numeric("x", "cm"), numeric("y.z", "cm")],
    }  # fmt: skip
    profile = made(switch, place)
    message = {"state_l1": "ON", "place": {"x": 4, "y.z": 5}}
    assert points(profile, message) == {"state_l1": True, "place_x": 4, "place_y_z": 5}


@pytest.mark.parametrize(
    ("exposes", "mains", "kind", "silent"),
    [
        ([numeric("battery", "%")], None, "percent", 90_000_000),
        ([binary("battery_low")], None, "flag", 90_000_000),
        ([binary("gas")], None, "mains", 1_800_000),
        ([binary("gas")], False, "unknown", 90_000_000),
    ],
)
def test_battery_and_rhythm(
    exposes: list[dict[str, Any]], mains: bool | None, kind: str, silent: int
) -> None:
    profile = made(*exposes, mains=mains)
    assert profile.battery is not None
    assert profile.heartbeat is not None
    assert profile.battery.kind == kind
    assert profile.heartbeat.modes["normal"].silent_after == silent


@pytest.mark.parametrize(
    ("broken", "why"),
    [
        ({"vendor": "", "model": "X"}, "no vendor and model"),
        ({"vendor": "V", "model": "X", "exposes": []}, "exposes nothing"),
        ({"vendor": "V", "model": "X", "exposes": 7}, "exposes nothing"),
        ({"vendor": "阳光", "model": "井", "exposes": [LINK]}, "no id can be made"),
    ],
)
def test_what_cannot_be_used_says_why(broken: dict[str, Any], why: str) -> None:
    with pytest.raises(NotUsableError, match=why):
        profile_of_definition(broken)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)
ENTRY = st.fixed_dictionaries(
    {"type": st.sampled_from(["binary", "numeric", "enum", "text", "composite", "switch"]) | JSON},
    optional={
        "name": st.sampled_from(["contact", "action", "battery", "voltage", "status"]) | JSON,
        "property": st.sampled_from(["contact", "action", "battery", "voltage", "a.b"]) | JSON,
        "access": st.just(1) | JSON,
        "values": st.lists(st.text(max_size=5), max_size=4) | JSON,
        "value_on": JSON,
        "value_off": JSON,
        "value_min": JSON,
        "value_max": JSON,
        "unit": st.sampled_from(["%", "°F", "mV"]) | JSON,
        "features": JSON,
    },
)


@given(st.lists(ENTRY, max_size=4) | JSON, JSON)
def test_whatever_a_bridge_says_it_is_a_draft_or_a_reason(exposes: object, description: object) -> None:
    try:
        draft = profile_of_definition(
            {"vendor": "V", "model": "M", "description": description, "exposes": exposes}
        )
    except NotUsableError:
        return
    assert isinstance(draft, Draft)
