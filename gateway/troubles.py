"""Troubles counted by where and why, so that a repeated one is a number and not a flood."""

from dataclasses import dataclass, field
from typing import Final

from gateway import wire

MAXIMUM_TROUBLES: Final = 50
"""Told in one health message; the oldest go first, since a hostile peer can invent sources."""
KEPT_MS: Final = 24 * 3_600_000


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
