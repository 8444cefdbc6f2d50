"""Zigbee2MQTT's device list: who is found, under which profile, and what a change of name changes."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge.core.found import MOST_DEVICES, FoundDevice
from edge.core.zigbee2mqtt import Bridge, Reachable, read_online
from firmware_profiles import MessagePayload, Profile, decode, parse_profile, run_examples

BASE = "home/zigbee"
ADDRESS = "0x00158d0001020304"

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=12),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)


def nothing(_vendor: str, _model: str) -> tuple[Profile, ...]:
    return ()


def binary(name: str, on: Any = True, off: Any = False, **more: Any) -> dict[str, Any]:
    return {**numeric(name, ""), "type": "binary", "value_on": on, "value_off": off, **more}


def numeric(name: str, unit: str, **more: Any) -> dict[str, Any]:
    return {"type": "numeric", "name": name, "property": name, "access": 1, "unit": unit, **more}


def enum(name: str, *values: str, **more: Any) -> dict[str, Any]:
    return {"type": "enum", "name": name, "property": name, "access": 1, "values": list(values), **more}


def entry(
    name: str, *exposes: dict[str, Any], vendor: str = "Acme", model: str = "One", **more: Any
) -> dict[str, Any]:
    return {
        "ieee_address": ADDRESS,
        "type": "EndDevice",
        "friendly_name": name,
        "supported": True,
        "disabled": False,
        "interview_state": "SUCCESSFUL",
        "power_source": "Battery",
        "software_build_id": "1.0.3",
        "definition": {"vendor": vendor, "model": model, "description": "", "exposes": list(exposes)},
        **more,
    }


def bridge(*entries: dict[str, Any], find: Callable[[str, str], tuple[Profile, ...]] = nothing) -> Bridge:
    made = Bridge(BASE, find)
    made.heard(f"{BASE}/bridge/devices", json.dumps(entries).encode())
    return made


def profile_of(device: FoundDevice) -> Profile:
    assert device.document is not None, device.reason
    profile = parse_profile(device.document)
    assert run_examples(profile) == ()
    assert profile.id == device.profile
    return profile


def values(profile: Profile, **message: Any) -> dict[str, Any]:
    (sample,) = decode(profile, MessagePayload(json.dumps(message).encode())).samples
    return dict(sample.points)


def test_a_device_is_found_with_its_hardware_its_topic_and_a_profile() -> None:
    (device,) = bridge(entry("flat 3/bed", binary("sos"), numeric("battery", "%"))).devices
    assert (device.id, device.topic, device.name) == (ADDRESS, f"{BASE}/flat 3/bed", "flat 3/bed")
    assert (device.vendor, device.model, device.firmware) == ("Acme", "One", "1.0.3")
    assert device.profile.startswith("generated-acme-one-")
    profile = profile_of(device)
    assert profile.verified == "computed"
    assert {rule.key for rule in profile.rule_templates()} == {"sos", "silent", "battery_low"}


@pytest.mark.parametrize(
    "change",
    [
        {"type": "Coordinator"},
        {"disabled": True},
        {"interview_state": "FAILED"},
        {"interview_state": "IN_PROGRESS"},
        {"interview_state": None, "interview_completed": False},
        {"ieee_address": "0x12"},
        {"friendly_name": None},
    ],
)
def test_what_is_no_device_in_use_is_not_found(change: dict[str, Any]) -> None:
    assert bridge(entry("one", binary("sos")) | change).devices == ()


def test_an_older_list_without_interview_state_counts_completed_ones() -> None:
    old = entry("one", binary("sos"), interview_completed=True)
    del old["interview_state"]
    assert len(bridge(old).devices) == 1


def test_unsupported_devices_and_names_that_are_no_topic_say_why() -> None:
    unknown = entry("one")
    del unknown["definition"]
    (device,) = bridge(unknown).devices
    assert device.reason == "Zigbee2MQTT does not support this model"
    (device,) = bridge(entry("all/#", binary("sos"))).devices
    assert device.reason is not None
    assert device.document is None
    (device,) = bridge(entry("lamp", {"type": "light", "features": []})).devices
    assert device.reason is not None


def test_a_changed_name_moves_the_topic_and_keeps_hardware_and_profile() -> None:
    made = bridge(entry("old", binary("sos")))
    (before,) = made.devices
    made.heard(f"{BASE}/bridge/devices", json.dumps([entry("new", binary("sos"))]).encode())
    (after,) = made.devices
    assert (after.id, after.profile) == (before.id, before.profile)
    assert made.topics == {ADDRESS: f"{BASE}/new"}


def test_a_device_that_leaves_is_gone_and_comes_back_as_itself() -> None:
    made = bridge(entry("one", binary("sos")))
    leave = {"type": "device_leave", "data": {"ieee_address": ADDRESS, "friendly_name": "one"}}
    made.heard(f"{BASE}/bridge/event", json.dumps(leave).encode())
    assert not made.topics
    made.heard(f"{BASE}/bridge/devices", json.dumps([entry(ADDRESS, binary("sos"))]).encode())
    assert [device.id for device in made.devices] == [ADDRESS]


@pytest.mark.parametrize(
    ("expose", "raw", "value"),
    [
        (binary("contact", on=False, off=True), False, {"cover_open": True}),
        (binary("contact", on=False, off=True), True, {"cover_open": False}),
        (binary("contact", on=True, off=False), False, {"cover_open": True}),
        (binary("water_leak"), True, {"leak": True}),
        (binary("gas", on="ALARM", off="NORMAL"), "ALARM", {"gas": True}),
        (binary("smoke", on=False, off=True), False, {"smoke": True}),
        (numeric("voltage", "mV"), 2985, {"voltage": 2.985}),
        (numeric("temperature", "°F"), 212, {"temperature": 100}),
        (numeric("liquid_depth", "m"), 1.5, {"liquid_depth": 1.5}),
        (enum("liquid_state", "low", "high"), "high", {"liquid_state": "high"}),
        (enum("action", "single", "double"), "double", {"action": "double"}),
    ],
)
def test_polarity_units_and_kinds(expose: dict[str, Any], raw: Any, value: dict[str, Any]) -> None:
    (device,) = bridge(entry("one", expose)).devices
    assert values(profile_of(device), **{expose["property"]: raw}) == value


def test_an_action_is_an_event_and_all_else_is_cached() -> None:
    (device,) = bridge(entry("one", enum("action", "single"), enum("mode", "a", "b"))).devices
    points = profile_of(device).points
    assert (points["action"].kind, points["mode"].kind) == ("event", "state")


def test_settings_are_no_points() -> None:
    settable = numeric("sensitivity", "", access=7)
    configured = numeric("interval", "s", category="config")
    (device,) = bridge(entry("one", binary("sos"), settable, configured)).devices
    assert set(profile_of(device).points) == {"sos"}


def rules(*exposes: dict[str, Any], vendor: str = "Acme", model: str = "One") -> dict[str, Any]:
    (device,) = bridge(entry("one", *exposes, vendor=vendor, model=model)).devices
    return {
        rule.key: getattr(rule.when, "values", None)
        for rule in profile_of(device).rule_templates()
        if not rule.derived
    }


def test_only_what_is_certain_becomes_a_rule() -> None:
    assert rules(binary("water_leak"), binary("gas"), binary("smoke")) == {
        "leak": (True,), "gas": (True,), "fire": (True,)
    }  # fmt: skip
    assert rules(binary("contact", on=False, off=True), binary("tamper"), binary("vibration")) == {}
    assert rules(enum("action", "single", "double")) == {}
    assert rules(enum("action", "emergency", "single")) == {"sos": ("emergency",)}


def test_a_fall_is_a_matter_of_the_model_and_not_of_the_word() -> None:
    status = enum("fall_status", "normal", "fall_warning", "fall_alarm")
    assert rules(status, vendor="Heiman", model="HS2FD-EF1-3.0") == {
        "fall": ("fall_alarm",), "fall_suspected": ("fall_warning",)
    }  # fmt: skip
    assert rules(status) == {}
    assert rules(enum("action", "fall"), vendor="Aqara", model="P100") == {}


@pytest.mark.parametrize(
    ("payload", "online"),
    [
        (b'{"state":"online"}', True),
        (b'{"state":"offline"}', False),
        (b"online", True),
        (b"offline", False),
        (b'"offline"', False),
        (b"", None),
        (b"{", None),
        (b'{"state":1}', None),
    ],
)
def test_both_forms_of_availability(payload: bytes, online: bool | None) -> None:
    assert read_online(payload) is online


def test_who_can_be_reached() -> None:
    made = bridge(entry("a/b", binary("sos")))
    assert made.heard(f"{BASE}/bridge/state", b'{"state":"offline"}') == Reachable(None, False)
    assert made.heard(f"{BASE}/a/b/availability", b"offline") == Reachable(f"{BASE}/a/b", False)
    assert made.heard("elsewhere/a/b/availability", b"offline") is None


def test_a_flood_of_devices_is_cut_and_counted() -> None:
    many = [entry(f"d{n}", ieee_address=f"0x{n:016x}") for n in range(MOST_DEVICES + 7)]
    made = bridge(*many)
    assert (len(made.devices), made.left_out) == (MOST_DEVICES, 7)


@given(st.sampled_from(("devices", "state", "event")), JSON | st.binary(max_size=40))
def test_whatever_stands_on_a_bridge_topic_never_raises(last: str, document: Any) -> None:
    payload = document if isinstance(document, bytes) else json.dumps(document).encode()
    made = Bridge(BASE, nothing)
    made.heard(f"{BASE}/bridge/{last}", payload)
    made.heard(f"{BASE}/x/availability", payload)
    assert isinstance(made.devices, tuple)


@settings(max_examples=150)
@given(
    st.lists(
        st.fixed_dictionaries(
            {"type": st.sampled_from(["binary", "numeric", "enum", "text", "light", "composite"])},
            optional={
                "name": st.sampled_from(["contact", "sos", "action", "voltage", "battery", "é"]) | JSON,
                "property": st.sampled_from(["contact", "sos", "action_x", "voltage", "battery"]) | JSON,
                "access": st.sampled_from([1, 5, 7]) | JSON,
                "unit": st.sampled_from(["%", "mV", "°C", "°F", None]) | JSON,
                "values": st.lists(st.text(max_size=5), max_size=4) | JSON,
                "value_on": JSON,
                "value_off": JSON,
                "value_min": JSON,
                "value_max": JSON,
                "features": JSON,
                "label": JSON,
                "category": JSON,
            },
        ),
        max_size=5,
    ),
    JSON,
)
def test_whatever_a_device_exposes_gives_a_good_profile_or_a_reason(exposes: list[Any], rest: Any) -> None:
    hostile = entry("one", *exposes)
    hostile["software_build_id"] = hostile["power_source"] = hostile["definition"]["description"] = rest
    for device in bridge(hostile).devices:
        if device.reason is None:
            profile_of(device)


@given(st.dictionaries(st.sampled_from(list(entry("x"))), JSON))
def test_whatever_an_entry_says_never_raises(change: dict[str, Any]) -> None:
    for device in bridge(entry("one", binary("sos")) | change).devices:
        assert device.profile or device.reason
