"""The life of a task, as one table. All moves are here; nothing else changes a state.

`move(state, action)` is the one door: it gives the next state or raises IllegalMoveError, and changes
nothing itself. Actions are what people do (and four that the world does: `recur`, another occurrence
arrives; `worsen`, one that is graver than what its holder took; `expire`, whoever took it did not arrive or
answer in time, or is not among us any more; `fall_due`, a planned task's day has come).

    planned        to be done on a later day: nobody is told before
    new            nobody has been told or nobody has answered yet
    dispatched     given to somebody, who has not answered yet
    acknowledged   somebody has taken it
    on_the_way     … and left
    on_site        … and arrived
    resolved       the need is met; the outcome is still to be confirmed
    closed         ended, with an outcome
    cancelled      ended without anybody's need of it

A recurrence on a resolved task brings it back to dispatched: the need was not met after all. Elsewhere it
leaves the state alone; whoever holds the task is told again, and says so (`heard`). A task whose holder does
not arrive or answer goes back to dispatched, so that another can take it; the holder may still arrive. What
has ended stays ended: `review` looks at it again, `renew` opens another task that is linked to it.
"""

from enum import StrEnum
from typing import Final


class TaskState(StrEnum):
    """Where a task stands."""

    PLANNED = "planned"
    NEW = "new"
    DISPATCHED = "dispatched"
    ACKNOWLEDGED = "acknowledged"
    ON_THE_WAY = "on_the_way"
    ON_SITE = "on_site"
    RESOLVED = "resolved"
    CLOSED = "closed"
    CANCELLED = "cancelled"


class TaskAction(StrEnum):
    """What moves it."""

    ACKNOWLEDGE = "acknowledge"
    HEARD = "heard"  # its holder knows of the further emergency
    DEPART = "depart"
    ARRIVE = "arrive"
    RESOLVE = "resolve"
    CLOSE = "close"
    HAND_OVER = "hand_over"  # the holder asks a colleague, who has to accept
    SNOOZE = "snooze"
    NOTE = "note"
    PHOTO = "photo"
    ESCALATE = "escalate"  # the community cannot solve it: to the subdistrict
    RETURN = "return"  # … and back
    REASSIGN = "reassign"
    CANCEL = "cancel"
    REVIEW = "review"
    RENEW = "renew"
    RECUR = "recur"
    WORSEN = "worsen"
    EXPIRE = "expire"
    FALL_DUE = "fall_due"


class IllegalMoveError(ValueError):
    """The task's state does not allow that action."""

    def __init__(self, state: TaskState, action: TaskAction) -> None:
        super().__init__(f"a task that is {state} cannot {action}")
        self.state = state
        self.action = action


S = TaskState
A = TaskAction
_ALWAYS_WHILE_OPEN: Final = (
    S.PLANNED,
    S.NEW,
    S.DISPATCHED,
    S.ACKNOWLEDGED,
    S.ON_THE_WAY,
    S.ON_SITE,
    S.RESOLVED,
)
_SENT_ON: Final = {A.ESCALATE: S.DISPATCHED, A.RETURN: S.DISPATCHED, A.REASSIGN: S.DISPATCHED}
_LOST: Final = {A.WORSEN: S.DISPATCHED, A.EXPIRE: S.DISPATCHED}
_ENDED: Final = (A.NOTE, A.PHOTO, A.REVIEW, A.RENEW)

TRANSITIONS: Final[dict[TaskState, dict[TaskAction, TaskState]]] = {
    S.PLANNED: {
        A.ACKNOWLEDGE: S.ACKNOWLEDGED,  # somebody does it before its day
        A.CANCEL: S.CANCELLED,
        A.FALL_DUE: S.NEW,
        A.RECUR: S.NEW,
    },
    S.NEW: {
        A.ACKNOWLEDGE: S.ACKNOWLEDGED,
        **_SENT_ON,
        A.SNOOZE: S.NEW,
        A.CANCEL: S.CANCELLED,
    },
    S.DISPATCHED: {
        A.ACKNOWLEDGE: S.ACKNOWLEDGED,
        A.ARRIVE: S.ON_SITE,  # given to somebody who was there already, or was slow
        **_SENT_ON,
        A.SNOOZE: S.DISPATCHED,
        A.CANCEL: S.CANCELLED,
    },
    S.ACKNOWLEDGED: {
        A.HEARD: S.ACKNOWLEDGED,
        A.DEPART: S.ON_THE_WAY,
        A.ARRIVE: S.ON_SITE,  # was there already
        A.RESOLVE: S.RESOLVED,  # by telephone
        A.CLOSE: S.CLOSED,
        A.HAND_OVER: S.DISPATCHED,
        A.SNOOZE: S.ACKNOWLEDGED,
        **_SENT_ON,
        **_LOST,
        A.CANCEL: S.CANCELLED,
    },
    S.ON_THE_WAY: {
        A.HEARD: S.ON_THE_WAY,
        A.ARRIVE: S.ON_SITE,
        A.RESOLVE: S.RESOLVED,
        A.CLOSE: S.CLOSED,
        **_LOST,
        A.HAND_OVER: S.DISPATCHED,
        **_SENT_ON,
        A.CANCEL: S.CANCELLED,
    },
    S.ON_SITE: {
        A.HEARD: S.ON_SITE,
        A.RESOLVE: S.RESOLVED,
        A.CLOSE: S.CLOSED,
        A.HAND_OVER: S.DISPATCHED,
        **_SENT_ON,
        **_LOST,
    },
    S.RESOLVED: {A.CLOSE: S.CLOSED, A.RECUR: S.DISPATCHED},
    S.CLOSED: dict.fromkeys(_ENDED, S.CLOSED),
    S.CANCELLED: dict.fromkeys(_ENDED, S.CANCELLED),
}
for _state in _ALWAYS_WHILE_OPEN:
    TRANSITIONS[_state].setdefault(A.RECUR, _state)
    TRANSITIONS[_state] |= {A.NOTE: _state, A.PHOTO: _state}

OPEN_STATES: Final = frozenset(_ALWAYS_WHILE_OPEN)
BY_THE_WORLD: Final = frozenset({A.RECUR, A.WORSEN, A.EXPIRE, A.FALL_DUE})
"""What nobody does."""
UNANSWERED: Final = frozenset({S.NEW, S.DISPATCHED})
"""Somebody should come, and nobody has said that they will."""
HELD: Final = frozenset({S.ACKNOWLEDGED, S.ON_THE_WAY, S.ON_SITE})
"""Somebody has it."""


def move(state: TaskState, action: TaskAction) -> TaskState:
    """The state after `action`. Raises IllegalMoveError."""
    try:
        return TRANSITIONS[state][action]
    except KeyError:
        raise IllegalMoveError(state, action) from None


def possible(state: TaskState) -> tuple[TaskAction, ...]:
    """What people can do now, in the order in which they usually do it."""
    return tuple(
        action for action in TaskAction if action in TRANSITIONS[state] and action not in BY_THE_WORLD
    )


def diagram() -> str:
    """The table as a Mermaid state diagram."""
    lines = ["stateDiagram-v2", "    [*] --> new", "    [*] --> planned"]
    for state, moves in TRANSITIONS.items():
        lines += [f"    {state} --> {after}: {action}" for action, after in moves.items() if after != state]
    lines += [f"    {state} --> [*]" for state in (S.CLOSED, S.CANCELLED)]
    return "\n".join(lines) + "\n"


def page() -> str:
    """The documentation page that shows the table as a picture."""
    return (
        "# The life of a task\n\nDrawn from the table in `server/tasks/states.py`; `recur` is another "
        "occurrence, `worsen` one that is graver than what its holder took, `expire` a holder who did not "
        "arrive or answer in time or is not there any more, `fall_due` the day of a task that was planned, "
        "everything else is what people do. That its holder has heard of an occurrence, notes, photos, "
        "putting off, reviews and new tasks that are linked to an ended one leave the state as it is."
        f"\n\n```mermaid\n{diagram()}```\n"
    )


if __name__ == "__main__":
    print(page(), end="")  # noqa: T201 - this is its output
