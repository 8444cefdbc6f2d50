"""The clock of a simulated day, the only thing in it that is not real: time jumps from event to event."""

import heapq
import inspect
from collections.abc import Callable
from datetime import datetime, timedelta
from itertools import count

from server.clock import to_ms

Happening = Callable[[], object]
"""What happens; awaited where it can be."""


class FakeClock:
    """Events in the order of their times; those of one time in the order in which they were planned."""

    def __init__(self, start: datetime) -> None:
        self.moment = start
        self._events: list[tuple[datetime, int, Happening]] = []
        self._numbers = count()
        self.follow: Callable[[], None] | None = None
        """Called after each event."""

    def now(self) -> datetime:
        """The fake present, in place of `server.clock.now`."""
        return self.moment

    @property
    def now_ms(self) -> int:
        """The same as wire time."""
        return to_ms(self.moment)

    def at(self, moment: datetime, what: Happening) -> None:
        """Plans an event; one for the past happens next."""
        heapq.heappush(self._events, (max(moment, self.moment), next(self._numbers), what))

    def after(self, seconds: float, what: Happening) -> None:
        """Plans an event so many seconds from now."""
        self.at(self.moment + timedelta(seconds=seconds), what)

    def every(self, seconds: float, what: Happening, *, first: float | None = None) -> None:
        """Plans an event again and again, for the first time after `first` seconds."""

        def again() -> object:
            self.after(seconds, again)
            return what()

        self.after(seconds if first is None else first, again)

    async def run(self, until: datetime) -> int:
        """Lets everything happen up to `until`; how many events that were."""
        happened = 0
        while self._events and self._events[0][0] <= until:
            self.moment, _, what = heapq.heappop(self._events)
            waiting = what()
            if inspect.isawaitable(waiting):
                await waiting
            if self.follow is not None:
                self.follow()
            happened += 1
        self.moment = until
        return happened
