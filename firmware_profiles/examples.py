"""Running a profile's worked examples, for tests and for whoever writes a profile."""

import json
from datetime import UTC, datetime, timedelta

from firmware_profiles.decode import Codecs, decode
from firmware_profiles.decode.model import MessagePayload, Payload, Refusal, RegisterPayload, Sample
from firmware_profiles.problems import Problem
from firmware_profiles.schema import Example, ExampleInput, ExpectedSample, Profile

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def iso_text(time_ms: int) -> str:
    """A time in UTC as text: 2026-01-31T08:00:00Z, with milliseconds where there are some."""
    moment = _EPOCH + timedelta(milliseconds=time_ms)
    return moment.isoformat(timespec="milliseconds" if time_ms % 1_000 else "seconds").replace("+00:00", "Z")


def payload_of(given: ExampleInput) -> Payload:
    """The payload of an example."""
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


def run_examples(
    profile: Profile, file: str = "profile", codecs: Codecs | None = None
) -> tuple[Problem, ...]:
    """Where the examples and the decoder differ; empty when all hold. `codecs` as in `decode`."""
    return tuple(
        Problem(file, ("examples", index), f"{example.name}: {difference}")
        for index, example in enumerate(profile.examples)
        for difference in differences(profile, example, codecs)
    )


def differences(profile: Profile, example: Example, codecs: Codecs | None = None) -> list[str]:
    """What decoding gives other than the example states."""
    parameters = {key: float(value) for key, value in example.input.parameters.items()}
    try:
        payload = payload_of(example.input)
        samples = decode(profile, payload, parameters=parameters, codecs=codecs).samples
    except Refusal as refusal:
        if refusal.reason == example.refusal:
            return []
        wanted = f"refusal {example.refusal}" if example.refusal is not None else "samples"
        return [f"refused as {refusal.reason} ({refusal.message}), expected {wanted}"]
    if example.refusal is not None:
        return [f"expected refusal {example.refusal}, got points {dict(samples[0].points)}"]
    if len(samples) != len(example.expected):
        return [f"expected {len(example.expected)} samples, got {len(samples)}"]
    return [
        text
        for sample, expected in zip(samples, example.expected, strict=True)
        for text in _compare(sample, expected)
    ]


def _compare(sample: Sample, expected: ExpectedSample) -> list[str]:
    got = {
        "points": {name: (type(value) is bool, value) for name, value in sample.points.items()},
        "status": dict(sample.status),
        "bad": sorted(sample.bad),
        "time": None if sample.time_ms is None else iso_text(sample.time_ms),
        "key": sample.key,
    }
    wanted = {
        "points": {name: (type(value) is bool, value) for name, value in expected.points.items()},
        "status": dict(expected.status),
        "bad": sorted(expected.bad),
        "time": expected.time,
        "key": expected.key,
    }
    shown = {"points": (dict(expected.points), dict(sample.points))}
    return [
        "{}: expected {}, got {}".format(part, *shown.get(part, (wanted[part], got[part])))
        for part in got
        if got[part] != wanted[part]
    ]
