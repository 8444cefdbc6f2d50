"""What the edge emits: readings. Pure values; the drivers make them, the gateway judges and forwards them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType

Value = float | int | bool | str
"""A point's value. An event point carries what happened ("long", "emergency") or True."""


class Quality(StrEnum):
    """How far a reading can be believed."""

    GOOD = "good"
    STALE = "stale"  # last known value, the source did not answer
    BAD = "bad"  # outside the point's stated range, or the sensor says that it is broken


class TimeSource(StrEnum):
    """Whose clock a reading's time is."""

    DEVICE = "device"
    GATEWAY = "gateway"


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """Values of one device at one moment.

    `time_ms` is the device's own time when it has a clock, else the moment of receipt; it is never
    changed by a re-send. `received_ms` is the gateway's clock. All times are UTC milliseconds since 1970.
    `key` names the message in its source (a frame counter, a record number, the device's time): the same
    message delivered twice carries the same key. None where the source has no such mark.
    `status` holds, by point, why there is no number ("error", "polarizing").
    """

    position: str
    device: str
    family: str
    time_ms: int
    received_ms: int
    points: Mapping[str, Value]
    status: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    quality: Quality = Quality.GOOD
    time_source: TimeSource = TimeSource.GATEWAY
    clock_trusted: bool = True
    key: str | None = None
