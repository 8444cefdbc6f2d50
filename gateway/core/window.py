"""What to send next, and again: alarms first, then frames, until the server says that it has them.

Theory of operation. The window knows what was sent and when; what waits is asked of the lanes each time.
- Alarms are sent at once, all of them (up to `ALARMS_IN_FLIGHT`), oldest first.
- Frames wait while an alarm has not been acknowledged, but only for the alarm's first `RESEND_MS`: an
  alarm that the server can't take must not hold telemetry back for ever.
- Fresh frames go before the backlog; at most `FRAMES_IN_FLIGHT` are unacknowledged and `FRAMES_UNDELIVERED`
  of them not yet with the broker, so that an alarm never finds the line full.
- What is not acknowledged in time is sent again, after pauses that double up to `LONGEST_RESEND_MS`.
- A new connection sends everything anew: nobody knows what the old one delivered.
Times are monotonic milliseconds.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import chain, islice
from typing import Final, Literal

Lane = Literal["alarm", "data"]
ItemId = tuple[Lane, str, int]  # lane, epoch, seq

RESEND_MS: Final = 5_000
LONGEST_RESEND_MS: Final = 60_000
ALARMS_IN_FLIGHT: Final = 500
FRAMES_IN_FLIGHT: Final = 8
FRAMES_UNDELIVERED: Final = 2
"""Frames that the broker has not taken yet: an alarm waits behind 200 kB of a slow line at most."""


@dataclass(slots=True)
class _Sent:
    """One item on its way. Until the broker has taken it (`handed`), sending it again would only add to a
    slow line; if the broker never takes it, the connection ends and everything is sent anew."""

    first_ms: int
    last_ms: int
    times: int = 1
    handed: bool = False

    def due_ms(self) -> int | None:
        return (
            self.last_ms + min(RESEND_MS << min(self.times - 1, 8), LONGEST_RESEND_MS)
            if self.handed
            else None
        )


@dataclass(slots=True)
class Window:
    """What is on its way. `rtt_ms` is the last time from sending to the server's acknowledgement."""

    rtt_ms: float | None = None
    _sent: dict[ItemId, _Sent] = field(default_factory=dict)
    _held_until_ms: int | None = None

    def next(
        self,
        now_ms: int,
        alarms: Iterable[ItemId],
        fresh: Iterable[ItemId],
        backlog: Iterable[ItemId] = (),
    ) -> list[ItemId]:
        """What to send now, in this order, given all that waits in the lanes, each oldest first."""
        first_alarms = list(islice(alarms, ALARMS_IN_FLIGHT))
        first_frames = list(islice(chain(fresh, backlog), FRAMES_IN_FLIGHT))
        waiting = {*first_alarms, *first_frames}
        self._sent = {item: sent for item, sent in self._sent.items() if item in waiting}
        chosen = [item for item in first_alarms if self._ready(item, now_ms)]
        self._mark(chosen, now_ms)
        self._held_until_ms = max(
            (self._sent[one].first_ms + RESEND_MS for one in first_alarms), default=None
        )
        if self._held_until_ms is not None and self._held_until_ms > now_ms:
            return chosen
        self._held_until_ms = None
        room = FRAMES_UNDELIVERED - sum(
            not sent.handed for item, sent in self._sent.items() if item[0] == "data"
        )
        frames = [item for item in first_frames if self._ready(item, now_ms)][: max(room, 0)]
        self._mark(frames, now_ms)
        return chosen + frames

    def next_due_ms(self) -> int | None:
        """When `next` has to be asked again if nothing else happens."""
        held = self._held_until_ms is not None
        dues = [
            due_ms
            for item, sent in self._sent.items()
            if (item[0] == "alarm" or not held) and (due_ms := sent.due_ms()) is not None
        ]
        return min([*dues, *([] if self._held_until_ms is None else [self._held_until_ms])], default=None)

    def handed_over(self, item: ItemId, now_ms: int) -> None:
        """The broker has taken it; now the server's acknowledgement is waited for."""
        sent = self._sent.get(item)
        if sent is not None:
            sent.handed = True
            sent.last_ms = now_ms

    def acknowledged(self, item: ItemId, now_ms: int) -> bool:
        """The server has it; whether it was sent on this connection."""
        sent = self._sent.pop(item, None)
        if sent is not None and sent.times == 1:
            self.rtt_ms = float(now_ms - sent.first_ms)
        return sent is not None

    def reconnected(self) -> None:
        """A new connection: everything has to be sent anew."""
        self._sent.clear()

    def _ready(self, item: ItemId, now_ms: int) -> bool:
        sent = self._sent.get(item)
        if sent is None:
            return True
        due_ms = sent.due_ms()
        return due_ms is not None and due_ms <= now_ms

    def _mark(self, items: Iterable[ItemId], now_ms: int) -> None:
        for item in items:
            sent = self._sent.get(item)
            if sent is None:
                self._sent[item] = _Sent(now_ms, now_ms)
            else:
                sent.last_ms = now_ms
                sent.times += 1
                sent.handed = False
