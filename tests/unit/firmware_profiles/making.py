"""Small profiles for tests, made of a decode part and a few points."""

from typing import Any

from firmware_profiles import (
    MessagePayload,
    Profile,
    RegisterPayload,
    Sample,
    decode,
    parse_profile,
)


def measure(unit: str = "mm", low: float = -1e9, high: float = 1e9) -> dict[str, Any]:
    return {"name": {"zh": "量", "en": "m"}, "kind": "measure", "unit": unit, "range": [low, high]}


def state(*values: str, kind: str = "state") -> dict[str, Any]:
    named = {value: {"zh": value, "en": value} for value in values}
    return {"name": {"zh": "态", "en": "s"}, "kind": kind, "values": named}


def document(decode_part: dict[str, Any], points: dict[str, Any], **more: Any) -> dict[str, Any]:
    registers = decode_part.get("kind") == "registers"
    return {
        "id": "made",
        "schema": 1,
        "family": "well",
        "vendor": "V",
        "model": "M",
        "name": {"zh": "造", "en": "made"},
        "transport": "modbus" if registers else "mqtt",
        "verified": "computed",
        "sources": ["test"],
        "points": points,
        "decode": decode_part,
        "examples": [{"name": "none", "input": {"text": ""}, "refusal": "empty"}],
        **more,
    }


def made(decode_part: dict[str, Any], points: dict[str, Any], **more: Any) -> Profile:
    return parse_profile(document(decode_part, points, **more))


def message(profile: Profile, body: bytes | str, port: int | None = None, **parameters: float) -> Sample:
    """The only sample of a message; text is hexadecimal."""
    data = bytes.fromhex(body) if isinstance(body, str) else body
    (sample,) = decode(profile, MessagePayload(data, port), parameters=parameters).samples
    return sample


def registers(profile: Profile, start: int, *words: int, fc: int = 3, **parameters: float) -> Sample:
    values = {(fc, start + index): word for index, word in enumerate(words)}
    (sample,) = decode(profile, RegisterPayload(values), parameters=parameters).samples
    return sample
