"""What a simulated device says and when: the examples of its profile in turn, or a small scenario. Pure."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import Field

from firmware_profiles import MessagePayload, Payload, Profile, decode
from firmware_profiles.decode import Refusal
from firmware_profiles.decode.json_document import split_path
from firmware_profiles.examples import payload_of
from firmware_profiles.layouts import JsonField, JsonLayout
from firmware_profiles.problems import meant
from firmware_profiles.schema import Example
from firmware_profiles.values import Duration, Model, Scalar


class ScenarioError(ValueError):
    """The profile can't be played so. The text says what there is, for people."""


class ScenarioStep(Model):
    """After a time, an example by its name, or points that the device says then."""

    after: Duration = 0
    example: str | None = None
    points: dict[str, Scalar] = Field(default_factory=dict)


class Scenario(Model):
    """Steps, one after the other; from the first again with `repeat`."""

    steps: Annotated[tuple[ScenarioStep, ...], Field(strict=False, min_length=1)]
    repeat: bool = False


@dataclass(frozen=True, slots=True)
class Move:
    """One thing said: `after_s` seconds after the one before, and its name for people."""

    after_s: float
    name: str
    payload: Payload


def moves_of_examples(profile: Profile, interval_s: float) -> list[Move]:
    """The profile's examples in turn, without those that are no payload of the device."""
    moves = [
        Move(interval_s, example.name, payload_of(example.input))
        for example in profile.examples
        if example.refusal is None
    ]
    if not moves:
        raise ScenarioError(f"{profile.id} has no example to play")
    return moves


def moves_of_scenario(profile: Profile, scenario: Scenario) -> list[Move]:
    """The steps as payloads. Raises ScenarioError with all steps that can't be said."""
    moves: list[Move] = []
    wrong: list[str] = []
    for number, step in enumerate(scenario.steps):
        try:
            name, payload = _said(profile, step)
        except ScenarioError as error:
            wrong.append(f"steps[{number}]: {error}")
        else:
            moves.append(Move(step.after / 1_000, name, payload))
    if wrong:
        raise ScenarioError("\n".join(wrong))
    return moves


def _said(profile: Profile, step: ScenarioStep) -> tuple[str, Payload]:
    if (step.example is None) == (not step.points):
        raise ScenarioError("needs either example or points")
    if step.example is not None:
        examples = {example.name: example for example in profile.examples}
        if step.example not in examples:
            known = ", ".join(repr(name) for name in examples)
            raise ScenarioError(
                f"no example {step.example!r}{meant(step.example, examples)}; there are {known}"
            )
        return step.example, payload_of(examples[step.example].input)
    for name in step.points:
        if name not in profile.points:
            raise ScenarioError(f"{profile.id} has no point {name!r}{meant(name, profile.points)}")
    words = ", ".join(f"{name} {value}" for name, value in step.points.items())
    return words, _with_points(profile, step.points)


def _with_points(profile: Profile, points: Mapping[str, Scalar]) -> Payload:
    """A payload that says these points: made for JSON, else one of the examples that do."""
    payloads = [payload_of(example.input) for example in profile.examples if _may_say(example)]
    if isinstance(profile.decode, JsonLayout):
        payloads.insert(0, _json(profile.decode, points))
    for payload in payloads:
        if _says(profile, payload, points):
            return payload
    raise ScenarioError(
        "no payload can be made of these points: name an example, or add one with them to the profile"
    )


def _may_say(example: Example) -> bool:
    return example.refusal is None and not example.samples and not example.input.parameters


def _says(profile: Profile, payload: Payload, points: Mapping[str, Scalar]) -> bool:
    try:
        samples = decode(profile, payload).samples
    except Refusal:
        return False
    return any(
        all(name in sample.points and _same(sample.points[name], value) for name, value in points.items())
        for sample in samples
    )


def _same(one: Scalar, other: Scalar) -> bool:
    return one == other and isinstance(one, bool) == isinstance(other, bool)


def _json(layout: JsonLayout, points: Mapping[str, Scalar]) -> MessagePayload:
    message: dict[str, Any] = {}
    for name, value in points.items():
        field = layout.fields.get(name)
        path = () if field is None else split_path(field.path) if isinstance(field.path, str) else field.path
        if field is None or not all(isinstance(step, str) for step in path):
            continue
        inner = message
        for key in path[:-1]:
            inner = inner.setdefault(str(key), {})
        inner[str(path[-1])] = _raw(field, value)
    return MessagePayload(json.dumps(message).encode())


def _raw(field: JsonField, value: Scalar) -> Any:
    """The raw value that the field's steps turn into `value`, as far as they can be turned back."""
    if field.invert and isinstance(value, bool):
        return not value
    for key, word in field.enum.items():
        if _same(word, value):
            return {"true": True, "false": False}.get(key, int(key) if key.isdecimal() else key)
    if isinstance(value, str | bool) or not all(isinstance(factor, int | float) for factor in field.scale):
        return value
    offset = field.offset if isinstance(field.offset, int | float) else 0
    scale = 1.0
    for factor in field.scale:
        scale *= factor if isinstance(factor, int | float) else 1
    raw = round((value - offset) / scale, 9) if scale else value
    return int(raw) if float(raw).is_integer() else raw
