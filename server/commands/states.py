"""How far a command can have come, and which word on it may follow which."""

from enum import StrEnum
from typing import Final


class CommandState(StrEnum):
    """`expired`: no gateway has answered in time; a later answer still counts."""

    NEW = "new"  # not published yet
    SENT = "sent"
    QUEUED = "queued"  # a network keeps it until the device listens
    TRANSMITTED = "transmitted"
    DONE = "done"
    FAILED = "failed"
    EXPIRED = "expired"


UNANSWERED: Final = frozenset({CommandState.NEW, CommandState.SENT})
OPEN: Final = UNANSWERED | {CommandState.QUEUED, CommandState.TRANSMITTED}
_RANK: Final = {
    CommandState.NEW: 0,
    CommandState.SENT: 1,
    CommandState.EXPIRED: 1,
    CommandState.QUEUED: 2,
    CommandState.TRANSMITTED: 3,
    CommandState.DONE: 4,
    CommandState.FAILED: 4,
}


def follows(old: CommandState, new: CommandState) -> bool:
    """Whether a reply that says `new` is news after `old`; replies come doubled and out of order."""
    return _RANK[new] > _RANK[old]
