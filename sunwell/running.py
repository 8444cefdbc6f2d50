"""Running a part until it is told to stop."""

import asyncio
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
            await stop.wait()

    asyncio.run(run())
