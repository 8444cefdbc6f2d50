"""Home Assistant's discovery: both forms, abbreviations, `~`, removal, and what is left to a person."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge.core.compose import Origin, compose
from edge.core.envelopes import open_home_assistant
from edge.core.found import MOST_DEVICES, FoundDevice
from edge.core.home_assistant import MOST_CONFIGS, Discovery, expand, with_base
from edge.core.home_assistant_words import ABBREVIATIONS
from firmware_profiles import MessagePayload, Profile, decode, parse_profile, run_examples
from tests.unit.edge.core.test_zigbee2mqtt import JSON

WELL = {
    "dev": {"ids": ["well07"], "mf": "X", "mdl": "Y", "sw": "1.2"},
    "o": {"name": "fw"},
    "avty_t": "w/07/status",
    "stat_t": "w/07/state",
    "cmps": {
        "lvl": {
            "p": "sensor", "dev_cla": "distance", "unit_of_meas": "mm", "val_tpl": "{{ value_json.level }}"
        },
        "cov": {"p": "binary_sensor", "dev_cla": "opening", "val_tpl": "{{ value_json.open }}"},
    },
}  # fmt: skip


def discovery(**configs: Any) -> Discovery:
    """`binary_sensor__leak={…}` is what stands on homeassistant/binary_sensor/leak/config."""
    made = Discovery("homeassistant")
    for name, config in configs.items():
        made.heard(f"homeassistant/{name.replace('__', '/')}/config", json.dumps(config).encode())
    return made


def only(**configs: Any) -> FoundDevice:
    (device,) = discovery(**configs).devices
    return device


def profile_of(device: FoundDevice) -> Profile:
    assert device.document is not None, device.reason
    profile = parse_profile(device.document)
    assert run_examples(profile) == ()
    return profile


def said(device: FoundDevice, message: str | bytes) -> dict[str, Any]:
    """The points of a message on the device's topic."""
    body = open_home_assistant(message.encode() if isinstance(message, str) else message).body
    (sample,) = decode(profile_of(device), MessagePayload(body)).samples
    return dict(sample.points)


def rules(device: FoundDevice) -> set[str]:
    return {rule.key for rule in profile_of(device).rule_templates() if not rule.derived}


def test_the_device_form() -> None:
    device = only(device__well07=WELL)
    assert (device.vendor, device.model, device.firmware, device.topic) == ("X", "Y", "1.2", "w/07/state")
    assert device.id == "well07@w/07/state"
    assert said(device, '{"level": 1200, "open": "ON"}') == {"distance": 1200, "cover_open": True}


def test_the_form_of_one_entity_joins_its_device_by_topic() -> None:
    shared = {"dev": {"ids": "n1"}, "~": "n1", "stat_t": "~/state"}
    made = discovery(
        sensor__n1_t={
            **shared,
            "dev_cla": "temperature",
            "unit_of_meas": "°C",
            "val_tpl": "{{ value_json.t }}",
        },
        binary_sensor__n1__leak={**shared, "dev_cla": "moisture", "val_tpl": "{{ value_json.w }}"},
        binary_sensor__n1__door={**shared, "stat_t": "n1/door", "dev_cla": "door"},
    )
    first, second = made.devices
    assert said(first, '{"t": 21.5, "w": "ON"}') == {"temperature": 21.5, "leak": True}
    assert rules(first) == {"leak"}
    assert (second.topic, said(second, "OFF")) == ("n1/door", {"cover_open": False})


def test_plain_values_of_esphome() -> None:
    device = only(sensor__node__hum={"stat_t": "node/hum", "dev_cla": "humidity", "unit_of_meas": "%"})
    assert device.id == "node@node/hum"
    assert said(device, "48.5") == {"humidity": 48.5}


@pytest.mark.parametrize(
    ("config", "on", "off"),
    [
        ({}, "ON", "OFF"),
        ({"pl_on": "1", "pl_off": "0"}, "1", "0"),
        ({"val_tpl": "{{ value_json.x }}", "pl_on": True, "pl_off": False}, '{"x":true}', '{"x":false}'),
        ({"val_tpl": "{{ value_json.x }}", "pl_on": False, "pl_off": True}, '{"x":false}', '{"x":true}'),
        (
            {"val_tpl": '{{ value_json.x == "open" }}', "pl_on": "True", "pl_off": "False"},
            '{"x":"open"}',
            '{"x":"ajar"}',
        ),
        (
            {"val_tpl": "{{ value_json.x | int != 0 }}", "pl_on": "True", "pl_off": "False"},
            '{"x":7}',
            '{"x":0}',
        ),
        (
            {"val_tpl": "{{ value_json.x | float(0) > 5 }}", "pl_on": "True", "pl_off": "False"},
            '{"x":"5.1"}',
            '{"x":5}',
        ),
        (
            {"val_tpl": "{{ value_json.x <= 5 }}", "pl_on": True, "pl_off": False},
            '{"x":5}',
            '{"x":5.1}',
        ),
        ({"val_tpl": "{{ value < 5 }}", "pl_on": "False", "pl_off": "True"}, "5", "4.9"),
    ],
)
def test_polarity(config: dict[str, Any], on: str, off: str) -> None:
    device = only(binary_sensor__a={"stat_t": "a", "dev_cla": "smoke", **config})
    assert said(device, on) == {"smoke": True}
    assert said(device, off) == {"smoke": False}
    assert rules(device) == {"fire"}


def test_an_sos_is_known_by_its_name_and_safety_alone_is_no_call() -> None:
    assert rules(only(binary_sensor__room_sos={"stat_t": "a", "dev_cla": "safety"})) == {"sos"}
    assert rules(only(binary_sensor__gate={"stat_t": "a", "dev_cla": "safety"})) == set()


def test_a_press_that_falls_back_by_itself_is_an_event() -> None:
    device = only(binary_sensor__sos={"stat_t": "a", "off_dly": 5})
    profile = profile_of(device)
    assert profile.points["sos"].kind == "event"
    assert profile.rules["sos"].when.kind == "event"


def test_events_come_from_event_type_and_never_from_a_retained_message() -> None:
    device = only(event__bell={"stat_t": "a", "evt_typ": ["sos", "test"]})
    message = b'{"event_type": "sos"}'
    assert said(device, message) == {"action": "sos"}
    assert rules(device) == {"sos"}
    profile = profile_of(device)
    samples = decode(profile, MessagePayload(open_home_assistant(message).body)).samples
    composed = compose(
        Origin(device="d", position="p", profile=profile, received_ms=1_780_000_000_000, retained=True),
        samples,
    )
    assert composed.retained_events == 1
    assert all("action" not in reading.points for reading in composed.readings)


def test_triggers_of_one_topic_are_one_event_point() -> None:
    trigger = {"atype": "trigger", "type": "action", "t": "z/b/action", "dev": {"ids": ["z_0x1"]}}
    made = discovery(
        device_automation__z__action_single={**trigger, "pl": "single"},
        device_automation__z__action_emergency={**trigger, "pl": "emergency"},
    )
    (device,) = made.devices
    assert said(device, "emergency") == {"action": "emergency"}
    assert rules(device) == {"sos"}


@pytest.mark.parametrize(
    "config",
    [
        {"val_tpl": "{{ 'ON' if value_json.a else 'OFF' }}"},
        {"val_tpl": "{{ value_json.a > 5 }}"},
        {"val_tpl": "{{ value_json.a | round > 5 }}", "pl_on": "True", "pl_off": "False"},
        {"val_tpl": "{{ value_json.a > 'b' }}", "pl_on": "True", "pl_off": "False"},
        {"val_tpl": "{{ value_json.a == 1 }}"},
        {"val_tpl": 5},
        {"pl_on": "x", "pl_off": "x"},
        {"pl_on": {}},
        {"stat_t": "a/#"},
    ],
)
def test_what_cannot_be_read_for_certain_waits_for_a_person(config: dict[str, Any]) -> None:
    device = only(binary_sensor__a={"stat_t": "a", "dev_cla": "smoke", **config})
    assert device.reason
    assert device.document is None


def test_one_unreadable_entity_is_named_and_does_not_hide_the_others() -> None:
    parts = {**WELL["cmps"], "odd": {"p": "sensor", "val_tpl": "{{ states('x') }}", "unit_of_meas": "V"}}  # type: ignore[dict-item]  # it is a dict
    device = only(device__well07={**WELL, "cmps": parts})
    assert device.reason is None
    assert "odd" in device.note


def test_an_empty_payload_takes_back_and_a_bare_platform_takes_a_component_back() -> None:
    made = discovery(device__well07=WELL)
    parts = {**WELL["cmps"], "cov": {"p": "binary_sensor"}}  # type: ignore[dict-item]  # it is a dict
    made.heard("homeassistant/device/well07/config", json.dumps({**WELL, "cmps": parts}).encode())
    (device,) = made.devices
    assert set(profile_of(device).points) == {"distance"}
    assert made.heard("homeassistant/device/well07/config", b"")
    assert made.devices == ()


def test_the_same_again_changes_nothing() -> None:
    made = discovery(device__well07=WELL)
    assert not made.heard("homeassistant/device/well07/config", json.dumps(WELL).encode())


def test_actuators_are_not_found() -> None:
    assert discovery(switch__a={"stat_t": "a", "cmd_t": "b"}, light__b={"stat_t": "a"}).devices == ()


def test_availability_in_all_forms() -> None:
    listed = {"avty": [{"t": "~/up", "pl_avail": "1", "pl_not_avail": "0"}], "~": "n", "avty_mode": "all"}
    made = discovery(
        device__well07=WELL,
        binary_sensor__a={"stat_t": "~/a", **listed},
        binary_sensor__b={"stat_t": "b", "avty": {"t": "b/up", "val_tpl": "{{ states() }}"}},
    )
    assert set(made.availability) == {"w/07/state", "n/a"}
    (one,) = made.availability["n/a"].topics
    assert (one.topic, one.online, one.offline, made.availability["n/a"].mode) == ("n/up", "1", "0", "all")


def test_abbreviations_and_base_topics() -> None:
    assert expand({"stat_t": "x", "dev": {"mf": "m", "sw": "1"}, "unknown": 1}) == {
        "state_topic": "x", "device": {"manufacturer": "m", "sw_version": "1"}, "unknown": 1
    }  # fmt: skip
    assert with_base({"~": "a/b", "state_topic": "~/c", "command_topic": "x/~", "name": "~"}) == {
        "~": "a/b", "state_topic": "a/b/c", "command_topic": "x/a/b", "name": "~"
    }  # fmt: skip
    assert len(set(ABBREVIATIONS.values())) == len(ABBREVIATIONS)


def test_a_flood_is_cut_and_counted() -> None:
    made = Discovery("homeassistant")
    for number in range(MOST_CONFIGS + 3):
        config = {"stat_t": f"t/{number}", "unit_of_meas": "V"}
        made.heard(f"homeassistant/sensor/s{number}/config", json.dumps(config).encode())
    assert made.left_out == 3
    assert sum(1 for _ in zip(range(MOST_DEVICES + 1), made._bare(), strict=False)) == MOST_DEVICES + 1


KEYS = st.sampled_from(
    [
        "dev", "device", "cmps", "components", "avty", "availability", "stat_t", "val_tpl", "~", "pl_on", "p",
        "dev_cla", "unit_of_meas", "options", "evt_typ", "off_dly", "avty_t", "avty_mode", "pl", "atype", "t",
    ]
)  # fmt: skip


@settings(max_examples=200)
@given(
    st.sampled_from(["sensor", "binary_sensor", "event", "device_automation", "device", "x"]),
    st.dictionaries(KEYS, JSON | st.dictionaries(KEYS, JSON | st.dictionaries(KEYS, JSON), max_size=4)),
)
def test_whatever_stands_on_a_configuration_topic_never_raises(component: str, config: Any) -> None:
    made = Discovery("homeassistant")
    made.heard(f"homeassistant/{component}/x/config", json.dumps({"stat_t": "a", **config}).encode())
    for device in made.devices:
        assert device.profile or device.reason
    assert isinstance(made.availability, dict)


@given(st.text(max_size=30), JSON | st.binary(max_size=30))
def test_whatever_topic_and_payload_never_raise(topic: str, document: Any) -> None:
    payload = document if isinstance(document, bytes) else json.dumps(document).encode()
    made = Discovery("homeassistant")
    made.heard(topic, payload)
    made.heard(f"homeassistant/{topic}/config", payload)
    assert isinstance(made.devices, tuple)


@given(st.binary(max_size=60))
def test_whatever_a_state_topic_says_is_wrapped_or_refused(payload: bytes) -> None:
    try:
        body = open_home_assistant(payload).body
    except ValueError:
        return
    assert "value" in json.loads(body)
