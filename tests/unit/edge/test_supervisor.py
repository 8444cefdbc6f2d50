"""Drivers that end are started again."""

import asyncio
from collections.abc import Callable, Sequence

import pytest

from edge.driver import EdgeDevice, Emit, ReportTrouble, TroubleReason, TroubleReport
from edge.readings import Reading
from edge.supervisor import SupervisedDriver

READING = Reading(position="p", device="d", family="button", time_ms=1, received_ms=1, points={"sos": True})


class Failing:
    """A driver whose first runs end as told; the next one runs until cancelled."""

    def __init__(self, *ends: BaseException | None) -> None:
        self.ends = list(ends)
        self.settled = asyncio.Event()
        self.devices: Sequence[EdgeDevice] = ()
        self.emit: Emit
        self.trouble: ReportTrouble

    def build(self, emit: Emit, trouble: ReportTrouble) -> "Failing":
        self.emit, self.trouble = emit, trouble
        return self

    def apply(self, devices: Sequence[EdgeDevice]) -> None:
        self.devices = devices

    def away(self) -> frozenset[str]:
        return frozenset()

    async def run(self) -> None:
        if self.ends:
            end = self.ends.pop(0)
            if end is not None:
                raise end
            return
        await self.emit(READING)
        self.settled.set()
        await asyncio.Event().wait()


async def supervise(driver: Failing, check: Callable[[SupervisedDriver, list[TroubleReport]], None]) -> None:
    troubles: list[TroubleReport] = []

    async def emit(_: Reading) -> None: ...

    supervised = SupervisedDriver(
        "mqtt", driver.build, emit=emit, trouble=troubles.append, jitter=lambda: 0.0
    )
    async with asyncio.TaskGroup() as tasks:
        running = tasks.create_task(supervised.run())
        async with asyncio.timeout(20):
            await driver.settled.wait()
        check(supervised, troubles)
        running.cancel()
    assert supervised.counters.running is False


@pytest.mark.parametrize(
    ("end", "reason", "text"),
    [
        (ConnectionRefusedError("no broker"), TroubleReason.UNREACHABLE, "ConnectionRefusedError: no broker"),
        (
            ExceptionGroup("g", [ExceptionGroup("h", [OSError("disk")])]),
            TroubleReason.DRIVER_FAILED,
            "OSError: disk",
        ),
        (KeyError("bug"), TroubleReason.DRIVER_FAILED, "KeyError: 'bug'"),
        (None, TroubleReason.DRIVER_FAILED, "ended by itself"),
    ],
)
async def test_whatever_ends_it_it_is_started_again(
    end: BaseException | None, reason: TroubleReason, text: str
) -> None:
    def check(supervised: SupervisedDriver, troubles: list[TroubleReport]) -> None:
        counters = supervised.counters
        assert (counters.running, counters.restarts, counters.readings, counters.errors) == (True, 1, 1, 1)
        assert counters.last_error == text
        assert troubles == [TroubleReport(source="mqtt", reason=reason, detail=text)]

    await supervise(Failing(end), check)


async def test_troubles_are_counted_and_passed_on() -> None:
    driver = Failing()

    def check(supervised: SupervisedDriver, troubles: list[TroubleReport]) -> None:
        report = TroubleReport(source="d", reason=TroubleReason.REFUSED, detail="no")
        driver.trouble(report)
        assert troubles == [report]
        assert (supervised.counters.errors, supervised.counters.last_error) == (1, "d: no")
        assert supervised.counters.restarts == 0

    await supervise(driver, check)
