"""Decode kind `flags`: a bitmap of flags, then the groups whose flag is set."""

from firmware_profiles.decode.fixed import matches, read_frame
from firmware_profiles.decode.model import MessagePayload, RawRead, RawSample, Refusal, RefusalReason
from firmware_profiles.decode.numbers import read_fields
from firmware_profiles.layouts import FlagsLayout


def read(layout: FlagsLayout, payload: MessagePayload) -> RawRead:
    """The groups that are there. A flag of no known group ends the reading with a note, since the length of
    its group is not known. Raises Refusal for another port, other discriminators, or a frame that ends early.
    """
    body = payload.body
    for name, frame in layout.frames.items():
        if matches(frame.match, payload):
            return read_frame(name, frame, body, layout.order)
    if layout.ports and payload.port is not None and payload.port not in layout.ports:
        raise Refusal(
            RefusalReason.UNKNOWN_PORT, f"port {payload.port}: this profile knows {list(layout.ports)}"
        )
    for at, values in layout.bytes.items():
        if at >= len(body) or body[at] not in values:
            found = f"{body[at]:#04x}" if at < len(body) else "missing"
            raise Refusal(
                RefusalReason.UNKNOWN_LAYOUT, f"byte {at} is {found}: another protocol than this profile's"
            )
    fields = read_fields(layout.fields, body, 0, layout.order)
    flags = read_fields({"_flags": layout.flags}, body, 0, layout.order)[0].raw
    if not isinstance(flags, int):
        raise Refusal(RefusalReason.UNKNOWN_LAYOUT, "the flags are no whole number")
    position = layout.start
    notes: list[str] = []
    names: list[str] = []
    for bit in range(flags.bit_length()):
        if not flags >> bit & 1:
            continue
        group = layout.groups.get(bit)
        if group is None:
            notes.append(f"flag {bit} is set, no group of this profile: nothing after it was read")
            break
        piece = body[position : position + group.length]
        if len(piece) < group.length:
            raise Refusal(
                RefusalReason.TRUNCATED,
                f"group {bit} would end at byte {position + group.length}, "
                f"the payload ends at byte {len(body)}",
            )
        fields.extend(read_fields(group.fields, piece, position, layout.order))
        names.append(str(bit))
        position += group.length
    return RawRead([RawSample(fields)], notes, f"groups {', '.join(names) or 'none'}")
