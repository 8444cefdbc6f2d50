"""What a declared time means for one alarm. Pure.

A place is everything that an alarm lies in, as (kind, id): its areas up to the subdistrict, the resident or
well, the position, the gateway. A window covers an alarm where its scope is one of these.

Work quietens theft alarms, silence and device faults anywhere in its scope. What may be a person in need
(care, public health) it quietens only where the scope is exactly that resident or position; a sensor's
silence is no such need. A call for help (critical, care) it quietens only where the scope is exactly the
position that calls, the device that is worked on; during work on the resident whoever declared it is asked
first. Some rules are never quietened, since they threaten the crew itself; nor is what the server says of its
own failing, or of a channel's.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from gateway.rules.model import TaskKind

WORK: Final = "work"
DRILL: Final = "drill"
SCOPES: Final = ("area", "resident", "well", "position", "gateway")
Place = frozenset[tuple[str, str]]
_PEOPLE: Final = frozenset({TaskKind.CARE, TaskKind.PUBLIC_HEALTH})
_OURS: Final = frozenset({"server", "channel"})
_EXACT: Final = frozenset({"resident", "position"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Declared:
    """A window that runs now."""

    id: int
    kind: str
    scope: tuple[str, str]
    until: datetime
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Sign:
    """What of an alarm decides whether it may be quietened. `silence`: it says only that nothing is heard."""

    kind: str
    rule: str
    source_kind: str
    silence: bool
    critical: bool = False

    @property
    def calls_help(self) -> bool:
        """Whether somebody calls, or has fallen, or there is smoke."""
        return self.critical and self.kind == TaskKind.CARE and not self.silence


@dataclass(frozen=True, slots=True)
class Expected:
    """The work that quietens an alarm, the drill that makes it a test, and the work whose declarer is asked
    first; None where there is none."""

    work: Declared | None = None
    drill: Declared | None = None
    ask: Declared | None = None


UNEXPECTED: Final = Expected()


def expected(running: Iterable[Declared], sign: Sign, place: Place, *, never: Collection[str]) -> Expected:
    """What the windows that run now make of an alarm at `place`."""
    covering = [window for window in running if window.scope in place]
    work = [w for w in covering if w.kind == WORK and may_mute(w.scope[0], sign, never=never)]
    drills = [window for window in covering if window.kind == DRILL]
    theirs = sign.calls_help and not work and sign.rule not in never
    asks = [w for w in covering if theirs and w.kind == WORK and w.scope[0] == "resident"]
    return Expected(_last(work), _last(drills), _last(asks))


def may_mute(scope_kind: str, sign: Sign, *, never: Collection[str]) -> bool:
    """Whether work on a scope of this kind quietens such an alarm."""
    if sign.source_kind in _OURS or sign.rule in never:
        return False
    if sign.kind not in _PEOPLE or sign.silence:
        return True
    return scope_kind == "position" if sign.calls_help else scope_kind in _EXACT


def _last(windows: list[Declared]) -> Declared | None:
    return max(windows, key=lambda window: (window.until, window.id), default=None)
