"""What one round, row or message meets ends neither its loop nor the server.

A database or store that does not answer is waited for, as ever. Anything else is a mistake of ours, or data
that nobody thought of: it is counted and said in the log with its place, and the others have their turn.
"""

import time
import traceback
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any, Final

import structlog
from prometheus_client import Counter
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError, SQLAlchemyError
from sqlalchemy.orm import Session

from server.errors import StoreUnavailableError

log = structlog.get_logger(__name__)
FRAMES: Final = 4
OUTAGES: Final = (StoreUnavailableError, OperationalError, InterfaceError)
"""A database or store that does not answer."""
LOOPS: Final = ("dispatch", "notify", "audit", "sweeps")
"""The loops without which nobody is told."""
SILENT_S: Final = 45.0
"""Longer than a database takes to answer or to give up; systemd waits 15 s more (`WatchdogSec`)."""
UNEXPECTED = Counter("sunwell_unexpected_failures_total", "What no loop had reckoned with, by part", ["part"])


def failure(error: BaseException) -> str:
    """The kind of an error and where it came from, the innermost place last. Not its message: that may hold
    what somebody wrote."""
    places = traceback.extract_tb(error.__traceback__)[-FRAMES:]
    return f"{type(error).__name__} at " + " > ".join(
        f"{place.filename.rpartition('/')[2]}:{place.lineno}" for place in places
    )


@contextmanager
def survived(event: str, *, outages: bool = True, **facts: Any) -> Iterator[list[str]]:
    """Ends the block, not the loop around it, whatever happens in it. A cancellation goes through; without
    `outages` also a database or store that does not answer. What was survived stands in the list that the
    block is given, as `failure` says it."""
    failed: list[str] = []
    try:
        yield failed
    except Exception as error:  # the one supervised place: what one row meets must not end the server
        if isinstance(error, OUTAGES) and not outages:
            raise
        failed.append(failure(error))
        if isinstance(error, (StoreUnavailableError, SQLAlchemyError)):
            log.warning(event, detail=_said(error), **facts)
            return
        UNEXPECTED.labels(event).inc()
        log.error(event, unexpected=failure(error), **facts)  # noqa: TRY400 - a traceback may show personal data


@contextmanager
def apart(session: Session, event: str, **facts: Any) -> Iterator[None]:
    """One row of a round that has one transaction: what it meets undoes this row's part alone."""
    with survived(event, outages=False, **facts), session.begin_nested():
        yield


def _said(error: Exception) -> str:
    """A statement's own values are left out."""
    if isinstance(error, DBAPIError):
        return f"{type(error).__name__}: {error.orig}"[:300]
    return str(error)[:300]


class Pulse:
    """Whether the loops of this process still turn: each says so after every round, failed or not. A loop
    that waits for ever, in a thread that hangs, falls silent."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._beats: dict[str, float] = {}

    def beat(self, name: str) -> None:
        """The loop got round."""
        self._beats[name] = self._clock()

    def silent(self, names: Iterable[str] = LOOPS) -> tuple[str, ...]:
        """Those of the loops that did not get round for `SILENT_S`; each begins to count when it is first
        asked for."""
        at = self._clock()
        return tuple(name for name in names if at - self._beats.setdefault(name, at) > SILENT_S)
