"""What to ask the devices on one line next. Values and times in, requests out; it owns no clock or socket.

Rules:

- Wants of one device with the same period and speed are one poll; it ends in one reading.
- Fast (alarm) polls go first. A slow block is let in between two fast ones only when it is late by more than
  its own period, so that at most one slow block stands between two alarm polls and none starves.
- A block without an answer ends its poll: the rest would only wait as well. A device that is down (`Breaker`)
  gets one small probe now and then.
- A poll that is late is not made up for: the turns that it missed are left out.
"""

from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from edge.core.breaker import Breaker
from edge.core.plan import HOLES, UNSUPPORTED, Block, Cut, Want, bisect, plan

SLOWEST_START_MS: Final = 1_000
"""First polls are spread over their period, but no longer than this: data shall be seen soon."""
NO_TARGET: Final = frozenset({10, 11})
"""Exceptions by which a TCP-to-serial gateway says that the unit behind it did not answer."""
RETRY_UNSUPPORTED_MS: Final = 600_000
"""What a device refused is asked for again after ten minutes: it may only have been starting up."""
RETRY_MERGING_MS: Final = 86_400_000


@dataclass(slots=True)
class Poll:
    """Wants of one device with one period: when due, what is still to be asked, what was answered."""

    every_ms: int
    fast: bool
    blocks: tuple[Block, ...]
    due_ms: int
    pending: deque[Block] = field(default_factory=deque)
    values: dict[tuple[int, int], int] = field(default_factory=dict)


class Request(NamedTuple):
    """Something to send now: `poll` is None for a probe."""

    device: "PolledDevice"
    poll: Poll | None
    fc: int
    address: int
    quantity: int


class Finished(NamedTuple):
    """A poll is over: what was read, by function code and address (maybe nothing), and what the device does
    not have."""

    values: Mapping[tuple[int, int], int]
    unsupported: tuple[Want, ...] = ()


class PolledDevice:
    """The state of one device on a line. `unit` is its address there."""

    def __init__(self, wants: Iterable[Want], *, now_ms: int, jitter: float) -> None:
        """Raises `edge.core.plan.PlanError`."""
        self.wants = tuple(sorted(set(wants)))
        self.breaker = Breaker()
        self._cuts: frozenset[Cut] = frozenset()
        self._cut_ms = now_ms
        self._missing: dict[Want, int] = {}
        self._outdated = False  # the polls' blocks were made before the newest cut or lack was known
        self._polls: dict[tuple[int, bool], Poll] = {}
        self._replan(now_ms, jitter)

    def due(self, now_ms: int) -> Iterable[tuple[int, Poll | None]]:
        """What there will be to ask, and when: its polls, or while it is down a probe (None)."""
        self._forgive(now_ms)
        if self.breaker.probe_ms is not None:
            return [(self.breaker.probe_ms, None)]
        return [(poll.due_ms, poll) for poll in self._polls.values()]

    def retry_ms(self) -> int | None:
        """When something that the device does not have will be asked for again."""
        return min(self._missing.values()) + RETRY_UNSUPPORTED_MS if self._missing else None

    def request(self, poll: Poll | None) -> Request:
        """The next request of a poll, or a probe: one register of what matters most."""
        if poll is None:
            want = min(self.wants, key=lambda want: not want.fast)
            return Request(self, None, want.fc, want.address, 1)
        if not poll.pending:
            poll.pending.extend(poll.blocks)
            poll.values = {}
        block = poll.pending[0]
        return Request(self, poll, block.fc, block.address, block.count)

    def answered(self, poll: Poll | None, values: list[int], now_ms: int) -> Finished | None:
        """The device sent `values` for its request. Returns the poll's end, if this was its last block."""
        self.breaker = self.breaker.succeeded()
        if poll is None:
            for other in self._polls.values():
                other.due_ms = now_ms
            return None
        block = poll.pending.popleft()
        poll.values |= {(block.fc, block.address + offset): value for offset, value in enumerate(values)}
        return None if poll.pending else self._finish(poll, now_ms)

    def refused(self, poll: Poll | None, code: int, now_ms: int, jitter: float) -> Finished | None:
        """The device sent exception `code`. Returns the poll's end, if it is over with that."""
        if code in NO_TARGET:
            return self.silent(poll, now_ms, jitter)
        if poll is None:
            return self.answered(None, [], now_ms)
        self.breaker = self.breaker.succeeded()
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
        return Finished(ended.values if ended else {}, block.wants)

    def silent(self, poll: Poll | None, now_ms: int, jitter: float) -> Finished | None:
        """No answer came. A poll is over with that; what was read before stays valid."""
        self.breaker = self.breaker.failed(now_ms, jitter)
        return None if poll is None else self._finish(poll, now_ms)

    def _finish(self, poll: Poll, now_ms: int) -> Finished:
        values = poll.values
        poll.pending.clear()
        poll.values = {}
        poll.due_ms += poll.every_ms
        if poll.due_ms < now_ms:
            poll.due_ms += -(-(now_ms - poll.due_ms) // poll.every_ms) * poll.every_ms
        if self._outdated:
            self._replan(now_ms, 0.0)
        return Finished(values)

    def _forgive(self, now_ms: int) -> None:
        if not self._missing and not self._cuts:
            return
        expired = [want for want, since in self._missing.items() if now_ms - since >= RETRY_UNSUPPORTED_MS]
        stale_cuts = bool(self._cuts) and now_ms - self._cut_ms >= RETRY_MERGING_MS
        if not expired and not stale_cuts:
            return
        for want in expired:
            del self._missing[want]
        if stale_cuts:
            self._cuts = frozenset()
        self._replan(now_ms, 0.0)

    def _replan(self, now_ms: int, jitter: float) -> None:
        self._outdated = False
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


Entry = tuple[int, PolledDevice, Poll | None]


class LineSchedule:
    """Chooses among the devices of a line."""

    def __init__(self) -> None:
        self.devices: dict[str, PolledDevice] = {}
        self._last_was_fast = False

    def choose(self, now_ms: int) -> Request | int | None:
        """The request to send now; or when there will be one; or None if there never will be."""
        entries: list[Entry] = [
            (when_ms, device, poll)
            for device in self.devices.values()
            for when_ms, poll in device.due(now_ms)
        ]
        ready = [entry for entry in entries if entry[0] <= now_ms]
        if not ready:
            times = [entry[0] for entry in entries]
            times += [ms for device in self.devices.values() if (ms := device.retry_ms()) is not None]
            return min(times, default=None)
        fast = [entry for entry in ready if entry[2] is not None and entry[2].fast]
        late = [entry for entry in ready if entry not in fast and _late(entry, now_ms)]
        candidates = late if late and self._last_was_fast else fast or ready
        _, device, poll = min(candidates, key=lambda entry: entry[0])
        self._last_was_fast = poll is not None and poll.fast
        return device.request(poll)


def _late(entry: Entry, now_ms: int) -> bool:
    when_ms, _, poll = entry
    return poll is not None and now_ms - when_ms > poll.every_ms
