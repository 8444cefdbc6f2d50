"""The decoder: bytes, JSON or registers and a profile in, points out. Pure; raises nothing but Refusal."""

from collections.abc import Mapping
from dataclasses import dataclass

from firmware_profiles.decode import codec, fixed, flags, json_document, registers, tlv
from firmware_profiles.decode.codec import Codecs
from firmware_profiles.decode.compiled import quick_sample
from firmware_profiles.decode.model import (
    MAXIMUM_BINARY_BYTES,
    MAXIMUM_JSON_BYTES,
    Decoded,
    MessagePayload,
    Payload,
    RawRead,
    Refusal,
    RefusalReason,
    RegisterPayload,
    Registers,
    Sample,
)
from firmware_profiles.decode.points import FieldStep, assemble
from firmware_profiles.layouts import CodecLayout, FixedLayout, JsonLayout, RegistersLayout, TlvLayout
from firmware_profiles.schema import Profile


@dataclass(frozen=True, slots=True)
class ExplainedSample:
    """One sample and the fields of which it was made, in the order in which they were computed."""

    fields: tuple[FieldStep, ...]
    sample: Sample


@dataclass(frozen=True, slots=True)
class Explanation:
    """How a payload was read. `layout` names the frame or items; `refusal` says why there is nothing."""

    layout: str
    samples: tuple[ExplainedSample, ...]
    notes: tuple[str, ...] = ()
    refusal: Refusal | None = None


def decode(
    profile: Profile,
    payload: Payload,
    *,
    parameters: Mapping[str, float] | None = None,
    codecs: Codecs | None = None,
) -> Decoded:
    """What the payload says. `parameters` are the unit's own, over the profile's defaults. `codecs` runs
    scripts: needed for profiles of decode kind `codec` (`profile.runs_codec`), which block meanwhile.

    Raises Refusal, and nothing else, when the payload can't be read at all.
    """
    values = profile.parameter_values(parameters)
    if isinstance(payload, RegisterPayload):
        sample = quick_sample(profile, payload, values)
        if sample is not None:
            return Decoded((sample,))
    raw = _read(profile, payload, codecs)
    return Decoded(tuple(assemble(profile, sample, values) for sample in raw.samples), tuple(raw.notes))


def explain(
    profile: Profile,
    payload: Payload,
    *,
    parameters: Mapping[str, float] | None = None,
    codecs: Codecs | None = None,
) -> Explanation:
    """The same as `decode`, with every step on the way; a refusal is part of the answer. Registers, which
    `decode` reads by a plan, go step by step here."""
    try:
        raw = _read(profile, payload, codecs)
    except Refusal as refusal:
        return Explanation(layout="", samples=(), refusal=refusal)
    values = profile.parameter_values(parameters)
    samples = []
    for fields in raw.samples:
        trace: list[FieldStep] = []
        sample = assemble(profile, fields, values, trace)
        samples.append(ExplainedSample(tuple(trace), sample))
    return Explanation(layout=raw.layout, samples=tuple(samples), notes=tuple(raw.notes))


def _read(profile: Profile, payload: Payload, codecs: Codecs | None) -> RawRead:
    layout = profile.decode
    if isinstance(layout, RegistersLayout):
        if not isinstance(payload, RegisterPayload):
            raise Refusal(RefusalReason.WRONG_PAYLOAD, f"{profile.id} is read by registers, not by messages")
        return registers.read(layout, payload)
    if not isinstance(payload, MessagePayload):
        raise Refusal(RefusalReason.WRONG_PAYLOAD, f"{profile.id} sends messages, it has no registers")
    if not payload.body:
        raise Refusal(RefusalReason.EMPTY, "the message is empty")
    most = MAXIMUM_JSON_BYTES if isinstance(layout, JsonLayout) else MAXIMUM_BINARY_BYTES
    if len(payload.body) > most:
        raise Refusal(RefusalReason.TOO_LONG, f"{len(payload.body)} bytes, more than {most}")
    if isinstance(layout, JsonLayout):
        return json_document.read(layout, payload)
    if isinstance(layout, CodecLayout):
        return codec.read(layout, payload, codecs)
    if isinstance(layout, FixedLayout):
        return fixed.read(layout, payload)
    if isinstance(layout, TlvLayout):
        return tlv.read(layout, payload)
    return flags.read(layout, payload)


__all__ = [
    "Codecs",
    "Decoded",
    "ExplainedSample",
    "Explanation",
    "FieldStep",
    "MessagePayload",
    "Payload",
    "Refusal",
    "RefusalReason",
    "RegisterPayload",
    "Registers",
    "Sample",
    "decode",
    "explain",
]
