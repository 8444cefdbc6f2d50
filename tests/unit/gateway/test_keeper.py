"""Keeping alarms: durable before it returns, sent even if the caller is gone, told even if the disk is."""

import asyncio
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from gateway.keeper import MAXIMUM_WAITING, AlarmKeeper
from gateway.lanes.alarm import AlarmLane
from gateway.rules.model import Event
from gateway.rules.outcomes import Outcome
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
    await bench.keeper.keep([], [], START)
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
