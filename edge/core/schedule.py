"""Which device on a line is asked next. Values and times in, requests out; it owns no clock or socket.

Rules:

- Fast (alarm) polls go first, the one due first before the others. A slow block is let in between two fast
  ones only when it is late by more than its own period, so that at most one slow block stands between two
  alarm polls and none starves. Of slow polls the one that would be late first goes first.
- Devices that failed last time, or are down, are doubtful. They are asked while nothing else becomes due
  before the waiting for them would end. Where there is no such gap for long, waiting for them may take a
  tenth of the line's time. So the others keep theirs however many are dead. One that lost a single answer on
  a sound line is asked again at its usual time.
- A device that wants to be left alone for a while is passed over without holding up the others.

What is due later waits in a heap by time; what is due stands in one heap for each class. An entry whose
device was removed, or has changed its mind since (`PolledDevice.version`), is dropped at the top of its heap.
"""

from heapq import heapify, heappop, heappush
from typing import Final, NamedTuple

from edge.core.polling import NO_TARGET, Finished, Poll, PolledDevice, Request

BUSY_SHARE: Final = 10
"""Waiting in vain for doubtful devices takes at most one part in so many of a busy line's time: with ten dead
of fifty units the rest keep nine tenths, and each dead one is still looked for about once a minute."""


class _Entry(NamedTuple):
    rank_ms: int  # in the waiting heap when it is due; among what is due, the order of its class
    number: int  # the older one first; no two entries compare further than this
    device: PolledDevice
    poll: Poll | None
    version: int
    due_ms: int
    retry: bool  # nothing to ask, only lacks and cuts to forget


class LineSchedule:
    """Chooses among the devices of a line. Each `Request` has to be answered by `answered`, `refused` or
    `silent` before the next is chosen."""

    def __init__(self) -> None:
        self._devices: dict[str, PolledDevice] = {}
        self._waiting: list[_Entry] = []
        self._fast: list[_Entry] = []
        self._slow: list[_Entry] = []
        self._doubtful: list[_Entry] = []
        self._number = 0
        self._last_was_fast = False
        self._asked: _Entry | None = None
        self._asked_ms = 0
        self._busy_from_ms = 0

    def add(self, device: PolledDevice) -> None:
        """A device joins, or replaces the one of its name."""
        self._devices[device.name] = device
        self._queue(device)

    def remove(self, name: str) -> None:
        """A device leaves. What it was asked last may still be answered."""
        del self._devices[name]
        for heap in (self._waiting, self._fast, self._slow, self._doubtful):
            heap[:] = [entry for entry in heap if entry.device.name != name]
            heapify(heap)

    def choose(self, now_ms: int) -> Request | int | None:
        """The request to send now; or when there will be one; or None if there never will be."""
        entry = self._only(now_ms)
        if entry is None:
            self._collect(now_ms)
            entry = self._next(now_ms)
        if entry is None:
            head = self._waiting_head()
            times = [] if head is None else [head.rank_ms]
            if self._doubtful:
                times.append(self._turn_ms(self._doubtful[0]))
            return min(times, default=None)
        self._asked, self._asked_ms = entry, now_ms
        self._last_was_fast = entry.poll is not None and entry.poll.fast and not entry.device.doubtful
        return entry.device.request(entry.poll)

    def answered(self, request: Request, values: tuple[int, ...], now_ms: int) -> Finished | None:
        """See `PolledDevice.answered`."""
        finished = request.device.answered(request.poll, values, now_ms)
        self._requeue(request)
        return finished

    def refused(self, request: Request, code: int, now_ms: int, jitter: float) -> Finished | None:
        """See `PolledDevice.refused`."""
        if code in NO_TARGET:
            self._charge(request, now_ms)
        finished = request.device.refused(request.poll, code, now_ms, jitter)
        self._requeue(request)
        return finished

    def silent(self, request: Request, now_ms: int, jitter: float) -> Finished | None:
        """See `PolledDevice.silent`."""
        self._charge(request, now_ms)
        finished = request.device.silent(request.poll, now_ms, jitter)
        self._requeue(request)
        return finished

    def _charge(self, request: Request, now_ms: int) -> None:
        if request.device.doubtful:
            cost_ms = now_ms - self._asked_ms
            self._busy_from_ms = now_ms + (BUSY_SHARE - 1) * cost_ms

    def _next(self, now_ms: int) -> _Entry | None:
        fast, slow = self._head(self._fast, now_ms), self._head(self._slow, now_ms)
        doubtful = self._head(self._doubtful, now_ms)
        if fast is None or self._last_was_fast:
            if doubtful is not None and now_ms >= self._turn_ms(doubtful):
                return heappop(self._doubtful)
            if fast is not None and slow is not None and slow.rank_ms < now_ms:
                return heappop(self._slow)
        for head, heap in ((fast, self._fast), (slow, self._slow)):
            if head is not None:
                return heappop(heap)
        if doubtful is not None and (
            now_ms >= self._turn_ms(doubtful) or self._is_free_until(now_ms + doubtful.device.patience_ms)
        ):
            return heappop(self._doubtful)
        return None

    def _turn_ms(self, doubtful: _Entry) -> int:
        """When a doubtful device is asked although others have to wait for it. One that failed only once is
        asked soon: it may be an alarm's. The others first wait for a gap."""
        device = doubtful.device
        if device.breaker.failures <= 1:
            return self._busy_from_ms
        return max(self._busy_from_ms, doubtful.due_ms + BUSY_SHARE * device.patience_ms)

    def _is_free_until(self, until_ms: int) -> bool:
        """Whether nothing that will be answered becomes due before that."""
        return not any(
            entry.rank_ms < until_ms and not entry.retry and not entry.device.doubtful and self._valid(entry)
            for entry in self._waiting
        )

    def _only(self, now_ms: int) -> _Entry | None:
        """What is due, if it is but one and a sure thing: the usual case on a line with a single device."""
        waiting = self._waiting
        if self._fast or self._slow or self._doubtful or not waiting or waiting[0].rank_ms > now_ms:
            return None
        entry = waiting[0]
        if any(other.rank_ms <= now_ms for other in waiting[1:3]) or entry.retry or entry.poll is None:
            return None
        if entry.device.doubtful or entry.device.quiet_until_ms > now_ms or not self._valid(entry):
            return None
        return heappop(waiting)

    def _collect(self, now_ms: int) -> None:
        """Moves what has become due into the heap of its class."""
        while self._waiting and self._waiting[0].rank_ms <= now_ms:
            entry = heappop(self._waiting)
            if entry.retry and self._valid(entry):
                entry.device.forgive(now_ms)
                self._queue(entry.device)
            elif self._valid(entry):
                self._class(entry)

    def _class(self, entry: _Entry) -> None:
        _, number, device, poll, version, due_ms, retry = entry
        if poll is None or device.doubtful:
            heap, rank_ms = self._doubtful, due_ms
        elif poll.fast:
            heap, rank_ms = self._fast, due_ms
        else:
            heap, rank_ms = self._slow, due_ms + poll.every_ms
        # Made anew: `_replace` takes five times as long, once for each poll.
        heappush(heap, _Entry(rank_ms, number, device, poll, version, due_ms, retry))

    def _head(self, heap: list[_Entry], now_ms: int) -> _Entry | None:
        while heap:
            entry = heap[0]
            if not self._valid(entry):
                heappop(heap)
            elif entry.device.quiet_until_ms > now_ms:
                heappop(heap)
                heappush(self._waiting, entry._replace(rank_ms=entry.device.quiet_until_ms))
            else:
                return entry
        return None

    def _waiting_head(self) -> _Entry | None:
        while self._waiting and not self._valid(self._waiting[0]):
            heappop(self._waiting)
        return self._waiting[0] if self._waiting else None

    def _valid(self, entry: _Entry) -> bool:
        device = entry.device
        return entry.version == device.version and self._devices.get(device.name) is device

    def _requeue(self, request: Request) -> None:
        entry, self._asked = self._asked, None
        if entry is None or self._devices.get(request.device.name) is not request.device:
            return
        if not self._valid(entry) or entry.poll is None:
            self._queue(request.device)
        elif entry.poll.pending:
            self._class(entry)
        else:
            self._wait(request.device, entry.poll.due_ms, entry.poll)

    def _queue(self, device: PolledDevice) -> None:
        """Everything that the device has to be asked; entries of before are void by its new version."""
        device.version += 1
        for due_ms, poll in device.due():
            self._wait(device, due_ms, poll)
        retry_ms = device.retry_ms()
        if retry_ms is not None:
            self._wait(device, retry_ms, None, retry=True)

    def _wait(self, device: PolledDevice, due_ms: int, poll: Poll | None, *, retry: bool = False) -> None:
        self._number += 1
        heappush(self._waiting, _Entry(due_ms, self._number, device, poll, device.version, due_ms, retry))
