"""Keeps a driver running: whatever ends it, it is started again, with a pause that grows and is capped."""

import asyncio
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Final

import structlog

from edge.core.backoff import pause_s
from edge.driver import Driver, EdgeDevice, Emit, ReportTrouble, TroubleReason, TroubleReport, cut
from edge.readings import Reading

SETTLED_S: Final = 10.0
"""A run this long counts as success: the next failure starts again with the first pause."""

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class DriverCounters:
    """What a driver has done since the program's start. `errors` counts troubles and ended runs."""

    name: str
    running: bool = False
    restarts: int = 0
    readings: int = 0
    errors: int = 0
    last_error: str | None = None


class SupervisedDriver:
    """A driver made by `build`, with its readings and troubles counted on their way."""

    def __init__(
        self,
        name: str,
        build: Callable[[Emit, ReportTrouble], Driver],
        *,
        emit: Emit,
        trouble: ReportTrouble,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self._emit = emit
        self._trouble = trouble
        self._jitter = jitter
        self.counters = DriverCounters(name)
        self.driver = build(self._count_reading, self._count_trouble)

    def apply(self, devices: Sequence[EdgeDevice]) -> None:
        """Replace the driver's devices."""
        self.driver.apply(devices)

    def away(self) -> frozenset[str]:
        """The devices that cannot be heard now, whatever they say: the way to them is down."""
        return self.driver.away()

    async def run(self) -> None:
        """Run the driver until cancelled."""
        loop = asyncio.get_running_loop()
        failures = 0
        while True:
            started = loop.time()
            self.counters = replace(self.counters, running=True)
            try:
                await self.driver.run()
                reason = "ended by itself"
                kind = TroubleReason.DRIVER_FAILED
            except Exception as error:  # noqa: BLE001 - the one place: any failure of a driver ends in a restart
                leaf = _leaf(error)
                reason = cut(f"{type(leaf).__name__}: {leaf}")
                lost = isinstance(leaf, ConnectionError)
                kind = TroubleReason.UNREACHABLE if lost else TroubleReason.DRIVER_FAILED
                if not lost:
                    _log.error("driver failed", driver=self.counters.name, exc_info=error)
            finally:
                self.counters = replace(self.counters, running=False)
            failures = 0 if loop.time() - started >= SETTLED_S else failures + 1
            if reason != self.counters.last_error:
                _log.warning("driver is started again", driver=self.counters.name, reason=reason)
            self.counters = replace(self.counters, restarts=self.counters.restarts + 1)
            self._count_trouble(TroubleReport(source=self.counters.name, reason=kind, detail=reason))
            await asyncio.sleep(pause_s(failures, self._jitter()))

    async def _count_reading(self, reading: Reading) -> None:
        await self._emit(reading)
        self.counters = replace(self.counters, readings=self.counters.readings + 1)

    def _count_trouble(self, report: TroubleReport) -> None:
        detail = f"{report.source}: {report.detail}" if report.source != self.counters.name else report.detail
        self.counters = replace(self.counters, errors=self.counters.errors + 1, last_error=cut(detail))
        self._trouble(report)


def _leaf(error: BaseException) -> BaseException:
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error
