"""The file behind the telemetry lane: frames that were not acknowledged promptly, up to a quota.

Synchronous code: run it on one thread of its own. Each round of work is one transaction, on disk when it
returns (`synchronous=FULL`): in WAL mode NORMAL would leave the loss at a power cut without a bound.
"""

import shutil
import sqlite3
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Final, Self

from gateway.lanes.files import in_memory, open_or_set_aside
from gateway.lanes.telemetry import (
    BACKLOG_PAGE,
    Frame,
    FrameId,
    SpillPlan,
    SpillReport,
    TelemetryLane,
    righted,
)
from gateway.wire import WireError

RESERVED_SEQS: Final = 1_000_000_000
"""Sequence numbers reserved at each start: 30 years of one frame a second."""
DISK_RESERVE_MB: Final = 32
"""Free space that telemetry leaves to the alarms and the system."""
RIGHTED_AT_ONCE: Final = 200
"""Frames in one transaction; 20 MB at most."""
SMALLEST_BYTES: Final = 1024 * 1024
"""What telemetry may take all the same: a few minutes of readings outlive a power cut."""
MEMORY_QUOTA_MB: Final = 16
"""Where no disk takes the file, it lives in memory."""
SEQ_CEILING: Final = 2**53
"""JSON readers in other languages count exactly up to here: 9 million starts."""


class SpillFile:
    """Frames on disk, oldest first. `trouble` says what was wrong with the file at the start."""

    def __init__(
        self, connection: sqlite3.Connection, path: Path, quota_mb: int, trouble: str | None
    ) -> None:
        self._path = path
        self._quota_bytes = quota_mb * 1024 * 1024
        self._reserved: tuple[str, int] = ("", 0)
        self.trouble = trouble
        self._take(connection)

    def _take(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._depth, self._bytes = connection.execute(
            "SELECT count(*), coalesce(sum(bytes), 0) FROM frame"
        ).fetchone()
        self._most_bytes = self._bytes
        self._given = 0
        if in_memory(connection):
            self._quota_bytes = min(self._quota_bytes, MEMORY_QUOTA_MB * 1024 * 1024)

    @classmethod
    def open(
        cls, path: Path, *, now_ms: int, new_epoch: Callable[[], str], quota_mb: int
    ) -> tuple[Self, TelemetryLane]:
        """The file at `path` and the lane that goes on where it stopped; a broken file is set aside.

        Raises LaneInUseError if another process has it.
        """
        connection, trouble = open_or_set_aside(path, "telemetry", now_ms)
        file = cls(connection, path, quota_mb, trouble)
        row = connection.execute("SELECT epoch, reserved_seq, lost FROM lane").fetchone()
        epoch, reserved, lost = row if row is not None else (new_epoch(), 0, 0)
        if reserved + RESERVED_SEQS >= SEQ_CEILING:
            epoch, reserved = new_epoch(), 0
        file._reserve(epoch, reserved + RESERVED_SEQS, lost)
        report = file._report((), 0)
        lane = TelemetryLane(epoch=epoch, next_seq=reserved + 1, lost=lost)
        lane.stored, lane.stored_oldest_ms = report.depth, report.oldest_ms
        return file, lane

    def apply(self, plan: SpillPlan) -> SpillReport:
        """Do what the lane wants, whole or not at all; `trouble` is set if the disk refused."""
        before = self._depth, self._bytes
        try:
            self._connection.execute("BEGIN IMMEDIATE")
            self._forget(plan.forget)
            self._store(plan.store)
            dropped = self._drop_oldest()
            self._connection.execute("UPDATE lane SET lost = ?", (plan.lost + dropped,))
            self._connection.execute("COMMIT")
            page = self._page() if plan.want_page else ()
            return self._report(page, dropped)
        except sqlite3.OperationalError as error:  # full, read only, busy: it may take the next round
            self._roll_back()
            self._depth, self._bytes = before
            return SpillReport(depth=0, oldest_ms=None, trouble=f"telemetry lane: {error}")
        except sqlite3.DatabaseError as error:
            self._roll_back()
            trouble = self._begin_anew(plan.lost)
            return SpillReport(depth=0, oldest_ms=None, trouble=f"telemetry lane: {error}; {trouble}")

    def right(self, epoch: str, first_seq: int, end_seq: int, step_ms: int) -> str | None:
        """Put right the clock of these frames, up to before `end_seq`; what went wrong. Pages are given from
        the beginning again."""
        self._given = 0
        try:
            while first_seq < end_seq:
                rows = self._connection.execute(
                    "SELECT seq, made_ms, readings, message FROM frame"
                    " WHERE epoch = ? AND seq >= ? AND seq < ? ORDER BY seq LIMIT ?",
                    (epoch, first_seq, end_seq, RIGHTED_AT_ONCE),
                ).fetchall()
                if not rows:
                    break
                frames = [
                    righted(
                        Frame(epoch=epoch, seq=seq, made_ms=made_ms, readings=n, payload=message), step_ms
                    )
                    for seq, made_ms, n, message in rows
                ]
                self._connection.execute("BEGIN IMMEDIATE")
                self._connection.executemany(
                    "UPDATE frame SET made_ms = ?, message = ?, bytes = ? WHERE epoch = ? AND seq = ?",
                    [(one.made_ms, one.payload, len(one.payload), epoch, one.seq) for one in frames],
                )
                self._connection.execute("COMMIT")
                self._bytes += sum(len(one.payload) for one in frames) - sum(len(row[3]) for row in rows)
                first_seq = rows[-1][0] + 1
        except (sqlite3.Error, WireError) as error:
            self._roll_back()
            return f"telemetry lane: times before the clock was set stay as they are: {error}"
        return None

    def close(self) -> None:
        """Close the file. What is in it stays."""
        self._connection.close()

    def _reserve(self, epoch: str, reserved_seq: int, lost: int) -> None:
        """Note up to where sequence numbers are used by this run."""
        self._reserved = (epoch, reserved_seq)
        self._connection.execute("BEGIN IMMEDIATE")
        self._connection.execute("DELETE FROM lane")
        self._connection.execute("INSERT INTO lane VALUES (?, ?, ?)", (epoch, reserved_seq, lost))
        self._connection.execute("COMMIT")

    def _roll_back(self) -> None:
        if self._connection.in_transaction:
            with suppress(sqlite3.Error):  # a damaged file refuses this too
                self._connection.execute("ROLLBACK")

    def _begin_anew(self, lost: int) -> str:
        """The file is damaged: set it aside and go on with a new one, in the same epoch; what was done."""
        self._connection.close()
        now_ms = int(self._path.stat().st_mtime * 1000) if self._path.exists() else 0
        connection, trouble = open_or_set_aside(self._path, "telemetry", now_ms)
        self._take(connection)
        self._reserve(*self._reserved, lost)
        return trouble or "the file was opened anew"

    def _forget(self, ids: tuple[FrameId, ...]) -> None:
        for name in ids:
            row = self._connection.execute(
                "DELETE FROM frame WHERE epoch = ? AND seq = ? RETURNING bytes", name
            ).fetchone()
            if row is not None:
                self._depth -= 1
                self._bytes -= row[0]

    def _store(self, frames: tuple[Frame, ...]) -> None:
        self._connection.executemany(
            "INSERT INTO frame (epoch, seq, made_ms, readings, bytes, message) VALUES (?, ?, ?, ?, ?, ?)",
            [
                (one.epoch, one.seq, one.made_ms, one.readings, len(one.payload), one.payload)
                for one in frames
            ],
        )
        self._depth += len(frames)
        self._bytes += sum(len(one.payload) for one in frames)

    def _drop_oldest(self) -> int:
        """Make room: the readings that had to go. On a disk that is nearly full the file stays as big as it
        is, since what is deleted from it is used again but not given back."""
        quota = self._quota_bytes
        if shutil.disk_usage(self._path.parent).free < DISK_RESERVE_MB * 1024 * 1024:
            quota = min(quota, max(self._most_bytes, SMALLEST_BYTES))
        dropped = 0
        while self._bytes > quota:
            row = self._connection.execute(
                "DELETE FROM frame WHERE place = (SELECT min(place) FROM frame) RETURNING bytes, readings"
            ).fetchone()
            if row is None:
                break
            self._depth -= 1
            self._bytes -= row[0]
            dropped += row[1]
        self._most_bytes = max(self._most_bytes, self._bytes)
        return dropped

    def _page(self) -> tuple[Frame, ...]:
        """The oldest frames that were not given yet; from the beginning again when there are no more."""
        columns = "place, epoch, seq, made_ms, readings, message"
        rows = self._connection.execute(
            f"SELECT {columns} FROM frame WHERE place > ? ORDER BY place LIMIT ?",  # noqa: S608  # names from this file
            (self._given, BACKLOG_PAGE),
        ).fetchall()
        self._given = rows[-1][0] if rows else 0
        return tuple(
            Frame(epoch=epoch, seq=seq, made_ms=made_ms, readings=readings, payload=message)
            for _, epoch, seq, made_ms, readings, message in rows
        )

    def _report(self, page: tuple[Frame, ...], dropped: int) -> SpillReport:
        row = self._connection.execute("SELECT made_ms FROM frame ORDER BY place LIMIT 1").fetchone()
        oldest_ms = None if row is None else row[0]
        return SpillReport(depth=self._depth, oldest_ms=oldest_ms, dropped_readings=dropped, page=page)
