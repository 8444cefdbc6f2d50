"""Slows down guessing: after some wrong passwords an address or a login has to wait. Pure; `now` comes in."""

from collections import OrderedDict
from datetime import datetime, timedelta
from typing import Final

FREE_TRIES: Final = 5
WAIT: Final = timedelta(minutes=1)
REMEMBERED: Final = 10_000
"""Keys kept at most, so that a flood of invented logins costs bounded memory."""


class Throttle:
    """Counts failures by key. Not shared between processes: each slows down on its own."""

    def __init__(self) -> None:
        self._failures: OrderedDict[str, tuple[int, datetime]] = OrderedDict()

    def wait(self, key: str, *, now: datetime) -> timedelta:
        """How long `key` still has to wait; zero where it may try."""
        count, last = self._failures.get(key, (0, now))
        return max(timedelta(0), last + WAIT - now) if count >= FREE_TRIES else timedelta(0)

    def failed(self, key: str, *, now: datetime) -> None:
        """One wrong try."""
        count, last = self._failures.pop(key, (0, now))
        self._failures[key] = (1 if now - last > WAIT else count + 1, now)
        while len(self._failures) > REMEMBERED:
            self._failures.popitem(last=False)

    def succeeded(self, key: str) -> None:
        """Forgets the failures of `key`."""
        self._failures.pop(key, None)
