"""What judging readings leads to: a condition became true (again), or it is over."""

from dataclasses import dataclass
from typing import Literal

from gateway.rules.model import Rule, Scalar


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """News about a breach of `rule`.

    `device_ms` is the own time of the reading that made it so, `identity` names that reading's message
    (None for news that came with time, or from a source without such a mark).
    """

    event: Literal["occurred", "cleared"]
    breach: str
    rule: Rule
    device: str
    point: str | None
    value: Scalar | None
    device_ms: int
    clock_trusted: bool
    identity: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenBreach:
    """A condition that holds now and has been told. `since_ms` is the device time of its start."""

    breach: str
    rule: Rule
    device: str
    since_ms: int
