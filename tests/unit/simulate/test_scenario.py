"""Scenarios and examples as what a device says."""

import json
from typing import Any

import pytest

from firmware_profiles import MessagePayload, Profile, RegisterPayload, load_catalogue
from firmware_profiles.documents import validated
from firmware_profiles.yaml12 import parse
from sunwell.simulate.playing import first_image
from sunwell.simulate.scenario import (
    Move,
    Scenario,
    ScenarioError,
    moves_of_examples,
    moves_of_scenario,
)

CATALOGUE = load_catalogue()


def moves(profile: Profile, text: str) -> list[Move]:
    return moves_of_scenario(profile, validated(Scenario, parse(text, "s.yaml"), "s.yaml"))


def said(move: Move) -> Any:
    assert isinstance(move.payload, MessagePayload)
    return json.loads(move.payload.body)


@pytest.mark.parametrize("profile_id", list(CATALOGUE))
def test_every_packaged_profile_can_be_played(profile_id: str) -> None:
    profile = CATALOGUE[profile_id]
    played = moves_of_examples(profile, 5)
    assert len(played) == sum(example.refusal is None for example in profile.examples) >= 1
    if profile.transport == "modbus":
        assert first_image(played)[0]


def test_points_of_a_json_device_are_turned_back() -> None:
    played = moves(
        CATALOGUE["aqara-mccgq11lm"],
        "steps:\n"
        "  - { after: 5s, points: { cover_open: true, battery_voltage: 2.985 } }\n"
        "  - { after: 1m, points: { cover_open: false } }\n",
    )
    assert [said(move) for move in played] == [{"contact": False, "voltage": 2985}, {"contact": True}]
    assert [move.after_s for move in played] == [5, 60]


def test_points_of_a_binary_device_are_found_among_its_examples() -> None:
    (move,) = moves(CATALOGUE["milesight-ws101"], "steps: [{ points: { button: short } }]")
    assert isinstance(move.payload, MessagePayload)
    assert b"\xff\x2e\x01" in move.payload.body


def test_an_example_by_its_name() -> None:
    (move,) = moves(CATALOGUE["owon-fds315"], "steps: [{ example: a fall }]")
    assert said(move)["status"] == "falling"


def test_all_steps_that_cannot_be_said() -> None:
    text = "steps: [{ example: a fal }, { points: { postur: sitting } }, { points: { posture: flying } }, {}]"
    with pytest.raises(ScenarioError) as caught:
        moves(CATALOGUE["owon-fds315"], text)
    lines = str(caught.value).splitlines()
    assert lines[0].startswith("steps[0]: no example 'a fal', did you mean 'a fall'?")
    assert lines[1].startswith("steps[1]: owon-fds315 has no point 'postur', did you mean 'posture'?")
    assert lines[2].startswith("steps[2]: no payload can be made of these points")
    assert lines[3] == "steps[3]: needs either example or points"


def test_registers_that_no_image_can_hold() -> None:
    with pytest.raises(ScenarioError, match="two functions"):
        first_image([Move(1, "x", RegisterPayload({(3, 1): 5, (4, 1): 6}))])
    with pytest.raises(ScenarioError, match="no single bits"):
        first_image([Move(1, "x", RegisterPayload({(1, 1): 1}))])
