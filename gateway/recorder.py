"""Records telemetry: gathers readings into frames and spills them to a file on a thread of its own."""

import asyncio
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor

import structlog

from edge.readings import Reading
from gateway.core.window import ItemId
from gateway.lanes.spill import SpillFile
from gateway.lanes.telemetry import MAINTENANCE_MS, Frame, TelemetryLane

_log = structlog.get_logger(__name__)


class TelemetryRecorder:
    """The telemetry lane at work. `wake` is called when a frame can be sent, `trouble` when a disk fails."""

    def __init__(
        self,
        lane: TelemetryLane,
        file: SpillFile,
        thread: ThreadPoolExecutor,
        *,
        clock: Callable[[], int],
        wake: Callable[[], None],
        trouble: Callable[[str], None],
    ) -> None:
        self._lane = lane
        self._file = file
        self._thread = thread
        self._clock = clock
        self._wake = wake
        self._trouble = trouble
        self._looked_at_disk = asyncio.Event()
        self._first = asyncio.Event()
        self._online = False
        self._untimed_from: int | None = None
        self._held = False
        self._one_at_a_time = asyncio.Lock()

    @property
    def lost(self) -> int:
        """Readings dropped since the lane began."""
        return self._lane.lost

    def set_interval(self, frame_ms: int) -> None:
        """How long readings are gathered from now on."""
        self._lane.frame_ms = frame_ms

    def set_online(self, online: bool) -> None:
        """Whether a backlog can be sent now."""
        self._online = online
        self._looked_at_disk.set()

    def distrust_clock(self) -> None:
        """Frames from now on may have to be put right; until then they are held."""
        self._untimed_from, self._held = self._lane.next_seq, True

    def send_untimed(self) -> None:
        """Send them as they are; they are flagged."""
        if self._held:
            self._held = False
            self._wake()

    async def right_clock(self, step_ms: int) -> None:
        """The clock was set: put right the frames since it was distrusted."""
        if self._untimed_from is None:
            return
        first, end = self._untimed_from, self._lane.right(self._untimed_from, step_ms)
        async with self._one_at_a_time:
            trouble = await asyncio.get_running_loop().run_in_executor(
                self._thread, self._file.right, self._lane.epoch, first, end, step_ms
            )
            self._lane.read_back_again()
        if trouble is not None:
            self._trouble(trouble)

    def trust_clock(self) -> None:
        """Frames from now on are right."""
        self._lane.close()
        self._untimed_from = None
        self.send_untimed()

    def add(self, reading: Reading) -> None:
        """Take a reading in."""
        self._lane.add(reading)
        self._first.set()

    def waiting(self) -> tuple[list[ItemId], list[ItemId]]:
        """Fresh frames and those read back from disk, each oldest first."""
        return self._names(self._lane.fresh()), self._names(self._lane.backlog())

    def _names(self, frames: Iterable[Frame]) -> list[ItemId]:
        held_from = self._untimed_from if self._held else None
        return [
            ("data", frame.epoch, frame.seq)
            for frame in frames
            if held_from is None or frame.epoch != self._lane.epoch or frame.seq < held_from
        ]

    def payload(self, item: ItemId) -> bytes | None:
        """The frame as it is sent; None if it has gone meanwhile."""
        frame = self._lane.frame((item[1], item[2]))
        return None if frame is None else frame.payload

    def acknowledge(self, epoch: str, seqs: Sequence[int]) -> None:
        """The server has these."""
        self._lane.acknowledge([(epoch, seq) for seq in seqs])
        if self._lane.wants_page():
            self._looked_at_disk.set()

    def depth(self) -> tuple[int, int | None]:
        """How many frames wait, and since when (UTC ms) the oldest."""
        return self._lane.depth()

    async def gather(self) -> None:
        """Close frames when their time has come. Runs until cancelled."""
        while True:
            due_ms = self._lane.due_ms()
            if due_ms is None:
                self._first.clear()
                await self._first.wait()
                continue
            wait_ms = due_ms - self._clock()
            if 0 < wait_ms <= self._lane.frame_ms:
                await asyncio.sleep(wait_ms / 1000)
            self._lane.close()
            self._wake()

    async def maintain(self) -> None:
        """Spill, forget and read back, each two seconds or when a page is wanted. Runs until cancelled."""
        while True:
            await self._maintain(everything=False)
            self._looked_at_disk.clear()
            try:
                async with asyncio.timeout(MAINTENANCE_MS / 1000):
                    await self._looked_at_disk.wait()
            except TimeoutError:
                continue

    async def spill_all(self) -> None:
        """Put everything that waits on disk: the gateway stops, or its clock was set."""
        self._lane.close()
        await self._maintain(everything=True)

    async def close(self) -> None:
        """Close the file."""
        await asyncio.get_running_loop().run_in_executor(self._thread, self._file.close)

    async def _maintain(self, *, everything: bool) -> None:
        async with self._one_at_a_time:
            await self._one_round(everything=everything)

    async def _one_round(self, *, everything: bool) -> None:
        plan = self._lane.plan(self._clock(), everything=everything, page=self._online)
        if not plan:
            return
        report = await asyncio.get_running_loop().run_in_executor(self._thread, self._file.apply, plan)
        self._lane.done(plan, report)
        if report.trouble is not None:
            self._trouble(report.trouble)
        if report.dropped_readings:
            _log.warning("telemetry dropped, its quota is full", readings=report.dropped_readings)
        if report.page:
            self._wake()
