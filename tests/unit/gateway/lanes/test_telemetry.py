"""The telemetry lane: frames in memory, on disk when nobody acknowledges, the oldest gone when it is full."""

import os
import shutil
from pathlib import Path

import pytest

from gateway import wire
from gateway.lanes import spill
from gateway.lanes.spill import RESERVED_SEQS, SpillFile
from gateway.lanes.telemetry import (
    BACKLOG_PAGE,
    MAINTENANCE_MS,
    MAXIMUM_FRAME_BYTES,
    MAXIMUM_IN_MEMORY,
    MAXIMUM_READINGS,
    SPILL_AFTER_MS,
    TelemetryLane,
)
from tests.unit.gateway.rules.scenes import START, at, said


def opened(folder: Path, quota_mb: int = 16, epoch: str = "f1") -> tuple[SpillFile, TelemetryLane]:
    return SpillFile.open(folder / "telemetry.db", now_ms=START, new_epoch=lambda: epoch, quota_mb=quota_mb)


def work(file: SpillFile, lane: TelemetryLane, seconds: float, *, everything: bool = False) -> None:
    plan = lane.plan(at(seconds), everything=everything, page=True)
    lane.done(plan, file.apply(plan))


def frame_at(lane: TelemetryLane, seconds: float, **points: float) -> None:
    lane.add(said(seconds, points or {"x": seconds}))
    lane.close()


def times(frames: object) -> list[int]:
    return [frame.made_ms for frame in frames]  # type: ignore[attr-defined]  # frames


class TestInMemory:
    def lane(self) -> TelemetryLane:
        return TelemetryLane(epoch="f1", next_seq=1)

    def test_readings_become_a_frame_with_their_times_unchanged(self) -> None:
        lane = self.lane()
        lane.add(said(-100, {"x": 1}, received=0, status={"y": "error"}))
        assert lane.due_ms() == at(1)
        lane.add(said(0.5, {"x": 2}))
        lane.close()
        assert lane.due_ms() is None
        (frame,) = lane.fresh()
        message = wire.decode("up/data", frame.payload)
        assert (message.epoch, message.seq, message.lost) == ("f1", 1, 0)
        assert [(one.t, one.r, one.v, one.s) for one in message.readings] == [
            (at(-100), at(0), {"x": 1}, {"y": "error"}),
            (at(0.5), at(0.5), {"x": 2}, {}),
        ]

    def test_a_full_frame_is_closed_at_once(self) -> None:
        lane = self.lane()
        for _ in range(MAXIMUM_READINGS + 1):
            lane.add(said(0, {"x": 1}))
        assert [frame.readings for frame in lane.fresh()] == [MAXIMUM_READINGS]

    def test_large_readings_are_split_over_frames_that_the_server_takes(self) -> None:
        lane = self.lane()
        for _ in range(100):
            lane.add(said(0, {f"p{n}": "x" * 500 for n in range(40)}))
        lane.close()
        assert sum(frame.readings for frame in lane.fresh()) == 100
        assert all(len(frame.payload) <= MAXIMUM_FRAME_BYTES for frame in lane.fresh())
        assert [frame.seq for frame in lane.fresh()] == list(range(1, 1 + len(list(lane.fresh()))))

    def test_an_acknowledged_frame_is_gone(self) -> None:
        lane = self.lane()
        frame_at(lane, 0)
        lane.acknowledge([("f1", 1), ("f1", 99)])
        assert list(lane.fresh()) == []

    def test_without_a_disk_the_oldest_goes_and_is_counted(self) -> None:
        lane = self.lane()
        for number in range(MAXIMUM_IN_MEMORY + 3):
            frame_at(lane, number)
        assert lane.lost == 3
        assert times(lane.fresh())[0] == at(3)


class TestOnDisk:
    def test_prompt_acknowledgement_spares_the_disk(self, tmp_path: Path) -> None:
        _, lane = opened(tmp_path)
        frame_at(lane, 0)
        assert not lane.plan(at(SPILL_AFTER_MS / 1000 - 0.1))

    def test_a_power_cut_costs_ten_seconds_at_most(self, tmp_path: Path) -> None:
        """Maintained as the shell does it; at each moment all that is older than the bound is on disk."""
        file, lane = opened(tmp_path)
        bound_s = 10
        assert bound_s * 1000 > SPILL_AFTER_MS + 2 * MAINTENANCE_MS
        for second in range(30):
            frame_at(lane, second)
            if second % (MAINTENANCE_MS // 1000) == 0:
                work(file, lane, second)
            copy = tmp_path / f"cut{second}"
            copy.mkdir()
            for part in tmp_path.glob("telemetry.db*"):
                shutil.copy(part, copy)
            after, again = opened(copy)
            kept = again.stored
            assert kept >= second - bound_s + 1
            after.close()

    def test_a_restart_goes_on_with_epoch_backlog_and_new_numbers(self, tmp_path: Path) -> None:
        file, lane = opened(tmp_path)
        for second in range(3):
            frame_at(lane, second)
        work(file, lane, 3, everything=True)
        file.close()
        file, lane = opened(tmp_path, epoch="unused")
        assert (lane.epoch, lane.next_seq, lane.depth()) == ("f1", RESERVED_SEQS + 1, (3, at(0)))
        work(file, lane, 10)
        assert times(lane.backlog()) == [at(0), at(1), at(2)]
        lane.acknowledge([frame.id for frame in lane.backlog()])
        work(file, lane, 11)
        assert lane.depth() == (0, None)

    def test_the_backlog_comes_page_by_page_until_it_is_empty(self, tmp_path: Path) -> None:
        file, lane = opened(tmp_path)
        total = 3 * BACKLOG_PAGE + 5
        for number in range(total):
            frame_at(lane, number / 100)
        work(file, lane, 60)
        sent: list[int] = []
        for _ in range(total):
            page = list(lane.backlog())
            sent += times(page)
            lane.acknowledge([frame.id for frame in page])
            work(file, lane, 60)
        assert sent == [at(number / 100) for number in range(total)]
        assert lane.depth() == (0, None)

    def test_a_full_quota_drops_the_oldest_and_says_so(self, tmp_path: Path) -> None:
        file, lane = opened(tmp_path, quota_mb=1)
        for number in range(30):
            lane.add(said(number, {f"p{n}": "x" * 490 for n in range(100)}))
            lane.close()
        work(file, lane, 100)
        depth, oldest_ms = lane.depth()
        assert lane.lost == 30 - depth
        assert 0 < lane.lost < 30
        assert oldest_ms == at(lane.lost)
        file.close()
        _, again = opened(tmp_path, quota_mb=1)
        assert again.lost == lane.lost

    def test_a_disk_that_is_nearly_full_is_left_to_the_alarms(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        file, lane = opened(tmp_path)
        for number in range(10):
            frame_at(lane, number)
        work(file, lane, 20)
        monkeypatch.setattr(spill, "DISK_RESERVE_MB", 10**12)
        monkeypatch.setattr(spill, "SMALLEST_BYTES", 0)
        for number in range(20, 25):
            frame_at(lane, number)
            work(file, lane, number + 10)
        assert lane.lost > 0
        assert lane.stored >= 9

    def test_on_a_disk_that_was_always_nearly_full_some_minutes_are_kept_all_the_same(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        file, lane = opened(tmp_path)
        monkeypatch.setattr(spill, "DISK_RESERVE_MB", 10**12)
        for number in range(10):
            frame_at(lane, number)
        work(file, lane, 20)
        assert (lane.stored, lane.lost) == (10, 0)

    def test_a_file_that_breaks_while_it_is_used_is_set_aside_and_telemetry_goes_on(
        self, tmp_path: Path
    ) -> None:
        file, lane = opened(tmp_path)
        for number in range(100):
            frame_at(lane, number)
        work(file, lane, 200)
        file._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        file._connection.execute("PRAGMA cache_size = 0")
        path = tmp_path / "telemetry.db"
        with path.open("r+b") as damaged:
            damaged.write(os.urandom(path.stat().st_size))
        frame_at(lane, 300)
        troubles = []
        for round_ in range(3):
            report = file.apply(plan := lane.plan(at(310 + round_), everything=True))
            lane.done(plan, report)
            troubles += [] if report.trouble is None else [report.trouble]
        assert "set aside as telemetry.db.broken-" in " ".join(troubles)
        assert lane.stored == 1
        file.close()
        _, again = opened(tmp_path)
        assert (again.epoch, again.stored) == (lane.epoch, 1)
        assert again.next_seq > lane.next_seq

    def test_a_disk_that_refuses_loses_nothing_that_memory_can_hold(self, tmp_path: Path) -> None:
        file, lane = opened(tmp_path)
        for _ in range(MAXIMUM_READINGS):
            lane.add(said(0, {"x": 1}))
        file._connection.execute("PRAGMA max_page_count = 1")  # not a page more than it has
        plan = lane.plan(at(60))
        report = file.apply(plan)
        assert report.trouble is not None
        assert "full" in report.trouble
        lane.done(plan, report)
        assert len(list(lane.fresh())) == 1

    def test_a_broken_file_is_set_aside(self, tmp_path: Path) -> None:
        (tmp_path / "telemetry.db").write_bytes(b"no database" * 1000)
        file, lane = opened(tmp_path, epoch="f2")
        assert file.trouble is not None
        assert lane.epoch == "f2"
