"""When to try the server's broker again.

State machine: `TRANSITIONS` is the whole of it and `Reconnect.on` its one door; what the table does not
have raises and changes nothing. Pauses double from `FIRST_PAUSE_MS` up to `LONGEST_PAUSE_MS` and are spread
by a jitter that is passed in, so that two hundred gateways do not return in one moment. A refused log-in
waits longest at once: trying harder does not help and may lock the account.
"""

from dataclasses import dataclass
from enum import Enum, auto
from typing import Final

FIRST_PAUSE_MS: Final = 500
LONGEST_PAUSE_MS: Final = 60_000
ALARM_PAUSE_MS: Final = 5_000
"""The longest pause while an alarm waits: it must not lie here for a minute after the line is back."""
SETTLED_MS: Final = 10_000
"""A connection that lasted this long was a success: the next failure begins with the first pause."""
LARGEST_DOUBLING: Final = 10


class LinkState(Enum):
    """Where the connection to the server's broker stands."""

    IDLE = auto()
    CONNECTING = auto()
    ONLINE = auto()
    WAITING = auto()
    STOPPED = auto()


class LinkEvent(Enum):
    """What happens to it. REFUSED: the broker does not accept who we are. WAKE cuts a wait short."""

    START = auto()
    CONNECTED = auto()
    FAILED = auto()
    REFUSED = auto()
    LOST = auto()
    WAKE = auto()
    STOP = auto()


TRANSITIONS: Final[dict[LinkState, dict[LinkEvent, LinkState]]] = {
    LinkState.IDLE: {LinkEvent.START: LinkState.CONNECTING, LinkEvent.STOP: LinkState.STOPPED},
    LinkState.CONNECTING: {
        LinkEvent.CONNECTED: LinkState.ONLINE,
        LinkEvent.FAILED: LinkState.WAITING,
        LinkEvent.REFUSED: LinkState.WAITING,
        LinkEvent.STOP: LinkState.STOPPED,
    },
    LinkState.ONLINE: {LinkEvent.LOST: LinkState.WAITING, LinkEvent.STOP: LinkState.STOPPED},
    LinkState.WAITING: {LinkEvent.WAKE: LinkState.CONNECTING, LinkEvent.STOP: LinkState.STOPPED},
    LinkState.STOPPED: {},
}


class IllegalEventError(RuntimeError):
    """The event cannot happen in this state: a mistake of ours."""


@dataclass(slots=True)
class Reconnect:
    """State of one connection. `pause_ms` is how long to wait in WAITING before the event WAKE."""

    state: LinkState = LinkState.IDLE
    pause_ms: int = 0
    _failures: int = 0
    _online_ms: int = 0
    _refused: bool = False

    def on(self, event: LinkEvent, now_ms: int, jitter: float = 0.5) -> LinkState:
        """Take the event at `now_ms` (monotonic); `jitter` from 0 to 1. Raises IllegalEventError."""
        following = TRANSITIONS[self.state].get(event)
        if following is None:
            raise IllegalEventError(f"{event.name} in state {self.state.name}")
        if event is LinkEvent.CONNECTED:
            self._online_ms = now_ms
        elif event is LinkEvent.LOST and now_ms - self._online_ms >= SETTLED_MS:
            self._failures = 0
        if following is LinkState.WAITING:
            self._refused = event is LinkEvent.REFUSED
            self.pause_ms = self._pause(jitter=jitter)
            self._failures += 1
        self.state = following
        return following

    def pause(self, *, hurried: bool) -> int:
        """How long to wait in WAITING, in ms; `hurried` while an alarm waits. Who is refused can't hurry."""
        if not hurried or self._refused or self.pause_ms <= ALARM_PAUSE_MS:
            return self.pause_ms
        return ALARM_PAUSE_MS // 2 + self.pause_ms * ALARM_PAUSE_MS // (2 * LONGEST_PAUSE_MS)

    def _pause(self, *, jitter: float) -> int:
        doubled = FIRST_PAUSE_MS << min(self._failures, LARGEST_DOUBLING)
        whole = LONGEST_PAUSE_MS if self._refused else min(doubled, LONGEST_PAUSE_MS)
        return round(whole * (0.5 + 0.5 * jitter))
