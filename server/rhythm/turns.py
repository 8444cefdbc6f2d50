"""Residents one after the other: what one of them meets keeps nobody else from being looked at."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from server.supervision import survived

MOST: Final = 3
"""So many in a row that cannot be looked at are the store's failing, not theirs: each costs a time-out."""


class Turns:
    """One round. `is_over` says that the rest had better wait for the next."""

    def __init__(self) -> None:
        self._failed = 0

    @property
    def is_over(self) -> bool:
        """Whether nobody could be looked at any more."""
        return self._failed >= MOST

    @contextmanager
    def one(self, event: str, resident_id: str) -> Iterator[None]:
        """The turn of one resident. Whatever fails in it is said as `event` and ends this turn alone."""
        with survived(event, resident=resident_id) as failed:
            yield
        self._failed = self._failed + 1 if failed else 0
