"""Troubles counted by where and why, so that a repeated one is a number and not a flood."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

import structlog

from edge.driver import TroubleReport, cut
from gateway import wire

MAXIMUM_TROUBLES: Final = 50
"""Told in one health message; the oldest go first, since a hostile peer can invent sources."""
KEPT_MS: Final = 24 * 3_600_000

_log = structlog.get_logger(__name__)


@dataclass(slots=True)
class Troubles:
    """What could not be used, since the start or within the last day."""

    _found: dict[tuple[str, str], wire.Trouble] = field(default_factory=dict)

    def add(self, *, source: str, reason: str, detail: str, now_ms: int) -> bool:
        """Count it. True if it is the first of its kind."""
        before = self._found.pop((source, reason), None)
        self._found[(source, reason)] = wire.Trouble(
            source=source,
            reason=reason,
            detail=detail,
            count=1 if before is None else before.count + 1,
            last_ms=now_ms,
        )
        while len(self._found) > MAXIMUM_TROUBLES:
            self._found.pop(next(iter(self._found)))
        return before is None

    def list(self, now_ms: int) -> list[wire.Trouble]:
        """The newest last."""
        return [one for one in self._found.values() if one.last_ms > now_ms - KEPT_MS]


class Reports:
    """Where all parts report what is wrong. `sooner` is set when something new is, or when the health is to
    be told before its time for another reason."""

    def __init__(self, clock: Callable[[], int]) -> None:
        self.sooner = asyncio.Event()
        self._clock = clock
        self._troubles = Troubles()

    def add(self, source: str, reason: str, detail: str) -> None:
        """Count a trouble, and say it aloud the first time."""
        first = self._troubles.add(source=source, reason=reason, detail=detail, now_ms=self._clock())
        if first:
            self.sooner.set()
        say = _log.warning if first else _log.debug
        say("trouble", source=source, reason=reason, detail=detail)

    def disk(self, detail: str) -> None:
        """A lane's trouble with its disk."""
        self.add("lane", "disk", cut(detail))

    def driver(self, report: TroubleReport) -> None:
        """A driver's trouble."""
        self.add(report.source, report.reason.value, report.detail)

    def list(self, now_ms: int) -> list[wire.Trouble]:
        """The troubles of the last day, the newest last."""
        return self._troubles.list(now_ms)
