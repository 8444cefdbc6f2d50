"""What each channel of this process has on its way: so many messages and no more, each for so long.

A channel that is slow or hangs fills its own places and nobody else's. What it has held for too long is given
up, so that the next channel follows; its place stays taken until its program lets go.
"""

import threading
from collections.abc import Hashable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final, Generic, TypeVar

PLACES: Final = 8
"""Messages that one channel has on their way at the same time, in one process."""
K = TypeVar("K", bound=Hashable)


@dataclass(slots=True)
class _Way(Generic[K]):
    channel: str
    since: datetime
    given_up: bool = False


@dataclass(slots=True)
class Lanes(Generic[K]):
    """The places of all channels. Threads may share it."""

    limit: timedelta
    _ways: dict[K, _Way[K]] = field(default_factory=dict)
    _ended: threading.Condition = field(default_factory=threading.Condition)

    def free(self, channel: str) -> int:
        """How many more messages it may take."""
        with self._ended:
            return PLACES - sum(way.channel == channel for way in self._ways.values())

    def hangs(self, channel: str) -> bool:
        """Whether all its places are held by what was given up."""
        with self._ended:
            held = [way for way in self._ways.values() if way.channel == channel]
        return len(held) >= PLACES and all(way.given_up for way in held)

    def begin(self, key: K, channel: str, *, now: datetime) -> None:
        """A message goes on its way."""
        with self._ended:
            self._ways[key] = _Way(channel, now)

    def end(self, key: K) -> None:
        """It has come to its end, whatever that was."""
        with self._ended:
            self._ways.pop(key, None)
            self._ended.notify_all()

    def stands(self, key: K) -> bool:
        """Whether the message is on its way and has not been given up."""
        with self._ended:
            way = self._ways.get(key)
            return way is not None and not way.given_up

    def too_long(self, *, now: datetime) -> list[K]:
        """What has been on its way for longer than the limit: each once; it is given up with that."""
        with self._ended:
            late = [
                key for key, way in self._ways.items() if not way.given_up and now - way.since >= self.limit
            ]
            for key in late:
                self._ways[key].given_up = True
        return late

    def wait(self, seconds: float) -> None:
        """Until nothing is on its way that was not given up, or so long."""
        with self._ended:
            self._ended.wait_for(lambda: all(way.given_up for way in self._ways.values()), seconds)
