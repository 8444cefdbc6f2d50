"""Values approved by hand: each gets its point, its path and perhaps its alarm, or says what is wrong."""

from typing import Any

import pytest

from firmware_profiles import MessagePayload, decode, parse_profile, run_examples
from firmware_profiles.generate.approved import ApprovedValue, with_values
from firmware_profiles.generate.draft import NotUsableError

SOS = ApprovedValue(label="SOS cord", path='value_json.in["pull.1"]', on="PULLED", rule="sos", momentary=True)
VOLTS = ApprovedValue(label="Battery voltage", path="value_json.adc[1]", unit="mV")


def test_values_make_a_profile_of_nothing() -> None:
    profile = parse_profile(with_values(None, "Acme", "Hall", [SOS, VOLTS]))
    assert run_examples(profile) == ()
    assert profile.id.startswith("generated-acme-hall-")
    assert profile.rules["sos"].when.kind == "event"
    body = b'{"value": "", "value_json": {"in": {"pull.1": "PULLED"}, "adc": [0, 2950]}}'
    (sample,) = decode(profile, MessagePayload(body)).samples
    assert sample.points == {"sos_cord": True, "battery_voltage": 2950}
    (sample,) = decode(profile, MessagePayload(body.replace(b"PULLED", b"idle"))).samples
    assert sample.points["sos_cord"] is False


def test_values_are_added_to_what_was_read_and_the_id_tells_them_apart() -> None:
    before = with_values(None, "Acme", "Hall", [VOLTS])
    level = ApprovedValue(label="Temperature", path="value", unit="°F")
    after = with_values(before, "Acme", "Hall", [level])
    assert set(parse_profile(after).points) == {"battery_voltage", "temperature"}
    assert before["id"] != after["id"]
    assert "temperature" not in before["points"]
    (sample,) = decode(parse_profile(after), MessagePayload(b'{"value": "50"}')).samples
    assert sample.points == {"temperature": 10}


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"label": "水位"}, "a name with Latin letters"),
        ({"path": "value_json.a()"}, "a path is value"),
        ({"path": "states('x')"}, "a path is value"),
        ({"path": "value.a"}, "a path is value"),
        ({"unit": "furlong"}, "'furlong' is not known"),
        ({"rule": "sos"}, "needs the word"),
        ({"on": "a", "off": "a"}, "the same word"),
        ({"on": "a", "rule": "water_rising"}, "the alarm of a state is one of"),
        ({"label": "battery voltage"}, "already"),
    ],
)
def test_what_is_wrong_is_named(change: dict[str, Any], said: str) -> None:
    first = with_values(None, "Acme", "Hall", [VOLTS])
    given: dict[str, Any] = {"label": "Level", "path": "value_json.level", **change}
    with pytest.raises(NotUsableError, match=said):
        with_values(first, "Acme", "Hall", [ApprovedValue(**given)])
