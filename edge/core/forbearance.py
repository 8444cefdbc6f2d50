"""Leaves a device alone whose payloads make its decoder run over its limits, so that its neighbours are not
kept waiting: each such payload costs up to 300 ms in which no other script can run.

A pure state; `now_ms` is an argument. After `COSTLY` payloads in a row each one is followed by a rest,
twice as long as the one before. One payload that decodes ends it.
"""

from dataclasses import dataclass
from typing import Final

COSTLY: Final = 3
"""Fewer could be a machine that is busy for a moment."""
FIRST_REST_MS: Final = 1_000
LONGEST_REST_MS: Final = 60_000
"""A minute bounds how late a device is heard again that speaks sense again."""


@dataclass(frozen=True, slots=True)
class Forbearance:
    """`costly` payloads in a row; nothing is decoded before `until_ms`."""

    costly: int = 0
    until_ms: int = 0

    def rests(self, now_ms: int) -> bool:
        """Whether the device is left alone now. A clock that was put back ends a rest."""
        return now_ms < self.until_ms <= now_ms + LONGEST_REST_MS

    def cost(self, now_ms: int) -> "Forbearance":
        """A payload ran over its limits."""
        costly = self.costly + 1
        if costly < COSTLY:
            return Forbearance(costly)
        rest_ms = min(LONGEST_REST_MS, FIRST_REST_MS * 2 ** min(costly - COSTLY, 16))
        return Forbearance(costly, now_ms + rest_ms)
