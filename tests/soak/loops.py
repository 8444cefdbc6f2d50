"""The server's own loops, each round at its fake time: dispatch, messages, sweeps, coverage, wells, auditor.

The steps and messages are looked after on the loops' own grid of half a second, but only where something is
due: looking for nothing changes nothing. Sweeps come less often than in a running server (`Periods`).
"""

from collections.abc import Callable
from concurrent.futures import Executor, Future
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import pytest
from sqlalchemy import func, select

from server.context import Context
from server.coverage.watch import Watch
from server.db.database import Change
from server.db.models import Delivery, DispatchStep
from server.dispatch import auditor, loops
from server.notify.channels import AddressBook, Carrier
from server.notify.sender import Sender
from server.sweeps import SWEEPS
from server.wells.watch import Watch as WellWatch
from tests.soak.clock import FakeClock

GRID_S = 0.5
PHASE = timedelta(seconds=0.25)
"""Messages are looked after between two rounds of the steps."""
NOT_SWEPT = frozenset({"rhythms", "water", "channels", "retention", "auditor"})
"""They learn from weeks, judge metered water, speak to real channels, wait for months, or take an auditor
that comes every ten minutes only (`Periods`) for one that stands still."""
MOST_ROUNDS = 500
"""Rounds of dispatch at one fake second before the simulation calls it stuck."""


@dataclass(frozen=True, kw_only=True)
class Periods:
    """Seconds between rounds; a server's own in comments."""

    gateways: float  # 5
    audit: float  # 5
    coverage: float  # 20
    wells: float  # 30
    states: float  # 30: what each gateway says of itself
    short: float  # 2 to 10: all other sweeps of less than a minute


class Inline(Executor):
    """Does at once what is submitted: fake time stands still meanwhile."""

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        """Runs it."""
        future: Future[Any] = Future()
        future.set_result(fn(*args, **kwargs))
        return future


def set_clocks(patch: pytest.MonkeyPatch, clock: FakeClock) -> None:
    """Puts the fake clock where the server's loops and its ways in read theirs."""
    for name in (
        "server.dispatch.loops.now",
        "server.notify.sender.clock",
        "server.ingest.handlers.now",
        "server.coverage.watch.now",
    ):
        patch.setattr(name, clock.now)


@dataclass(kw_only=True)
class Loops:
    """One server process's loops. `after_round` is called when people may have been told."""

    clock: FakeClock
    context: Context
    carrier: Carrier
    periods: Periods
    after_round: Callable[[], None]
    overdue: int = 0
    rounds: dict[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        context = self.context
        self._book = AddressBook(context.settings.channels_file)
        self._sender = Sender(
            database=context.database,
            book=self._book,
            texts=context.texts,
            carry=self.carrier,
            link_key="simulated",
            public_url="https://sunwell.example",
        )
        self._coverage = Watch(context)
        self._wells = WellWatch(context)
        self._started = self.clock.now()
        self._planned: dict[str, datetime] = {}
        self._changed = True
        self._news: set[Change] = set()
        self._streak: tuple[datetime, int] = (self._started, 0)

    def start(self) -> None:
        """Plans the first rounds of everything."""
        clock, periods = self.clock, self.periods
        clock.follow = self._follow
        self.context.database.listeners.append(self._hear)
        for sweep in SWEEPS:
            if sweep.name not in NOT_SWEPT:
                every = periods.gateways if sweep.name == "gateways" else max(sweep.every_s, periods.short)
                clock.every(every, partial(self._sweep, sweep))
        clock.every(periods.audit, self._audit)
        clock.every(periods.coverage, self.cover)
        clock.every(periods.wells, lambda: self._wells.look(clock.now()))

    async def cover(self) -> None:
        """A round of coverage."""
        self.rounds["coverage"] = self.rounds.get("coverage", 0) + 1
        await self._coverage.round(self.clock.now())

    def _hear(self, change: Change) -> None:
        self._changed = True
        if change.kind in ("task", "desired", "position"):
            self._news.add(change)

    def _follow(self) -> None:
        """After each event: coverage follows what has been committed, and what is due is planned."""
        if not self._changed:
            return
        self._changed = False
        if any(change.what in ("opened", "recurred", "cleared") for change in self._news):
            news, self._news = self._news, set()
            self.clock.at(self.clock.now(), lambda: self._coverage.look(news, self.clock.now()))
        with self.context.database.read() as session:
            step = session.scalar(
                select(func.min(DispatchStep.due_at)).where(DispatchStep.state == "planned")
            )
            message = session.scalar(
                select(func.min(Delivery.due_at)).where(Delivery.state.in_(("queued", "sending")))
            )
        if step is not None:
            self._plan("steps", _on_grid(max(step, self.clock.now())), self._steps)
        if message is not None:
            self._plan("send", _on_grid(max(message, self.clock.now()) - PHASE) + PHASE, self._send)

    def _plan(self, name: str, moment: datetime, what: Callable[[], None]) -> None:
        planned = self._planned.get(name)
        if planned is None or moment < planned:
            self._planned[name] = moment
            self.clock.at(moment, lambda: self._round(name, moment, what))

    def _round(self, name: str, moment: datetime, what: Callable[[], None]) -> None:
        if self._planned.get(name) != moment:
            return  # another was planned for earlier, and has been
        del self._planned[name]
        self._changed = True
        self.rounds[name] = self.rounds.get(name, 0) + 1
        second = moment.replace(microsecond=0)
        self._streak = (second, self._streak[1] + 1) if self._streak[0] == second else (second, 1)
        assert self._streak[1] < MOST_ROUNDS, f"dispatch does not get on at {moment}"
        what()

    def _steps(self) -> None:
        if loops.run_due(self.context.database, self._book):
            self.after_round()

    def _send(self) -> None:
        while self._sender.round(Inline(), now=self.clock.now()):
            pass
        self.after_round()

    def _audit(self) -> None:
        with self.context.database.write() as session:
            self.overdue += bool(auditor.audit(session, now=self.clock.now()))

    def _sweep(self, sweep: Any) -> object:
        self.rounds[sweep.name] = self.rounds.get(sweep.name, 0) + 1
        return sweep.run(self.context, self._started, self.clock.now())


def _on_grid(moment: datetime) -> datetime:
    """The next round's time, at or after the moment."""
    steps = -(-(moment - datetime(2000, 1, 1, tzinfo=UTC)) // timedelta(seconds=GRID_S))
    return datetime(2000, 1, 1, tzinfo=UTC) + steps * timedelta(seconds=GRID_S)
