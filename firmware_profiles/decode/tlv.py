"""Decode kind `tlv`: tag and value pairs until the end of the frame."""

from functools import lru_cache
from typing import NamedTuple

from firmware_profiles.decode.model import (
    MessagePayload,
    RawField,
    RawRead,
    RawSample,
    Refusal,
    RefusalReason,
)
from firmware_profiles.decode.numbers import read_fields
from firmware_profiles.layouts import Item, TlvLayout


class _Cut(NamedTuple):
    tag: str
    item: Item
    value: bytes
    base: int
    end: int


def read(layout: TlvLayout, payload: MessagePayload) -> RawRead:
    """All items up to the end, or up to the first that is not known: its length is not known either, so the
    rest is noted and what was read before it is kept. Raises Refusal if nothing could be read."""
    if layout.ports and payload.port is not None and payload.port not in layout.ports:
        raise Refusal(
            RefusalReason.UNKNOWN_PORT, f"port {payload.port}: this profile knows {list(layout.ports)}"
        )
    body = payload.body
    now: list[RawField] = []
    samples: list[RawSample] = []
    apart: list[RawSample] = []
    notes: list[str] = []
    tags: list[str] = []
    position = layout.start
    while position < len(body):
        try:
            cut = _cut(layout, body, position)
            fields = read_fields(cut.item.fields, cut.value, cut.base, layout.order)
        except Refusal as refusal:
            if not tags:
                raise
            notes.append(refusal.message)
            break
        position = cut.end
        tags.append(cut.tag)
        if cut.item.apart:
            apart.append(RawSample(fields))
            continue
        if {field.name for field in now} & {field.name for field in fields}:
            samples.append(RawSample(now))
            now = []
        now.extend(fields)
    if not tags:
        raise Refusal(RefusalReason.TRUNCATED, f"{len(body)} bytes: shorter than the header")
    if now or not (samples or apart):
        samples.append(RawSample(now))
    return RawRead(samples + apart, notes, ", ".join(tags))


@lru_cache(maxsize=512)
def _tag_bytes(tag: str) -> bytes:
    return bytes.fromhex(tag)


def _cut(layout: TlvLayout, body: bytes, position: int) -> _Cut:
    limit = len(body)
    start = position
    if layout.length_first:
        limit = position + 1 + body[position]
        start = position + 1
    tag = _find(layout, body, start)
    if tag is None:
        raise Refusal(
            RefusalReason.UNKNOWN_LAYOUT,
            f"byte {start}: {body[start : start + 2].hex(' ')} begins no item of this profile",
        )
    item = layout.items[tag]
    base = start + len(_tag_bytes(tag))
    if layout.length_first:
        end = limit
    elif item.length == "prefixed":
        end = base + 1 + (body[base] if base < len(body) else 0)
        base += 1
    else:
        end = limit if item.length == "rest" else base + item.length
    if end > len(body) or base > end:
        raise Refusal(
            RefusalReason.TRUNCATED,
            f"item {tag} would end at byte {end}, the payload ends at byte {len(body)}",
        )
    return _Cut(tag, item, body[base:end], base, end)


def _find(layout: TlvLayout, body: bytes, position: int) -> str | None:
    found = [tag for tag in layout.items if body.startswith(_tag_bytes(tag), position)]
    return max(found, key=len, default=None)
