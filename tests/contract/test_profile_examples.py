"""Every example of every profile holds: payload in, the stated points or the stated refusal out."""

import json

import pytest

from firmware_profiles import Profile, load_catalogue, parse_profile
from firmware_profiles.examples import differences
from firmware_profiles.schema import Example

CATALOGUE = load_catalogue()
CASES = [
    pytest.param(profile, example, id=f"{profile.id}: {example.name}")
    for profile in CATALOGUE.values()
    for example in profile.examples
]


@pytest.mark.parametrize(("profile", "example"), CASES)
def test_example(profile: Profile, example: Example) -> None:
    assert differences(profile, example) == []


@pytest.mark.parametrize("profile", CATALOGUE.values(), ids=list(CATALOGUE))
def test_enough_examples(profile: Profile) -> None:
    assert len(profile.examples) >= 3
    assert any(example.refusal is not None for example in profile.examples)


@pytest.mark.parametrize("profile", CATALOGUE.values(), ids=list(CATALOGUE))
def test_a_profile_travels_as_a_document(profile: Profile) -> None:
    document = json.loads(json.dumps(profile.document()))
    again = parse_profile(document)
    assert again == profile
    assert again.document() == document
