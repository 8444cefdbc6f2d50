"""What sounds at the gateway, and how its light looks.

Rules: each breach that calls for people in earshot sounds for its time, from its newest occurrence on, or
until it ends or is silenced. Silencing is by breach, so that the answer to one press never hushes the next.
Times are milliseconds of a clock that is never set.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from gateway.rules.model import Severity, TaskKind
from gateway.rules.outcomes import Outcome


@dataclass(slots=True)
class Sounding:
    """The breaches that sound now, each with its end. `lasting_ms` is the longest that one sounds."""

    severities: Collection[Severity]
    task_kinds: Collection[TaskKind]
    lasting_ms: int
    _ends: dict[str, int] = field(default_factory=dict)

    def hear(self, outcomes: Iterable[Outcome], now_ms: int) -> bool:
        """Take what judging led to. True if something began to sound, or began anew."""
        began = False
        for outcome in outcomes:
            if outcome.event == "cleared":
                self._ends.pop(outcome.breach, None)
            elif outcome.rule.severity in self.severities and outcome.rule.task_kind in self.task_kinds:
                self._ends[outcome.breach] = now_ms + self.lasting_ms
                began = True
        return began

    def silence(self, breaches: Collection[str] | None = None) -> int:
        """Hush these breaches, or all; how many of them sounded."""
        chosen = set(self._ends) if breaches is None else set(breaches) & set(self._ends)
        for breach in chosen:
            del self._ends[breach]
        return len(chosen)

    def until_ms(self, now_ms: int) -> int | None:
        """When the sound will end by itself; None while nothing sounds."""
        self._ends = {breach: end for breach, end in self._ends.items() if end > now_ms}
        return max(self._ends.values(), default=None)


class Look(StrEnum):
    """What the light says; the worst that holds is shown."""

    LOCATE = "locate"
    ALARM = "alarm"
    FAULT = "fault"
    OFFLINE = "offline"
    WELL = "well"


BLINKS: Final[dict[Look, tuple[int, int]]] = {
    Look.LOCATE: (100, 100),
    Look.ALARM: (250, 250),
    Look.FAULT: (100, 900),
    Look.OFFLINE: (1_000, 1_000),
    Look.WELL: (1, 0),
}
"""Milliseconds on and off, told apart from across a room. Dark for good: the program does not run."""


def lit(look: Look, now_ms: int) -> tuple[bool, int | None]:
    """Whether the light is on now, and in how many milliseconds that changes (None: not by itself)."""
    on_ms, off_ms = BLINKS[look]
    if not off_ms:
        return True, None
    at_ms = now_ms % (on_ms + off_ms)
    return at_ms < on_ms, (on_ms if at_ms < on_ms else on_ms + off_ms) - at_ms
