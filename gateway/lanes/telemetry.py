"""The telemetry lane: readings gathered into frames, in memory while the server acknowledges promptly.

Theory of operation. `add` gathers readings; after `frame_ms`, or 500 of them, they become a frame with a
sequence number. A frame leaves when it is acknowledged. One whose first reading is `SPILL_AFTER_MS` old is
moved to the file (`spill.py`) and comes back from there, oldest first, as backlog; fresh frames are sent
beside it, so that a backlog delays nothing. A collapse of power thus costs at most `SPILL_AFTER_MS` plus
one round of maintenance of telemetry: 7 s. A sequence number is never used twice: the file reserves them
in blocks. What is dropped (quota full, no disk) is counted in `lost`, and each frame carries that count.

This file is pure: `plan` says what the file has to do, `done` hears what it did.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Final

from edge.readings import Reading
from gateway import wire
from gateway.core.clock import right_frame

MAXIMUM_READINGS: Final = 500
MAXIMUM_FRAME_BYTES: Final = wire.MAXIMUM_MESSAGE_BYTES // 2
SPILL_AFTER_MS: Final = 5_000
MAINTENANCE_MS: Final = 2_000
"""How often the shell calls `plan`: a synchronous write each two seconds at most, to spare an SD card."""
MAXIMUM_IN_MEMORY: Final = 200
"""Frames; 20 MB if all are full. Beyond it they are spilled at once, and dropped if no disk takes them."""
BACKLOG_PAGE: Final = 16
"""Frames read back from the file at a time."""

FrameId = tuple[str, int]  # epoch, seq


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """A frame as it is sent. `made_ms` is the receipt of its first reading."""

    epoch: str
    seq: int
    made_ms: int
    readings: int
    payload: bytes

    @property
    def id(self) -> FrameId:
        return self.epoch, self.seq


@dataclass(frozen=True, slots=True)
class SpillPlan:
    """What the file has to do: store, forget, and whether to give the next page of the backlog."""

    store: tuple[Frame, ...] = ()
    forget: tuple[FrameId, ...] = ()
    want_page: bool = False
    lost: int = 0

    def __bool__(self) -> bool:
        return bool(self.store or self.forget or self.want_page)


@dataclass(frozen=True, slots=True, kw_only=True)
class SpillReport:
    """What the file has done: how much it holds, what it dropped, and the page asked for."""

    depth: int
    oldest_ms: int | None
    dropped_readings: int = 0
    page: tuple[Frame, ...] = ()
    trouble: str | None = None


@dataclass(slots=True)
class TelemetryLane:
    """Frames of one gateway. `next_seq` up to `last_reserved` may be given without asking the file."""

    epoch: str
    next_seq: int
    lost: int = 0
    frame_ms: int = 1_000
    stored: int = 0
    stored_oldest_ms: int | None = None
    _batch: list[wire.DataReading] = field(default_factory=list)
    _batch_ms: int = 0
    _frames: dict[FrameId, Frame] = field(default_factory=dict)
    _backlog: dict[FrameId, Frame] = field(default_factory=dict)
    _forget: list[FrameId] = field(default_factory=list)

    def add(self, reading: Reading) -> None:
        """Take a reading in; a full frame is closed."""
        if not self._batch:
            self._batch_ms = reading.received_ms
        self._batch.append(_data(reading))
        if len(self._batch) >= MAXIMUM_READINGS:
            self.close()

    def due_ms(self) -> int | None:
        """When the gathering frame has to be closed; None if it is empty."""
        return self._batch_ms + self.frame_ms if self._batch else None

    def close(self) -> None:
        """Make a frame of what was gathered."""
        batch, self._batch = self._batch, []
        if batch:
            self._close(batch)
        while len(self._frames) > MAXIMUM_IN_MEMORY:
            oldest = self._frames.pop(next(iter(self._frames)))
            self.lost += oldest.readings

    def fresh(self) -> Iterable[Frame]:
        """Frames that are in memory only, oldest first."""
        return self._frames.values()

    def backlog(self) -> Iterable[Frame]:
        """Frames read back from the file, oldest first."""
        return self._backlog.values()

    def frame(self, name: FrameId) -> Frame | None:
        """A frame that waits in memory."""
        return self._frames.get(name) or self._backlog.get(name)

    def acknowledge(self, ids: Iterable[FrameId]) -> None:
        """Forget frames that the server has stored."""
        for frame in ids:
            if self._frames.pop(frame, None) is None:
                self._backlog.pop(frame, None)
                self._forget.append(frame)

    def depth(self) -> tuple[int, int | None]:
        """How many frames wait, and since when (UTC ms) the oldest."""
        fresh_ms = [frame.made_ms for frame in self._frames.values()]
        oldest = [*fresh_ms[:1], *([] if self.stored_oldest_ms is None else [self.stored_oldest_ms])]
        return len(self._frames) + self.stored, min(oldest, default=None)

    def right(self, first_seq: int, step_ms: int) -> int:
        """Put right the clock of the frames from `first_seq` on, up to the one returned: those that the file
        holds are still to do."""
        self.close()
        for name, frame in self._frames.items():
            if frame.seq >= first_seq:
                self._frames[name] = righted(frame, step_ms)
        self.read_back_again()
        return self.next_seq

    def read_back_again(self) -> None:
        """What was read back from the file is another there now."""
        self._backlog = {}

    def wants_page(self) -> bool:
        """Whether there is more on disk than was read back, and room for it."""
        return (
            self.stored > len(self._backlog) + len(self._forget) and len(self._backlog) <= BACKLOG_PAGE // 2
        )

    def plan(self, now_ms: int, *, everything: bool = False, page: bool = False) -> SpillPlan:
        """What the file has to do now. `everything`: spill all there is, because the gateway stops or its
        clock was set. `page`: there is a connection, so that a backlog is of use.
        """
        crowded = len(self._frames) > MAXIMUM_IN_MEMORY // 2
        store = tuple(
            frame
            for frame in self._frames.values()
            if everything or crowded or now_ms - frame.made_ms >= SPILL_AFTER_MS
        )
        want_page = page and self.wants_page()
        forget, self._forget = tuple(self._forget), []
        return SpillPlan(store, forget, want_page, self.lost)

    def done(self, plan: SpillPlan, report: SpillReport) -> None:
        """Take note of what the file did."""
        self.lost += report.dropped_readings
        if report.trouble is None:
            for frame in plan.store:
                self._frames.pop(frame.id, None)
            self.stored, self.stored_oldest_ms = report.depth, report.oldest_ms
        else:
            self._forget += plan.forget
        for frame in report.page:
            if frame.id not in self._forget:
                self._backlog[frame.id] = frame

    def _close(self, batch: list[wire.DataReading]) -> None:
        payload = wire.encode(
            wire.DataFrame(epoch=self.epoch, seq=self.next_seq, lost=self.lost, readings=batch)
        )
        if len(payload) > MAXIMUM_FRAME_BYTES:
            if len(batch) == 1:
                self.lost += 1
                return
            self._close(batch[: len(batch) // 2])
            self._close(batch[len(batch) // 2 :])
            return
        frame = Frame(
            epoch=self.epoch,
            seq=self.next_seq,
            made_ms=min(one.r for one in batch),
            readings=len(batch),
            payload=payload,
        )
        self.next_seq += 1
        self._frames[frame.id] = frame


def righted(frame: Frame, step_ms: int) -> Frame:
    """The frame on a clock that was set by so much."""
    payload = right_frame(frame.payload, step_ms)
    return replace(frame, made_ms=frame.made_ms + step_ms, payload=payload)


def _data(reading: Reading) -> wire.DataReading:
    return wire.DataReading(
        p=reading.position,
        d=reading.device,
        f=reading.family,
        t=reading.time_ms,
        r=reading.received_ms,
        v=dict(reading.points),
        s=dict(reading.status),
        q=reading.quality.value,
        c=reading.clock_trusted,
    )
