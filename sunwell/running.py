"""Running a part until it is told to stop."""

import asyncio
import gc
import signal
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import Any


def until_stopped(
    part: Callable[[], AbstractAsyncContextManager[Any]], ended: asyncio.Event | None = None
) -> None:
    """Runs `part` in an event loop of its own until SIGINT or SIGTERM, or until `ended` is set; then leaves
    it in order. A signal that comes while it still starts is obeyed as soon as it has started."""

    async def run() -> None:
        stop = ended or asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, stop.set)
        async with part():
            _settle_memory()
            await stop.wait()

    asyncio.run(run())


def _settle_memory() -> None:
    """What the start has made (modules, profiles, tables) stays to the end: the search for garbage passes it
    over from now on. Else each full search would stop everything for 0.1 to 0.2 s, presses too."""
    gc.collect()
    gc.freeze()
