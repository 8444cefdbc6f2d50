"""Keeping alarms: durable before it returns, sent even if the caller is gone, told even if the disk is."""

import asyncio
import os
import subprocess
import sys
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from gateway.keeper import MAXIMUM_WAITING, AlarmKeeper
from gateway.lanes.alarm import AlarmLane
from gateway.rules.model import Event
from gateway.rules.outcomes import Outcome
from tests.parts.presence import program_or_skip
from tests.parts.processes import REPOSITORY
from tests.unit.gateway.rules.scenes import START, rule


class Bench:
    """A keeper on a lane of its own, and what it said."""

    def __init__(self, path: Path, thread: ThreadPoolExecutor) -> None:
        self.path = path
        self.troubles: list[str] = []
        self.woken = 0
        self.lane = AlarmLane.open(path, now_ms=START, new_epoch=lambda: "e1", quota_mb=1)
        self.keeper = AlarmKeeper(
            self.lane, thread, new_epoch=lambda: "e2", wake=self.wake, trouble=self.troubles.append
        )

    def wake(self) -> None:
        self.woken += 1

    def on_disk(self) -> int:
        return self.lane.depth()[0]


@pytest.fixture
async def bench(tmp_path: Path) -> AsyncIterator[Bench]:
    with ThreadPoolExecutor(1) as thread:
        made = Bench(tmp_path / "alarm.db", thread)
        await made.keeper.start()
        yield made
        await made.keeper.close()


def press(number: int) -> Outcome:
    return Outcome(
        event="occurred",
        breach=f"b{number}",
        rule=rule(Event(point="sos"), "sos"),
        device="d1",
        point="sos",
        value="x" * 400,
        device_ms=START,
        clock_trusted=True,
    )


async def test_it_is_on_disk_when_it_returns_and_waits_to_be_sent(bench: Bench) -> None:
    before = bench.woken
    await bench.keeper.keep([press(1), press(2)], [], START)
    assert bench.on_disk() == 2
    assert bench.keeper.waiting() == [("alarm", "e1", 1), ("alarm", "e1", 2)]
    assert bench.woken == before + 1
    assert bench.keeper.depth() == (2, START)


async def test_acknowledged_it_is_gone_from_both(bench: Bench) -> None:
    await bench.keeper.keep([press(1), press(2)], [], START)
    bench.keeper.acknowledge("e1", [1])
    assert bench.keeper.waiting() == [("alarm", "e1", 2)]
    assert bench.keeper.payload(("alarm", "e1", 1)) is None
    await bench.keeper._run(lambda: None)
    assert bench.on_disk() == 1


async def test_a_caller_that_is_cancelled_loses_nothing(bench: Bench) -> None:
    async with asyncio.TaskGroup() as group:
        task = group.create_task(bench.keeper.keep([press(1)], [], START))
        await asyncio.sleep(0)
        task.cancel()
    await bench.keeper.keep([], [], START)
    assert bench.keeper.waiting() == [("alarm", "e1", 1)]


async def test_many_at_once_keep_their_order(bench: Bench) -> None:
    async with asyncio.TaskGroup() as group:
        for number in range(50):
            group.create_task(bench.keeper.keep([press(number)], [], START))
    assert [item[2] for item in bench.keeper.waiting()] == list(range(1, 51))


async def test_a_disk_that_is_full_stops_no_alarm(bench: Bench) -> None:
    for number in range(MAXIMUM_WAITING):
        await bench.keeper.keep([press(number)], [], START)
        if bench.troubles:
            break
    assert "memory only" in bench.troubles[0]
    assert bench.keeper.waiting()[-1] == ("alarm", "e2", 1)
    await bench.keeper.keep([press(9)], [], START)
    assert bench.keeper.waiting()[-1] == ("alarm", "e2", 2)


async def test_a_file_that_breaks_while_it_is_used_is_set_aside_and_nothing_that_waits_is_lost(
    tmp_path: Path,
) -> None:
    path = tmp_path / "alarm.db"
    troubles: list[str] = []
    epochs = iter(["e1", "e2", "e3"])

    def reopen() -> AlarmLane:
        return AlarmLane.open(path, now_ms=START, new_epoch=lambda: next(epochs))

    lane = reopen()
    with ThreadPoolExecutor(1) as thread:
        keeper = AlarmKeeper(
            lane,
            thread,
            new_epoch=lambda: "memory",
            wake=lambda: None,
            trouble=troubles.append,
            reopen=reopen,
        )
        await keeper.start()
        for number in range(40):
            await keeper.keep([press(number)], [], START)
        lane._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        lane._connection.execute("PRAGMA cache_size = 0")
        with path.open("r+b") as damaged:
            damaged.write(os.urandom(path.stat().st_size))
        await keeper.keep([press(40)], [], START)
        assert "set aside as alarm.db.broken-" in troubles[0]
        assert keeper.durable
        assert keeper.mended.is_set()
        assert keeper.waiting()[-1] == ("alarm", "e2", 1)
        await keeper.close()
    again = AlarmLane.open(path, now_ms=START, new_epoch=lambda: "unused")
    assert again.trouble is None
    assert [one.breach for one in again.pending()] == [f"b{number}" for number in range(41)]
    again.close()


FULL_DISK = """
import asyncio, os, sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from gateway.keeper import MEND_EVERY_MS, AlarmKeeper
from gateway.lanes.alarm import AlarmLane
from gateway.lanes.spill import SpillFile
from tests.unit.gateway.lanes.test_telemetry import frame_at, opened, work
from tests.unit.gateway.test_keeper import START, press

disk = Path(sys.argv[1])

def fill():
    with open(disk / f"other {len(list(disk.iterdir()))}", "wb", buffering=0) as other:
        for size in (65536, 4096, 512):
            try:
                while True:
                    other.write(bytes(size))
            except OSError:
                pass

def reopen():
    return AlarmLane.open(
        disk / "alarms.db", now_ms=START, new_epoch=lambda: "file", reserve_mb=0.5)

async def main():
    troubles = []
    thread = ThreadPoolExecutor(1)
    keeper = AlarmKeeper(reopen(), thread, new_epoch=lambda: "memory", wake=lambda: None,
                         trouble=troubles.append, reopen=reopen)
    await keeper.start()
    file, lane = opened(disk)
    for number in range(10):
        frame_at(lane, number)
    work(file, lane, 20)
    stored = lane.stored
    fill()
    number = 0
    while not troubles:
        await keeper.keep([press(number)], [], START)
        number += 1
    print(troubles[0])
    assert "room that was kept" in troubles[0], troubles
    assert keeper.durable
    for _ in range(20):
        await keeper.keep([press(number)], [], START)
        number += 1
    assert keeper.durable and len(troubles) == 1, troubles
    frame_at(lane, 30, x=1)
    work(file, lane, 40)
    assert lane.stored >= stored
    fill()
    while keeper.durable:
        await keeper.keep([press(number)], [], START)
        number += 1
    assert "memory only" in troubles[-1], troubles
    keeper.look_after(0)
    await keeper.keep([], [], START)
    assert not keeper.durable
    for other in disk.glob("other*"):
        other.unlink()
    keeper.look_after(MEND_EVERY_MS)
    await keeper.keep([press(number)], [], START)
    number += 1
    assert keeper.durable and keeper.mended.is_set()
    keeper.look_after(2 * MEND_EVERY_MS)
    await keeper.keep([], [], START)
    assert (disk / "alarms.reserve").stat().st_size == 524288
    os._exit(0 if (await check(number)) else 3)

async def check(number):
    # As after a crash: a copy of the files, nothing was closed.
    import shutil
    copy = disk / "copy"
    copy.mkdir()
    for name in ("alarms.db", "alarms.db-wal"):
        if (disk / name).exists():
            shutil.copy(disk / name, copy)
    lane = AlarmLane.open(copy / "alarms.db", now_ms=START, new_epoch=lambda: "copy")
    found = [one.breach for one in lane.pending()]
    assert lane.trouble is None, lane.trouble
    assert sorted(found) == sorted(f"b{one}" for one in range(number)), (number, len(found), found[-9:])
    print(number, "alarms, all on the disk")
    sys.stdout.flush()
    return True

asyncio.run(main())
"""


def test_a_disk_that_is_really_full_takes_every_alarm_and_is_used_again_when_it_has_room(
    tmp_path: Path,
) -> None:
    """A file system of 4 MB in memory, mounted for this test's process alone."""
    unshare = program_or_skip("unshare", package="util-linux")
    mount = 'mount -t tmpfs -o size=4m sunwell-test "$1" && exec "$2" -c "$3" "$1"'
    words = [unshare, "--user", "--map-root-user", "--mount", "sh", "-c", mount, "sh"]
    if subprocess.run([*words[:4], "true"], check=False, capture_output=True).returncode != 0:
        pytest.skip("this machine lets nobody mount a file system of their own")
    done = subprocess.run(
        [*words, str(tmp_path), sys.executable, FULL_DISK],
        cwd=REPOSITORY,
        capture_output=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr.decode()[-3000:]
    assert b"all on the disk" in done.stdout
