"""Leaves a device that does not answer alone, so that its neighbours on the line are not kept waiting.

A pure state: times and jitter are arguments. A device is down after `FAILED_CYCLES` failed cycles in a row
that span at least `FAILED_MS`; then it gets one small probe at a time, each twice as late as the one before.
"""

from dataclasses import dataclass, replace
from typing import Final

FAILED_CYCLES: Final = 2
FAILED_MS: Final = 3_000
# Both as in Wiren Board's serial driver, which has polled mixed lines for years.
FIRST_PROBE_MS: Final = 1_000
LONGEST_PROBE_MS: Final = 60_000
# A minute bounds how late a repaired sensor is noticed; the silence rules work in minutes and hours.


@dataclass(frozen=True, slots=True)
class Breaker:
    """`failures` cycles failed in a row since `since_ms`; while down, the next probe is at `probe_ms`."""

    failures: int = 0
    since_ms: int = 0
    probes: int = 0
    probe_ms: int | None = None

    @property
    def down(self) -> bool:
        """Whether the device is given up for the moment."""
        return self.probe_ms is not None

    def succeeded(self) -> "Breaker":
        """It answered."""
        return Breaker()

    def failed(self, now_ms: int, jitter: float) -> "Breaker":
        """A whole cycle or a probe got no answer. `jitter`, 0 to 1, spreads probes over half their wait."""
        if self.probe_ms is not None:
            wait = min(LONGEST_PROBE_MS, FIRST_PROBE_MS * 2 ** min(self.probes, 16))
            return replace(self, probes=self.probes + 1, probe_ms=now_ms + _spread(wait, jitter))
        since_ms = self.since_ms if self.failures else now_ms
        failures = self.failures + 1
        if failures >= FAILED_CYCLES and now_ms - since_ms >= FAILED_MS:
            return Breaker(failures, since_ms, 1, now_ms + _spread(FIRST_PROBE_MS, jitter))
        return Breaker(failures, since_ms)


def _spread(wait_ms: int, jitter: float) -> int:
    return int(wait_ms * (0.75 + 0.5 * jitter))
