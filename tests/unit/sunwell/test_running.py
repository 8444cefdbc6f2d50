"""Running a part until a signal says stop, also while it still starts."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from sunwell.running import until_stopped


def _stop() -> None:
    os.kill(os.getpid(), signal.SIGTERM)


def test_a_signal_ends_what_runs_in_order() -> None:
    said = []

    @asynccontextmanager
    async def part() -> AsyncIterator[None]:
        said.append("opened")
        asyncio.get_running_loop().call_soon(_stop)
        yield
        await asyncio.sleep(0)  # leaving is not broken off
        said.append("left")

    until_stopped(part)
    assert said == ["opened", "left"]


def test_a_signal_breaks_off_a_start_that_takes_long() -> None:
    said = []

    @asynccontextmanager
    async def part() -> AsyncIterator[None]:
        try:
            asyncio.get_running_loop().call_soon(_stop)
            await asyncio.Event().wait()
            yield
        finally:
            said.append("cleaned up")

    until_stopped(part)
    assert said == ["cleaned up"]


def test_a_part_may_end_by_itself() -> None:
    said = []
    ended = asyncio.Event()

    @asynccontextmanager
    async def part() -> AsyncIterator[None]:
        asyncio.get_running_loop().call_soon(ended.set)
        yield
        said.append("left")

    until_stopped(part, ended)
    assert said == ["left"]


def test_what_fails_is_said() -> None:
    def listen() -> None:
        raise OSError("the port is taken")

    @asynccontextmanager
    async def part() -> AsyncIterator[None]:
        listen()
        yield

    with pytest.raises(OSError, match="the port is taken"):
        until_stopped(part)
