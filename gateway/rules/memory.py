"""What the engine remembers of a rule, as data that survives a restart."""

from typing import Final

import msgspec

from gateway.rules.model import Rule, Scalar
from gateway.rules.timeline import Timeline

MAXIMUM_MARKS: Final = 256
"""Presses remembered a rule, to know their echoes."""

MAXIMUM_SAMPLES: Final = 1024
"""Samples remembered for a rate of change: 17 minutes of one a second."""

REMEMBERED_MESSAGES: Final = 1_000
REMEMBERED_MS: Final = 24 * 3_600_000
"""A message delivered again is known again for a day, or until a thousand others of its device were told."""


class Memory(msgspec.Struct, kw_only=True, omit_defaults=True):
    """State of one rule. Only the part that its kind of condition needs is filled.

    `timeline` for threshold, state and rate; `marks` (value as JSON, time) for event, oldest first;
    `samples` (time, value) for rate, by time; `silent` is the breach of an open silence, `device` the one
    last heard, `mode` the state that tells its rhythm, with the time at which it was told.
    """

    timeline: Timeline = msgspec.field(default_factory=Timeline)
    marks: list[tuple[str, int]] = []
    samples: list[tuple[int, float]] = []
    silent: str | None = None
    device: str = ""
    mode: tuple[int, Scalar] | None = None


class RuleState(msgspec.Struct, frozen=True, kw_only=True):
    """A rule with its memory: one stored document."""

    rule: Rule
    memory: Memory


class Saved(msgspec.Struct, frozen=True, kw_only=True):
    """A rule's state to be stored: a `RuleState` as JSON. None: the rule is gone, forget it."""

    position: str
    id: str
    document: bytes | None


class Seen(msgspec.Struct, frozen=True, kw_only=True):
    """A message that has already made news for a rule."""

    position: str
    rule: str
    identity: str
    received_ms: int
