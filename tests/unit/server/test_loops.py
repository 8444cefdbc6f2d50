"""The loops of a server go on, whatever one round of theirs meets."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from server import sweeps
from server.clock import now
from server.coverage.watch import Watch as CoverageWatch
from server.db.database import Change, Database
from server.dispatch import loops
from server.ingest.connection import kept_connected
from server.live.bus import Bus
from server.wells.watch import Watch as WellWatch


class _Rounds:
    """Fails each time, with what nobody reckoned with; `enough` after the third."""

    def __init__(self) -> None:
        self.count = 0
        self.enough = asyncio.Event()
        self._loop = asyncio.get_running_loop()

    def fail(self, *_: Any) -> None:
        """A round on a thread."""
        self.count += 1
        if self.count > 2:
            self._loop.call_soon_threadsafe(self.enough.set)
        raise ValueError("poison")

    async def fail_soon(self, *_: Any) -> None:
        """A round in the loop."""
        self.fail()


def _dispatch(rounds: _Rounds, patch: pytest.MonkeyPatch) -> Awaitable[None]:
    return loops._again("x", Database("sqlite://"), rounds.fail, 0)


def _sweep(rounds: _Rounds, patch: pytest.MonkeyPatch) -> Awaitable[None]:
    context: Any = SimpleNamespace(settings=SimpleNamespace(gateway_grace_s=0))
    return sweeps._rounds(sweeps.Sweep("x", 1.0, rounds.fail), context, now())


def _coverage(rounds: _Rounds, patch: pytest.MonkeyPatch) -> Awaitable[None]:
    patch.setattr("server.coverage.watch.EVERY", timedelta(0))
    patch.setattr(CoverageWatch, "round", rounds.fail_soon)
    return CoverageWatch(SimpleNamespace())._rounds()  # type: ignore[arg-type]  # nothing of it is used


def _followed(rounds: _Rounds, patch: pytest.MonkeyPatch) -> Awaitable[None]:
    patch.setattr("server.coverage.watch.GATHER_S", 0)
    patch.setattr(CoverageWatch, "look", rounds.fail_soon)
    bus = Bus(asyncio.get_running_loop())

    async def follow() -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(CoverageWatch(SimpleNamespace(bus=bus))._follow())  # type: ignore[arg-type]
            while not rounds.enough.is_set():
                bus.publish(Change("task", "1"))
                await asyncio.sleep(0.001)

    return follow()


def _wells(rounds: _Rounds, patch: pytest.MonkeyPatch) -> Awaitable[None]:
    patch.setattr("server.wells.watch.BELOW_S", 0)
    patch.setattr(WellWatch, "look", rounds.fail_soon)
    return WellWatch(SimpleNamespace()).run()  # type: ignore[arg-type]  # nothing of it is used


def _connected(rounds: _Rounds, patch: pytest.MonkeyPatch) -> Awaitable[None]:
    patch.setattr("server.ingest.connection.FIRST_WAIT_S", 0)
    patch.setattr("server.ingest.connection.LONGEST_WAIT_S", 0)
    return kept_connected("x", rounds.fail_soon)


@pytest.mark.parametrize("loop", [_dispatch, _sweep, _coverage, _followed, _wells, _connected])
async def test_a_round_that_fails_unexpectedly_is_followed_by_another(
    loop: Callable[[_Rounds, pytest.MonkeyPatch], Awaitable[None]], monkeypatch: pytest.MonkeyPatch
) -> None:
    rounds = _Rounds()
    running = asyncio.ensure_future(loop(rounds, monkeypatch))
    ended = asyncio.ensure_future(rounds.enough.wait())
    await asyncio.wait((running, ended), return_when=asyncio.FIRST_COMPLETED, timeout=5)
    assert rounds.enough.is_set()
    for each in (running, ended):
        each.cancel()
    await asyncio.gather(running, ended, return_exceptions=True)
