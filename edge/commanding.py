"""Commands to devices: what a driver that can send them offers, and how it tells what became of them."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol, runtime_checkable

from firmware_profiles import Order


class Stage(StrEnum):
    """How far a command has come."""

    QUEUED = "queued"  # the network keeps it until the device listens
    TRANSMITTED = "transmitted"  # it was radioed; an unconfirmed downlink gets no further
    DONE = "done"


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What is known of the command `key` now. Not `ok`: it failed, for the reason that `detail` gives."""

    key: str
    ok: bool = True
    stage: Stage = Stage.DONE
    detail: str = ""


TellOutcome = Callable[[Outcome], None]
"""Takes what becomes known of a command later, maybe days and restarts after it was sent."""


class CommandError(Exception):
    """The device did not do it, or did not say so. The text says why, and what to try."""


@runtime_checkable
class Commanded(Protocol):
    """A driver that takes orders."""

    async def command(self, key: str, device_id: str, order: Order) -> Outcome:
        """Send an order; returns what is known at once. `key` (a UUID) names it in later outcomes. Raises
        CommandError."""
