"""The gateway's clock: whether it can be believed, and what was stamped before it could.

A Raspberry Pi without a battery clock boots with the time of its last shutdown, or with 1970, until the
network tells it better. What it stamps before carries the time of a clock that is only never set, and is
put right once the step is known.
"""

from dataclasses import dataclass
from typing import Final, Self

from msgspec.structs import replace

from gateway.wire import AlarmMessage, DataFrame, decode, encode

EARLIEST_MS: Final = 1_735_689_600_000
"""2025-01-01T00:00Z: before this program existed. A clock that says so was never set."""
HOLD_MS: Final = 120_000
"""How long telemetry waits for a right clock after the start, so that it can be put right: time servers
answer within seconds once there is a network. Without one in reach it goes as it is, flagged."""
STEP_MS: Final = 2_000
"""A smaller difference is slewing, rounding or a busy machine."""


def trusted(now_ms: int, synchronised: bool | None) -> bool:
    """Whether to believe the clock; `synchronised` is None where the system does not tell."""
    return now_ms >= EARLIEST_MS and synchronised is not False


@dataclass(slots=True)
class GatewayClock:
    """The gateway's time: a clock that is never set, plus what it lacks to the wall clock.

    Between two calls of `adopt` it just goes on, whatever becomes of the wall clock: all that is stamped in
    between is wrong by the same amount, and can be put right exactly. All times are milliseconds.
    """

    offset_ms: int

    @classmethod
    def begin(cls, wall_ms: int, monotonic_ms: int) -> Self:
        """With the wall clock as it is."""
        return cls(wall_ms - monotonic_ms)

    def now_ms(self, monotonic_ms: int) -> int:
        """The gateway's time, UTC."""
        return monotonic_ms + self.offset_ms

    def adopt(self, wall_ms: int, monotonic_ms: int) -> int:
        """Take over the wall clock; by how much it was set since the last time, 0 if it just went on."""
        step_ms = wall_ms - monotonic_ms - self.offset_ms
        self.offset_ms += step_ms
        return step_ms if abs(step_ms) >= STEP_MS else 0


@dataclass(slots=True)
class Untimed:
    """The stretch of a run in which the clock was not worth believing, on the gateway's own clock."""

    since_ms: int

    def right(self, message: AlarmMessage, step_ms: int) -> AlarmMessage:
        """A message of this stretch, on the clock as it is after the step. It stays flagged. A device's own
        time is none of ours to move: what lies outside the stretch was not stamped by this gateway."""
        ours = not message.clock_trusted and self.since_ms <= message.device_ms <= message.gateway_ms
        return replace(
            message,
            gateway_ms=message.gateway_ms + step_ms,
            device_ms=message.device_ms + step_ms if ours else message.device_ms,
        )


def right_frame(payload: bytes, step_ms: int) -> bytes:
    """A frame of such a stretch, on the clock as it is after the step. Raises WireError."""
    frame: DataFrame = decode("up/data", payload)
    readings = [
        replace(one, r=one.r + step_ms, t=one.t if one.c else one.t + step_ms) for one in frame.readings
    ]
    return encode(replace(frame, readings=readings))
