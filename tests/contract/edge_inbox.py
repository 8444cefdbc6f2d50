"""Takes what drivers emit and lets a test wait for it."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from functools import cache
from typing import Any

from edge.driver import EdgeDevice, TroubleReason, TroubleReport
from edge.readings import Reading
from firmware_profiles import Profile, read_profile
from firmware_profiles.load import MODELS

PATIENCE_S = 20.0
"""How long a test waits for what must come; far more than it takes, so that a busy machine fails nothing."""


class Inbox:
    """Readings and troubles in the order in which they came."""

    def __init__(self) -> None:
        self.readings: list[Reading] = []
        self.troubles: list[TroubleReport] = []
        self._news = asyncio.Condition()
        self._loop = asyncio.get_running_loop()

    async def emit(self, reading: Reading) -> None:
        async with self._news:
            self.readings.append(reading)
            self._news.notify_all()

    def trouble(self, report: TroubleReport) -> None:
        self.troubles.append(report)
        self._loop.call_soon(self._wake)

    def _wake(self) -> None:
        waiter = asyncio.ensure_future(self._notify())
        waiter.add_done_callback(lambda _: None)

    async def _notify(self) -> None:
        async with self._news:
            self._news.notify_all()

    async def until(self, condition: Callable[[], Any]) -> None:
        """Wait until the condition holds; fails after PATIENCE_S."""
        async with asyncio.timeout(PATIENCE_S), self._news:
            await self._news.wait_for(lambda: bool(condition()))

    def said(self, point: str) -> list[Any]:
        """The values that a point was given, in order."""
        return [reading.points[point] for reading in self.readings if point in reading.points]

    def reasons(self, source: str | None = None) -> list[TroubleReason]:
        """The reasons of the troubles (of one source)."""
        return [report.reason for report in self.troubles if source in (None, report.source)]


@asynccontextmanager
async def running(run: Callable[[], Awaitable[None]]) -> AsyncIterator[asyncio.Task[None]]:
    """A driver or supervisor that runs meanwhile and is cancelled at the end."""

    async def body() -> None:
        await run()

    task = asyncio.create_task(body())
    try:
        yield task
    finally:
        task.cancel()
        await asyncio.wait((task,), timeout=5)
        assert task.done(), "it did not stop within 5 s"


@cache
def packaged(name: str) -> Profile:
    """A packaged profile, read alone."""
    profile, problems = read_profile(next(MODELS.rglob(f"{name}.yaml")))
    assert profile is not None, problems
    return profile


def device(profile: Profile | str, name: str, **address: Any) -> EdgeDevice:
    """A device `name` at the position `at-name`."""
    known = packaged(profile) if isinstance(profile, str) else profile
    return EdgeDevice(id=name, position=f"at-{name}", profile=known, address=address)
