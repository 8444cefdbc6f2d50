"""A payload that somebody pasted, as an example: what goes in, and what it decodes to now."""

import json
from typing import Any

from firmware_profiles.decode import Refusal, Sample, decode
from firmware_profiles.decode.model import Payload, RegisterPayload
from firmware_profiles.examples import iso_text
from firmware_profiles.generate.draft import NotUsableError
from firmware_profiles.generate.written_fields import register_blocks
from firmware_profiles.payload_text import parse_payload
from firmware_profiles.schema import Profile


def example_of(profile: Profile, name: str, payload: str, port: int | None = None) -> dict[str, Any]:
    """The example. Raises NotUsableError where the text is no payload at all."""
    try:
        given = parse_payload(payload, port=port)
    except ValueError as error:
        raise NotUsableError(f"{name}: {error}") from error
    document: dict[str, Any] = {"name": name, "input": _input(given, payload)}
    try:
        samples = decode(profile, given).samples
    except Refusal as refusal:
        return {**document, "refusal": refusal.reason.value}
    if len(samples) == 1:
        return {**document, **_expected(samples[0])}
    return {**document, "samples": [_expected(sample) for sample in samples]}


def _input(given: Payload, written: str) -> dict[str, Any]:
    if isinstance(given, RegisterPayload):
        return {"registers": register_blocks(dict(given.values))}
    if written.lstrip().startswith(("{", "[")):
        try:
            return {"json": json.loads(written)}
        except ValueError:
            return {"text": written}
    port = {} if given.port is None else {"port": given.port}
    return {"hex": given.body.hex(" ").upper(), **port}


def _expected(sample: Sample) -> dict[str, Any]:
    expected: dict[str, Any] = {"points": dict(sample.points)}
    if sample.status:
        expected["status"] = dict(sample.status)
    if sample.bad:
        expected["bad"] = sorted(sample.bad)
    if sample.time_ms is not None:
        expected["time"] = iso_text(sample.time_ms)
    if sample.key is not None:
        expected["key"] = sample.key
    return expected
