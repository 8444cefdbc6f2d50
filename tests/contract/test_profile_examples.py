"""Every example of every profile holds: payload in, the stated points or the stated refusal out."""

import json
from datetime import UTC, datetime, timedelta

import pytest

from firmware_profiles import (
    MessagePayload,
    Payload,
    Profile,
    Refusal,
    RegisterPayload,
    decode,
    load_catalogue,
    parse_profile,
)
from firmware_profiles.schema import Example, ExampleInput, ExpectedSample

CATALOGUE = load_catalogue()
CASES = [
    pytest.param(profile, example, id=f"{profile.id}: {example.name}")
    for profile in CATALOGUE.values()
    for example in profile.examples
]


def payload_of(given: ExampleInput) -> Payload:
    if given.registers:
        values = {}
        for key, words in given.registers.items():
            fc, address = (int(part) for part in key.split(":"))
            values.update({(fc, address + index): word for index, word in enumerate(words)})
        return RegisterPayload(values)
    if given.hex is not None:
        return MessagePayload(bytes.fromhex(given.hex), given.port)
    if given.text is not None:
        return MessagePayload(given.text.encode(), given.port)
    return MessagePayload(json.dumps(given.json_).encode(), given.port)


def time_of(expected: ExpectedSample) -> int | None:
    if expected.time is None:
        return None
    moment = datetime.fromisoformat(expected.time)
    return (moment - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(milliseconds=1)


@pytest.mark.parametrize(("profile", "example"), CASES)
def test_example(profile: Profile, example: Example) -> None:
    payload = payload_of(example.input)
    parameters = {key: float(value) for key, value in example.input.parameters.items()}
    if example.refusal is not None:
        with pytest.raises(Refusal) as caught:
            decode(profile, payload, parameters=parameters)
        assert caught.value.reason == example.refusal
        return
    samples = decode(profile, payload, parameters=parameters).samples
    assert len(samples) == len(example.expected)
    for sample, expected in zip(samples, example.expected, strict=True):
        assert dict(sample.points) == dict(expected.points)
        assert [type(sample.points[name]) is bool for name in expected.points] == [
            type(value) is bool for value in expected.points.values()
        ]
        assert dict(sample.status) == dict(expected.status)
        assert sample.bad == frozenset(expected.bad)
        assert sample.key == expected.key
        assert sample.time_ms == time_of(expected)


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
