"""What one polled device is asked, and what became of it. Values and times in, values out.

Rules:

- Wants of one device with the same period and speed are one poll; it ends in one reading.
- A block without an answer ends its poll: the rest would only wait as well. A device that is down (`Breaker`)
  gets one small probe now and then.
- A poll that is late is not made up for: the turns that it missed are left out.
- After an exchange the device is left alone for its `spacing_ms`; after a silence also for `settle_ms`, so
  that an answer that comes too late is not taken for the next one's (RTU frames carry no number).

Which device is asked next is `edge.core.schedule`'s part.
"""

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from edge.core.breaker import Breaker
from edge.core.plan import HOLES, UNSUPPORTED, Block, Cut, Want, bisect, plan
from firmware_profiles.decode import Registers

SLOWEST_START_MS: Final = 1_000
"""First polls are spread over their period, but no longer than this: data shall be seen soon."""
NO_TARGET: Final = frozenset({10, 11})
"""Exceptions by which a TCP-to-serial gateway says that the unit behind it did not answer."""
RETRY_UNSUPPORTED_MS: Final = 600_000
"""What a device refused is asked for again after ten minutes: it may only have been starting up."""
RETRY_MERGING_MS: Final = 86_400_000


@dataclass(slots=True, eq=False)
class Poll:
    """Wants of one device with one period: when due, what is still to be asked, what was answered."""

    every_ms: int
    fast: bool
    blocks: tuple[Block, ...]
    due_ms: int
    pending: deque[Block] = field(default_factory=deque)
    places: tuple[tuple[int, int], ...] = ()
    words: tuple[int, ...] = ()


class Request(NamedTuple):
    """Something to send now: `poll` is None for a probe. `first` of its poll: a sleeper is to be woken.
    `unheard`: nobody knows yet whether the device is there at all."""

    device: "PolledDevice"
    poll: Poll | None
    fc: int
    address: int
    quantity: int
    first: bool
    unheard: bool = False


class Finished(NamedTuple):
    """A poll is over: what was read, by function code and address (maybe nothing), and what the device does
    not have."""

    values: Registers
    unsupported: tuple[Want, ...] = ()


class PolledDevice:
    """The state of one device on a line. `name` is the caller's for it."""

    def __init__(
        self,
        wants: Iterable[Want],
        *,
        name: str = "",
        now_ms: int,
        jitter: float,
        spacing_ms: int = 0,
        settle_ms: int = 0,
        patience_ms: int = 0,
    ) -> None:
        """`patience_ms`: what an answer that does not come costs the line. Raises
        `edge.core.plan.PlanError`."""
        self.name = name
        self.wants = tuple(sorted(set(wants)))
        self.breaker = Breaker()
        self.quiet_until_ms = now_ms
        self.version = 0
        """Grows whenever what `due` says has changed for more than the poll that was just asked."""
        self.patience_ms = patience_ms
        self._heard = False
        self._spacing_ms = spacing_ms
        self._settle_ms = settle_ms
        self._cuts: frozenset[Cut] = frozenset()
        self._cut_ms = now_ms
        self._missing: dict[Want, int] = {}
        self._outdated = False  # the polls' blocks were made before the newest cut or lack was known
        self._polls: dict[tuple[int, bool], Poll] = {}
        self._replan(now_ms, jitter)

    @property
    def doubtful(self) -> bool:
        """It failed last time: what it is asked next may well cost the whole waiting time again."""
        return self.breaker.failures > 0 or self.breaker.down

    def due(self) -> Iterable[tuple[int, Poll | None]]:
        """What there will be to ask, and when: its polls, or while it is down a probe (None)."""
        if self.breaker.probe_ms is not None:
            return [(self.breaker.probe_ms, None)]
        return [(poll.due_ms, poll) for poll in self._polls.values()]

    def retry_ms(self) -> int | None:
        """When something that the device does not have is to be asked for again, or merging to be tried."""
        times = [since + RETRY_UNSUPPORTED_MS for since in self._missing.values()]
        if self._cuts:
            times.append(self._cut_ms + RETRY_MERGING_MS)
        return min(times, default=None)

    def request(self, poll: Poll | None) -> Request:
        """The next request of a poll, or a probe: one register of what matters most."""
        if poll is None:
            want = min(self.wants, key=lambda want: not want.fast)
            return Request(self, None, want.fc, want.address, 1, True)
        first = not poll.pending
        if first:
            poll.pending.extend(poll.blocks)
            poll.places, poll.words = (), ()
        block = poll.pending[0]
        unheard = not self._heard and not self.breaker.failures
        return Request(self, poll, block.fc, block.address, block.count, first, unheard)

    def answered(self, poll: Poll | None, values: tuple[int, ...], now_ms: int) -> Finished | None:
        """The device sent `values` for its request. Returns the poll's end, if this was its last block."""
        self._alive(now_ms)
        if poll is None:
            # It may be another piece of hardware by now: what the old one lacked is asked for again.
            self._missing.clear()
            self._replan(now_ms, 0.0)
            for other in self._polls.values():
                other.due_ms = now_ms
            return None
        block = poll.pending.popleft()
        poll.places += block.places  # the block's own, if it is the first: most polls have but one
        poll.words += values
        return None if poll.pending else self._finish(poll, now_ms)

    def refused(self, poll: Poll | None, code: int, now_ms: int, jitter: float) -> Finished | None:
        """The device sent exception `code`. Returns the poll's end, if it is over with that."""
        if code in NO_TARGET:
            return self.silent(poll, now_ms, jitter)
        if poll is None:
            return self.answered(None, (), now_ms)
        self._alive(now_ms)
        block = poll.pending[0]
        halves = bisect(block) if code in HOLES else None
        if halves is not None:
            low, high, cut = halves
            poll.pending.popleft()
            poll.pending.extendleft((high, low))
            self._cuts |= {cut}
            self._cut_ms = now_ms
            self._outdated = True
            return None
        if code not in UNSUPPORTED:
            return self._finish(poll, now_ms)
        poll.pending.popleft()
        self._missing |= dict.fromkeys(block.wants, now_ms)
        self._outdated = True
        ended = None if poll.pending else self._finish(poll, now_ms)
        return Finished(ended.values if ended else Registers((), ()), block.wants)

    def silent(self, poll: Poll | None, now_ms: int, jitter: float) -> Finished | None:
        """No answer came. A poll is over with that; what was read before stays valid."""
        self.breaker = self.breaker.failed(now_ms, jitter)
        self.quiet_until_ms = now_ms + max(self._spacing_ms, self._settle_ms)
        self.version += 1
        return None if poll is None else self._finish(poll, now_ms)

    def spoke(self, now_ms: int) -> None:
        """An exchange that is no poll ended: a command, a wake."""
        self.quiet_until_ms = max(self.quiet_until_ms, now_ms + self._spacing_ms)

    def forgive(self, now_ms: int) -> None:
        """Forget lacks and cuts that are old."""
        expired = [want for want, since in self._missing.items() if now_ms - since >= RETRY_UNSUPPORTED_MS]
        stale_cuts = bool(self._cuts) and now_ms - self._cut_ms >= RETRY_MERGING_MS
        for want in expired:
            del self._missing[want]
        if stale_cuts:
            self._cuts = frozenset()
        if expired or stale_cuts:
            self._replan(now_ms, 0.0)

    def _alive(self, now_ms: int) -> None:
        self._heard = True
        if self.breaker.failures or self.breaker.down:
            self.breaker = self.breaker.succeeded()
            self.version += 1
        self.quiet_until_ms = now_ms + self._spacing_ms

    def _finish(self, poll: Poll, now_ms: int) -> Finished:
        values = Registers(poll.places, poll.words)
        poll.pending.clear()
        poll.places, poll.words = (), ()
        poll.due_ms += poll.every_ms
        if poll.due_ms < now_ms:
            poll.due_ms += -(-(now_ms - poll.due_ms) // poll.every_ms) * poll.every_ms
        if self._outdated:
            self._replan(now_ms, 0.0)
        return Finished(values)

    def _replan(self, now_ms: int, jitter: float) -> None:
        self._outdated = False
        self.version += 1
        blocks: dict[tuple[int, bool], list[Block]] = {}
        for block in plan((want for want in self.wants if want not in self._missing), self._cuts):
            first = block.wants[0]
            blocks.setdefault((first.every_ms, first.fast), []).append(block)
        for key in [key for key, poll in self._polls.items() if key not in blocks and not poll.pending]:
            del self._polls[key]
        for (every_ms, fast), members in blocks.items():
            poll = self._polls.get((every_ms, fast))
            if poll is None:
                start_ms = now_ms + int(jitter * min(every_ms, SLOWEST_START_MS))
                self._polls[every_ms, fast] = Poll(every_ms, fast, tuple(members), start_ms)
            else:
                poll.blocks = tuple(members)
