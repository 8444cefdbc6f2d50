"""Running a part until it is told to stop."""

import asyncio
import gc
import signal
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, suppress
from typing import Any


def until_stopped(
    part: Callable[[], AbstractAsyncContextManager[Any]], ended: asyncio.Event | None = None
) -> None:
    """Runs `part` in an event loop of its own until SIGINT or SIGTERM, or until `ended` is set; then leaves
    it in order. A signal that comes while it still starts breaks the start off."""

    async def run() -> None:
        stop = ended or asyncio.Event()
        starting = asyncio.current_task()

        def end() -> None:
            stop.set()
            if starting is not None:
                starting.cancel()

        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, end)
        with suppress(asyncio.CancelledError):  # nobody else cancels the outermost task
            async with part():
                starting = None
                settle_memory()
                await stop.wait()

    asyncio.run(run())


def settle_memory() -> None:
    """What the start has made (modules, profiles, tables) stays to the end: the search for garbage passes it
    over from now on. Else each full search would stop everything for 0.1 to 0.2 s, presses too."""
    gc.collect()
    gc.freeze()
