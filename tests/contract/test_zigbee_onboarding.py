"""A real network's device list: every device onboards, by its profile or by what it exposes.

The list is other people's; SUNWELL_VECTORS names the folder where it lies.
"""

import json
import os
from pathlib import Path
from typing import Any

import pytest

from edge.core.found import FoundDevice
from edge.core.zigbee2mqtt import Bridge, Find
from firmware_profiles import MessagePayload, Profile, decode, load_catalogue, parse_profile, run_examples
from firmware_profiles.layouts import JsonLayout
from tests.contract.profile_vectors import z2m

FOLDER = os.environ.get("SUNWELL_VECTORS")
pytestmark = pytest.mark.skipif(
    FOLDER is None, reason="SUNWELL_VECTORS is not set: other people's vectors were not compared"
)
CATALOGUE = load_catalogue()
LEFT_OUT = {"static_dwell_alarm", "version"}
"""Text, which is no quantity."""


def sample() -> bytes:
    return (Path(str(FOLDER)) / "z2m_bridge_devices_sample.json").read_bytes()


def onboarded(find: Find) -> dict[str, tuple[FoundDevice, dict[str, Any]]]:
    """The found devices with their entries in the list, by IEEE address."""
    bridge = Bridge("zigbee2mqtt", find)
    bridge.heard("zigbee2mqtt/bridge/devices", sample())
    entries = {entry["ieee_address"]: entry for entry in json.loads(sample())}
    return {device.id: (device, entries[device.id]) for device in bridge.devices}


def check(profile: Profile, entry: dict[str, Any]) -> None:
    assert isinstance(profile.decode, JsonLayout)
    points = {field.path: name for name, field in profile.decode.fields.items()}
    for expose in entry["definition"]["exposes"]:
        skipped = z2m.NO_QUANTITY | LEFT_OUT if profile.id.startswith("generated") else z2m.NO_QUANTITY
        if expose["property"] in skipped or expose["access"] & 2:
            continue
        name = points[expose["property"]]
        point = profile.points[name]
        if expose["type"] == "binary":
            on, off = z2m.POLARITY.get(expose["property"], (True, False))
            for raw, value in ((expose["value_on"], on), (expose["value_off"], off)):
                body = json.dumps({expose["property"]: raw}).encode()
                (decoded,) = decode(profile, MessagePayload(body)).samples
                assert decoded.points == {name: value}
        elif expose["type"] == "enum":
            assert set(expose["values"]) <= set(point.values)
            assert (point.kind == "event") is (expose["property"] == "action")
        elif expose["type"] == "numeric":
            assert point.kind == "measure"


def test_every_device_in_use_is_found_with_its_own_profile() -> None:
    found = onboarded(CATALOGUE.find)
    assert len(found) == 14
    for device, entry in found.values():
        assert device.reason is None
        assert device.document is None
        assert device.topic == f"zigbee2mqtt/{entry['friendly_name']}"
        check(CATALOGUE[device.profile], entry)


def test_every_device_in_use_onboards_by_what_it_exposes_alone() -> None:
    for device, entry in onboarded(lambda _vendor, _model: ()).values():
        assert device.document is not None, device.reason
        profile = parse_profile(device.document)
        assert run_examples(profile) == ()
        check(profile, entry)


def test_generated_rules_are_those_whose_meaning_is_certain() -> None:
    found = onboarded(lambda _vendor, _model: ())
    rules = {
        entry["definition"]["model"]: set(device.document["rules"])
        for device, entry in found.values()
        if device.document
    }
    assert {model: keys for model, keys in rules.items() if keys} == {
        "TS0215A_sos": {"sos"},
        "PB206": {"sos"},
        "SJCGQ12LM": {"leak"},
        "TS0207_water_leak_detector": {"leak"},
        "HS1CG-M": {"gas"},
        "FDS315": {"fall"},
        "HS2FD-EF1-3.0": {"fall", "fall_suspected"},
        "MIR-HE200-TY": {"fall", "fall_suspected"},
    }
