"""What every driver is: made with devices, run until cancelled, emitting readings and reporting troubles."""

import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType
from typing import Any, Final, Protocol

from edge.readings import Reading
from firmware_profiles import Profile

DETAIL_LENGTH: Final = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class EdgeDevice:
    """A device to be read. `address` is the driver's own; `parameters` are the unit's, over the profile's.

    mqtt: {"topic": …} without wildcards. modbus: {"host": …, "port": …, "unit": …, "timeout_ms": …}, where
    port is 502, unit 1 and the timeout 500 ms unless given, or {"serial": …, "baud": …}; see docs/modbus.md.
    http: {"source": …, "identity": …} or {"source": …, "token_sha256": …}; see docs/http.md.
    """

    id: str
    position: str
    profile: Profile
    address: Mapping[str, Any]
    parameters: Mapping[str, float] = field(default_factory=lambda: MappingProxyType({}))


class TroubleReason(StrEnum):
    """Why something could not be used. Closed: it is counted by reason."""

    OVERSIZED = "oversized"
    INVALID_UTF8 = "invalid_utf8"
    INVALID_JSON = "invalid_json"
    UNEXPECTED_SHAPE = "unexpected_shape"
    REFUSED = "refused"  # the profile cannot decode it
    PARTLY_READ = "partly_read"
    IMPLAUSIBLE_TIME = "implausible_time"
    RETAINED_EVENT = "retained_event"
    UNKNOWN_DEVICE = "unknown_device"
    BAD_ADDRESS = "bad_address"
    JOINED_ANEW = "joined_anew"  # to its radio network: it had lost it, or its power
    UNREACHABLE = "unreachable"  # no connection to the broker or host
    NO_ANSWER = "no_answer"
    BAD_ANSWER = "bad_answer"
    EXCEPTION_ANSWER = "exception_answer"  # Modbus exception
    UNSUPPORTED = "unsupported"  # the device does not have what the profile asks for
    UNAUTHORIZED = "unauthorized"  # without the secret, or with a wrong one
    TOO_SLOW = "too_slow"  # the sender did not get its message across in time
    OVERLOADED = "overloaded"  # refused unread: too many messages at once
    NOT_KEPT = "not_kept"  # understood, but it could not be kept: the sender was asked to repeat it
    DRIVER_FAILED = "driver_failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class TroubleReport:
    """Something that could not be used. `source` is a device's id, or a topic or address that nobody
    registered. Never holds a payload; text from a peer is cut by `cut`."""

    source: str
    reason: TroubleReason
    detail: str


Emit = Callable[[Reading], Awaitable[None]]
"""Takes a reading; returns once an alarm in it is kept durably. What it raises ends the driver's run."""
ReportTrouble = Callable[[TroubleReport], None]
Clock = Callable[[], int]
"""UTC milliseconds since 1970."""


def system_clock() -> int:
    """The machine's time, UTC milliseconds since 1970."""
    return time.time_ns() // 1_000_000


class Driver(Protocol):
    """Reads devices. One object may run several times, one after the other, but not twice at once."""

    async def run(self) -> None:
        """Read until cancelled. Raises when it cannot go on; to be run again then."""

    def apply(self, devices: Sequence[EdgeDevice]) -> None:
        """Replace the devices. Those that stay the same are not disturbed; takes effect while running."""

    def away(self) -> frozenset[str]:
        """Devices behind a broker, line or listener that is down: their silence says nothing about them."""


def cut(text: object, length: int = DETAIL_LENGTH) -> str:
    """Text from outside, fit for a log or a report: one line, printable, at most `length` characters."""
    start = str(text)[: length + 1]
    line = "".join(char if char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in start)
    return line if len(line) <= length else line[: length - 1] + "…"
