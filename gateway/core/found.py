"""What was found as a message: whole, and never larger than the server reads."""

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from edge.core.found import Findings
from gateway import wire

PROFILES_BYTES: Final = 600_000
"""For generated profiles of 2 to 6 kB: more than a hundred different models at one gateway."""
DEVICES_BYTES: Final = 350_000
"""For the devices, of about 300 bytes each. Together below `wire.MAXIMUM_MESSAGE_BYTES`."""
NO_ROOM: Final = "there are too many models at this gateway to send its profile"


def found_message(findings: Findings, now_ms: int) -> wire.FoundMessage:
    """The message. What does not fit is counted; a device whose profile does not fit says so."""
    devices: list[wire.FoundDevice] = []
    profiles: dict[str, dict[str, Any]] = {}
    device_bytes = profile_bytes = 0
    left_out = findings.left_out
    for one in findings.devices:
        profile, reason = one.profile, one.reason
        if one.document is not None and one.profile not in profiles:
            size = _size(one.document)
            if profile_bytes + size > PROFILES_BYTES:
                profile, reason = "", NO_ROOM
                left_out += 1
            else:
                profiles[one.profile] = dict(one.document)
                profile_bytes += size
        device = wire.FoundDevice(
            source=one.source,
            base=one.base,
            id=one.id,
            name=one.name,
            topic=one.topic,
            vendor=one.vendor,
            model=one.model,
            firmware=one.firmware,
            profile=profile,
            reason=reason,
            note=one.note,
        )
        size = _size(msgspec.structs.asdict(device))
        if device_bytes + size > DEVICES_BYTES:
            left_out += 1
            continue
        device_bytes += size
        devices.append(device)
    return wire.FoundMessage(
        at_ms=now_ms,
        # What was cut off must not look gone.
        sources=[] if len(devices) < len(findings.devices) or findings.left_out else list(findings.sources),
        devices=devices,
        profiles=profiles,
        left_out=left_out,
    )


def _size(document: Mapping[str, Any]) -> int:
    return len(msgspec.json.encode(document))
