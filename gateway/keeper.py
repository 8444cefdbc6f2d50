"""Keeps alarms: runs the alarm lane on a thread of its own and knows what is to be sent."""

import asyncio
import sqlite3
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Final

import structlog

from gateway import wire
from gateway.core.clock import Untimed
from gateway.core.window import ItemId
from gateway.lanes.alarm import AlarmLane
from gateway.lanes.files import LaneError
from gateway.rules.memory import Saved
from gateway.rules.outcomes import Outcome

MAXIMUM_WAITING: Final = 2_000
"""Messages held in memory for sending; the file holds the rest until these are through."""
MEND_EVERY_MS: Final = 30_000
"""How often a lane that has lost its file, or its reserve, tries to have it again."""

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class _Job:
    outcomes: Sequence[Outcome]
    saved: Sequence[Saved]
    now_ms: int
    done: asyncio.Future[None]


class AlarmKeeper:
    """Writes outcomes; what was written waits here until the server acknowledges it.

    `wake` is called when there is something new to send, `trouble` with what is wrong with the disk.
    `reopen` opens the lane's file anew (setting it aside if it is broken): after an error, and from time to
    time while alarms are kept in memory only. `mended` is set when they are on disk again.
    """

    def __init__(
        self,
        lane: AlarmLane,
        thread: ThreadPoolExecutor,
        *,
        new_epoch: Callable[[], str],
        wake: Callable[[], None],
        trouble: Callable[[str], None],
        reopen: Callable[[], AlarmLane] | None = None,
    ) -> None:
        self.mended = asyncio.Event()
        self._reopen = reopen
        self._mend_at_ms = 0
        self._certain: tuple[str, int] | None = None
        self._untimed: Untimed | None = None
        self._untimed_names: list[ItemId] = []
        self._lane = lane
        self._thread = thread
        self._new_epoch = new_epoch
        self._wake = wake
        self._trouble = trouble
        self._loop = asyncio.get_running_loop()
        self._jobs: deque[_Job] = deque()
        self._acknowledged: deque[tuple[str, list[int]]] = deque()
        self._waiting: dict[ItemId, wire.AlarmMessage] = {}
        self._more_on_disk = False
        self._depth = 0

    async def start(self) -> None:
        """Take up what waited in the file."""
        await self._run(self._reload)

    async def keep(self, outcomes: Sequence[Outcome], saved: Sequence[Saved], now_ms: int) -> None:
        """Return once the outcomes are durable. They are sent even if the caller is cancelled meanwhile."""
        job = _Job(outcomes, saved, now_ms, self._loop.create_future())
        self._jobs.append(job)
        self._thread.submit(self._drain)
        await asyncio.shield(job.done)

    def acknowledge(self, epoch: str, seqs: Sequence[int]) -> None:
        """The server has these."""
        for seq in seqs:
            if self._waiting.pop(("alarm", epoch, seq), None) is not None:
                self._depth -= 1
        self._acknowledged.append((epoch, list(seqs)))
        self._thread.submit(self._drain)
        if self._more_on_disk and not self._waiting:
            self._thread.submit(self._reload)

    def waiting(self) -> list[ItemId]:
        """What is to be sent, oldest first."""
        return list(self._waiting)

    def payload(self, item: ItemId) -> bytes | None:
        """The message as it is sent; None if it was acknowledged meanwhile."""
        message = self._waiting.get(item)
        return None if message is None else wire.encode(message)

    def depth(self) -> tuple[int, int | None]:
        """How many messages wait, and since when (UTC ms) the oldest."""
        oldest = next(iter(self._waiting.values()), None)
        return max(self._depth, len(self._waiting)), None if oldest is None else oldest.gateway_ms

    def distrust_clock(self, since_ms: int) -> None:
        """What is kept from now on may have to be put right."""
        self._untimed = Untimed(since_ms)

    def right_clock(self, step_ms: int) -> None:
        """The clock was set: put right what was kept since it was distrusted and not sent for good yet."""
        untimed = self._untimed
        if untimed is None:
            return
        names = [name for name in self._untimed_names if name in self._waiting]
        for name in names:
            self._waiting[name] = untimed.right(self._waiting[name], step_ms)
        messages = [self._waiting[name] for name in names]
        self._thread.submit(self._right, messages, step_ms, untimed.since_ms)
        self._untimed_names = names
        untimed.since_ms += step_ms

    def trust_clock(self) -> None:
        """What is kept from now on is right."""
        self._untimed, self._untimed_names = None, []

    @property
    def durable(self) -> bool:
        """Whether alarms are on a disk when they are kept; otherwise a crash would lose them."""
        return self._lane.durable

    def look_after(self, now_ms: int) -> None:
        """Let the lane have its file again, if it lost it. `now_ms` is monotonic. Call from time to time."""
        if now_ms >= self._mend_at_ms:
            self._mend_at_ms = now_ms + MEND_EVERY_MS
            self._thread.submit(self._mend)

    async def close(self) -> None:
        """Write what was acknowledged and close the file."""
        await self._run(self._drain)
        await self._run(self._lane.close)

    async def _run(self, work: Callable[[], None]) -> None:
        await self._loop.run_in_executor(self._thread, work)

    # What follows runs on the lane's thread; it speaks to the event loop by call_soon_threadsafe only.

    def _drain(self) -> None:
        """Write all jobs that wait in one transaction; later calls then find nothing to do."""
        jobs = [self._jobs.popleft() for _ in range(len(self._jobs))]
        if jobs:
            outcomes = [outcome for job in jobs for outcome in job.outcomes]
            saved = [state for job in jobs for state in job.saved]
            messages: list[wire.AlarmMessage] | None = None
            try:
                messages = self._write(outcomes, saved, jobs[0].now_ms)
            finally:  # whatever happens, a driver must not wait for ever
                self._loop.call_soon_threadsafe(self._written, messages, [job.done for job in jobs])
        seqs: dict[str, list[int]] = {}
        for _ in range(len(self._acknowledged)):
            epoch, some = self._acknowledged.popleft()
            seqs.setdefault(epoch, []).extend(some)
        for epoch, all_seqs in seqs.items():
            try:
                self._lane.acknowledge(epoch, all_seqs)
            except LaneError as error:  # they are sent again; the server knows them
                self._say(str(error))

    def _write(
        self, outcomes: Sequence[Outcome], saved: Sequence[Saved], now_ms: int
    ) -> list[wire.AlarmMessage]:
        had_reserve = self._lane.has_reserve()
        try:
            messages = self._lane.write(outcomes, saved, now_ms)
        except LaneError as error:
            if not outcomes:
                self._say(str(error))
                return []
            return self._write_elsewhere(error, outcomes, saved, now_ms)
        if had_reserve and not self._lane.has_reserve():
            self._say("alarm lane: the disk is full; alarms go on in the room that was kept for them")
        return messages

    def _write_elsewhere(
        self, error: LaneError, outcomes: Sequence[Outcome], saved: Sequence[Saved], now_ms: int
    ) -> list[wire.AlarmMessage]:
        """The file refuses: it is opened anew, which sets a broken one aside; the last resort is memory."""
        self._certain = self._lane.last
        self._lane.close()
        fresh = self._reopened()
        if fresh is not None:
            try:
                fresh.take_over(list(self._waiting.values()), certain=self._certain)
                messages = fresh.write(outcomes, saved, now_ms)
            except LaneError as again:
                fresh.close()
                error = again
            else:
                self._say(f"{error}; {fresh.trouble or 'the file was opened anew'}")
                self._lane = fresh
                self._loop.call_soon_threadsafe(self.mended.set)
                return messages
        self._say(f"{error}; alarms are kept in memory only from now on")
        self._lane = AlarmLane.in_memory(trouble=str(error), new_epoch=self._new_epoch)
        return self._lane.write(outcomes, saved, now_ms)

    def _reopened(self) -> AlarmLane | None:
        """The lane's file, if it can be had now."""
        if self._reopen is None:
            return None
        try:
            fresh = self._reopen()
        except LaneError:
            return None
        if fresh.durable:
            return fresh
        fresh.close()
        return None

    def _right(self, messages: Sequence[wire.AlarmMessage], step_ms: int, since_ms: int) -> None:
        try:
            self._lane.right(messages, step_ms, since_ms)
        except LaneError as error:
            self._say(f"{error}; alarms from before the clock was set keep their times")

    def _mend(self) -> None:
        if self._lane.durable:
            self._lane.hold_reserve()
            return
        fresh = self._reopened()
        if fresh is None:
            return
        old = self._lane
        try:
            fresh.take_over(old.pending(), old.states(), old.seen(), certain=self._certain)
        except LaneError:
            fresh.close()
            return
        old.close()
        self._lane, self._certain = fresh, None
        if fresh.trouble is not None:
            self._say(fresh.trouble)
        self._reload()
        self._loop.call_soon_threadsafe(self.mended.set)

    def _reload(self) -> None:
        try:
            messages = self._lane.pending(MAXIMUM_WAITING)
            depth, _ = self._lane.depth()
        except (sqlite3.Error, wire.WireError) as error:
            self._say(f"alarm lane: cannot be read: {error}")
            return
        self._loop.call_soon_threadsafe(self._loaded, messages, depth)

    def _say(self, text: str) -> None:
        self._loop.call_soon_threadsafe(self._trouble, text)

    # Back in the event loop.

    def _written(self, messages: list[wire.AlarmMessage] | None, done: list[asyncio.Future[None]]) -> None:
        if messages is None:
            for future in done:
                if not future.done():
                    future.set_exception(LaneError("alarm lane: the alarm could not be kept"))
            return
        self._depth += len(messages)
        for message in messages:
            if self._more_on_disk or len(self._waiting) >= MAXIMUM_WAITING:
                self._more_on_disk = True
                break
            self._waiting[("alarm", message.epoch, message.seq)] = message
            if self._untimed is not None:
                self._untimed_names.append(("alarm", message.epoch, message.seq))
        for future in done:
            if not future.done():
                future.set_result(None)
        if messages:
            for message in messages:
                _log.info(
                    "alarm", change=message.event, rule=message.rule, device=message.device, seq=message.seq
                )
            self._wake()

    def _loaded(self, messages: list[wire.AlarmMessage], depth: int) -> None:
        self._depth = depth
        self._more_on_disk = depth > len(messages)
        for message in messages:
            self._waiting.setdefault(("alarm", message.epoch, message.seq), message)
        self._wake()
