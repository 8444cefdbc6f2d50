"""Whether the gateway's clock can be believed, and how far it was set since the last look.

A Raspberry Pi without a battery clock boots with the time of its last shutdown, or with 1970, until the
network tells it better. Steps are found by comparing the wall clock with the monotonic one.
"""

from dataclasses import dataclass
from typing import Final

EARLIEST_MS: Final = 1_735_689_600_000
"""2025-01-01T00:00Z: before this program existed. A clock that says so was never set."""
STEP_MS: Final = 2_000
"""A smaller difference is slewing, rounding or a busy machine."""


def trusted(now_ms: int, synchronised: bool | None) -> bool:
    """Whether to believe the clock; `synchronised` is None where the system does not tell."""
    return now_ms >= EARLIEST_MS and synchronised is not False


@dataclass(slots=True)
class ClockWatch:
    """Finds steps of the wall clock. Give both clocks in milliseconds, again and again."""

    wall_ms: int
    monotonic_ms: int

    def look(self, wall_ms: int, monotonic_ms: int) -> int:
        """By how much the wall clock was set since the last look; 0 if it just went on."""
        step_ms = (wall_ms - self.wall_ms) - (monotonic_ms - self.monotonic_ms)
        self.wall_ms, self.monotonic_ms = wall_ms, monotonic_ms
        return step_ms if abs(step_ms) >= STEP_MS else 0
