"""A profile out of a codec in the LoRaWAN device repository's format: its script runs as it is, its examples
say what the script answers, and become points and examples."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from firmware_profiles.decode import Codecs, MessagePayload, Refusal, decode
from firmware_profiles.decode.codec import CodecAnswer
from firmware_profiles.examples import iso_text
from firmware_profiles.generate.answered_fields import AnsweredField, answered_fields
from firmware_profiles.generate.draft import Draft, NotUsableError, drafted, printable
from firmware_profiles.layouts import CodecScript
from firmware_profiles.load import parse_profile
from firmware_profiles.problems import ProfileErrors
from firmware_profiles.schema import Profile

FAMILY_BY_SENSOR: Final = (
    ("button", "button"),
    ("motion", "fall"), ("pir", "fall"), ("radar", "fall"), ("accelerometer", "fall"),
    ("water", "well"), ("level", "well"), ("distance", "well"), ("pressure", "well"),
    ("magnetometer", "well"),
    ("temperature", "temperature"),
)  # fmt: skip
"""The first sensor of the list that a device has decides, unless the family is given."""


@dataclass(frozen=True, slots=True)
class SpokenExample:
    """A payload and what the script answers to it."""

    description: str
    payload: MessagePayload
    answer: CodecAnswer


@dataclass(frozen=True, slots=True, kw_only=True)
class ScriptedDevice:
    """A device model (and firmware versions) and the script that decodes it. `source` says where from."""

    id: str
    vendor: str
    model: str
    script: CodecScript
    source: str
    sensors: tuple[str, ...] = ()
    versions: tuple[str, ...] = ()
    only_script: bool = True


class _Spoken:
    """A sandbox that gives the answers which the examples state."""

    def __init__(self, examples: Sequence[SpokenExample]) -> None:
        self._answers = {(item.payload.body, item.payload.port): item.answer for item in examples}

    def run(self, codec: CodecScript, payload: MessagePayload) -> CodecAnswer:
        return self._answers[payload.body, payload.port]


def profile_of_codec(
    device: ScriptedDevice, examples: Sequence[SpokenExample], codecs: Codecs, *, family: str | None = None
) -> Draft:
    """The draft: points are those that the examples answer; its examples are run by `codecs`. Raises
    NotUsableError."""
    notes: list[str] = []
    answers = [item.answer.data for item in examples if not item.answer.errors]
    fields = answered_fields([answer for answer in answers if isinstance(answer, Mapping)], notes)
    if not fields:
        raise NotUsableError(
            f"{device.vendor} {device.model}: no example answers a value that could be a point"
        )
    document = _document(device, fields, family or _family(device.sensors))
    spoken = _Spoken(examples)
    try:
        profile = parse_profile(document, file=document["id"])
    except ProfileErrors as errors:
        raise NotUsableError(str(errors)) from errors
    document["examples"] = [
        *(_example(profile, item, spoken) for item in _distinct(examples)),
        {"name": "no bytes", "input": {"hex": ""}, "refusal": "empty"},
    ]
    notes.append("no rules: it measures, and alarms nobody until rules are written")
    return drafted(document, tuple(notes), codecs)


def _document(device: ScriptedDevice, fields: Sequence[AnsweredField], family: str) -> dict[str, Any]:
    name = printable(f"{device.vendor} {device.model}")
    firmware = _firmware(device)
    fresh = {"fresh": True} if device.script.fresh else {}
    return {
        "id": device.id,
        "schema": 1,
        "family": family,
        "vendor": printable(device.vendor),
        "model": printable(device.model),
        "name": {"zh": name, "en": name},
        **({"firmware": firmware} if firmware else {}),
        "transport": "lorawan",
        "verified": "vendor-decoder",
        "sources": [printable(device.source, 200)],
        "points": {item.name: dict(item.point) for item in fields},
        "decode": {
            "kind": "codec",
            "script": device.script.name,
            "text": device.script.text,
            **fresh,
            "fields": {item.name: dict(item.field) for item in fields},
        },
        "examples": [{"name": "no bytes", "input": {"hex": ""}, "refusal": "empty"}],
    }


def _firmware(device: ScriptedDevice) -> dict[str, str]:
    """The versions that the script is for: as a range where the device has other scripts for others."""
    if not device.versions:
        return {}
    note = {"note": printable(f"versions {', '.join(device.versions)}", 200)}
    numbered = sorted(
        (version for version in device.versions if re.search(r"\d", version)),
        key=lambda version: [int(number) for number in re.findall(r"\d+", version)],
    )
    if device.only_script or not numbered:
        return note
    return {"lowest": printable(numbered[0]), "highest": printable(numbered[-1]), **note}


def _family(sensors: tuple[str, ...]) -> str:
    return next((family for sensor, family in FAMILY_BY_SENSOR if sensor in sensors), "well")


def _distinct(examples: Sequence[SpokenExample]) -> Iterator[SpokenExample]:
    seen = set()
    for item in examples:
        key = (item.payload.body, item.payload.port)
        if key not in seen:
            seen.add(key)
            yield item


def _example(profile: Profile, item: SpokenExample, spoken: Codecs) -> dict[str, Any]:
    """The example as the profile writes it: the stated answer, through the profile's own steps."""
    port = {} if item.payload.port is None else {"port": item.payload.port}
    document: dict[str, Any] = {
        "name": printable(item.description) or "uplink",
        "input": {"hex": item.payload.body.hex(" ").upper(), **port},
    }
    try:
        (sample,) = decode(profile, item.payload, codecs=spoken).samples
    except Refusal as refusal:
        return {**document, "refusal": refusal.reason.value}
    document["points"] = dict(sample.points)
    if sample.status:
        document["status"] = dict(sample.status)
    if sample.bad:
        document["bad"] = sorted(sample.bad)
    if sample.time_ms is not None:
        document["time"] = iso_text(sample.time_ms)
    return document
