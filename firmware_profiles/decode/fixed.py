"""Decode kind `fixed`: frames with fixed offsets, chosen by port, length and discriminator bytes."""

from firmware_profiles.decode.model import (
    MessagePayload,
    RawRead,
    RawSample,
    Refusal,
    RefusalReason,
)
from firmware_profiles.decode.numbers import read_fields
from firmware_profiles.layouts import FixedLayout, Frame, FrameMatch, Order


def read(layout: FixedLayout, payload: MessagePayload) -> RawRead:
    """The first frame that matches. Raises Refusal if none does, or if it is shorter than its fields."""
    frames = layout.frames.items()
    if payload.port is not None and not any(_port_fits(frame.match, payload.port) for _, frame in frames):
        known = sorted({port for _, frame in frames for port in frame.match.port})
        raise Refusal(RefusalReason.UNKNOWN_PORT, f"port {payload.port}: this profile knows {known}")
    for name, frame in frames:
        if matches(frame.match, payload):
            return read_frame(name, frame, payload.body, layout.order)
    raise Refusal(
        RefusalReason.UNKNOWN_LAYOUT,
        f"{len(payload.body)} bytes beginning {payload.body[:4].hex(' ')}: no frame of this profile",
    )


def _port_fits(match: FrameMatch, port: int | None) -> bool:
    return not match.port or port is None or port in match.port


def matches(match: FrameMatch, payload: MessagePayload) -> bool:
    """Whether port (where known), length and bytes are those of the frame."""
    body = payload.body
    return (
        _port_fits(match, payload.port)
        and (not match.length or len(body) in match.length)
        and len(body) >= match.minimum
        and all(at < len(body) and body[at] in values for at, values in match.bytes.items())
    )


def read_frame(name: str, frame: Frame, body: bytes, order: Order) -> RawRead:
    """The fields and records of a frame that matches. Raises Refusal if it is shorter than its fields."""
    fields = read_fields(frame.fields, body, 0, order)
    records = frame.records
    if records is None:
        return RawRead([RawSample(fields)], [], name)
    shared = [field for field in fields if field.name.startswith("_")]
    samples = [RawSample(fields)] if len(shared) < len(fields) else []
    count, rest = divmod(max(0, len(body) - records.at), records.length)
    for index in range(count):
        base = records.at + index * records.length
        own = read_fields(records.fields, body[base : base + records.length], base, order)
        samples.append(RawSample(shared + own))
    notes = [f"the last {rest} bytes are no whole record"] if rest else []
    return RawRead(samples or [RawSample(fields)], notes, name)
