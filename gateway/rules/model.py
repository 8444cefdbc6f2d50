"""Rules as data: what has to become true at a position for a person to be told.

A rule belongs to one position and looks at one point (silence looks at all of them). Durations are in
milliseconds and are judged on the readings' own times.
"""

from enum import StrEnum
from typing import Annotated, Literal

import msgspec

LARGEST = 2**63 - 1
"""What both databases, and most languages, take as an integer."""
Scalar = float | Annotated[int, msgspec.Meta(ge=-LARGEST, le=LARGEST)] | bool | str
Duration = Annotated[int, msgspec.Meta(ge=-315_576_000_000, le=315_576_000_000)]
"""Milliseconds, ten years at most: sums of longer ones would leave what a database takes. A negative one is
refused with the other faults of its rule."""


class Severity(StrEnum):
    """From worst to least; see `WORST_FIRST`."""

    CRITICAL = "critical"
    MAJOR = "major"
    MINOR = "minor"
    WARNING = "warning"


WORST_FIRST: tuple[Severity, ...] = tuple(Severity)


def is_worse(severity: str, than: str) -> bool:
    """Whether the first is graver. Raises ValueError where either is no severity."""
    return WORST_FIRST.index(Severity(severity)) < WORST_FIRST.index(Severity(than))


class TaskKind(StrEnum):
    """What sort of task a breach leads to."""

    CARE = "care"
    WELL = "well"
    PUBLIC_HEALTH = "public_health"
    MAINTENANCE = "maintenance"


class Threshold(msgspec.Struct, frozen=True, kw_only=True, tag="threshold", forbid_unknown_fields=True):
    """`point` stands `above` or `below` `limit` for `for_ms`; over when it comes back past `clear`. With
    `around` the point is an angle in degrees, and what is judged is how far it stands from this one (0 to
    180): the way a cover was installed."""

    point: str
    side: Literal["above", "below"]
    limit: float
    clear: float | None = None
    for_ms: Duration = 0
    around: float | msgspec.UnsetType = msgspec.UNSET


class State(msgspec.Struct, frozen=True, kw_only=True, tag="state", forbid_unknown_fields=True):
    """`point` holds one of `values` for `for_ms`; over when it holds another. A repeated value is no news."""

    point: str
    values: tuple[Scalar, ...]
    for_ms: Duration = 0


class Event(msgspec.Struct, frozen=True, kw_only=True, tag="event", forbid_unknown_fields=True):
    """`point` speaks (with one of `values`, if given). Fires at once and each time; echoes of the same
    value within `debounce_ms` belong to the first. An event has no end of its own: people end it."""

    point: str
    values: tuple[Scalar, ...] = ()
    debounce_ms: Duration = 1_000


class Rate(msgspec.Struct, frozen=True, kw_only=True, tag="rate", forbid_unknown_fields=True):
    """`point` changes by at least `change` (its sign gives the direction) within `within_ms`."""

    point: str
    change: float
    within_ms: Duration


class SilenceMode(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """While the state has one of `values`, the device is silent after `after_ms`."""

    values: tuple[Scalar, ...]
    after_ms: Duration


class Silence(
    msgspec.Struct,
    frozen=True,
    kw_only=True,
    tag="silence",
    forbid_unknown_fields=True,
    omit_defaults=True,
):
    """Nothing was heard from the position's device for `after_ms`; while the state `by` has one of the values
    of a mode, for that mode's time (a dry well speaks twice a day, a wet one every minute)."""

    after_ms: Duration
    by: str = ""
    modes: tuple[SilenceMode, ...] = ()


Condition = Threshold | State | Event | Rate | Silence


class Rule(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One rule at one position. (`position`, `id`) is unique: it is what an alarm hangs on."""

    id: str
    position: str
    severity: Severity
    task_kind: TaskKind
    when: Condition
