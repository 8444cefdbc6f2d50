"""Asks the machine's time service, from time to time, how far our clock is off."""

import asyncio
import os
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Final

from gateway.core.timesync import from_chrony, from_timesyncd

ASKED_EVERY_S: Final = 300.0
"""timesyncd itself looks every half to 34 minutes."""
FIRST_S: Final = 5.0
"""A start has better things to do."""
ANSWER_S: Final = 10.0
SERVICES: Final[tuple[tuple[tuple[str, ...], Callable[[str], float | None]], ...]] = (
    (("timedatectl", "timesync-status", "--no-pager"), from_timesyncd),
    (("chronyc", "-n", "tracking"), from_chrony),
)


class ClockOffset:
    """`ms` is the newest answer: positive if our clock is ahead, None while nobody knows."""

    def __init__(
        self, services: Sequence[tuple[tuple[str, ...], Callable[[str], float | None]]] = SERVICES
    ) -> None:
        self.ms: float | None = None
        self._services = services

    async def run(self) -> None:
        """Ask again and again. Runs until cancelled."""
        await asyncio.sleep(FIRST_S)
        while True:
            await self.ask()
            await asyncio.sleep(ASKED_EVERY_S)

    async def ask(self) -> None:
        """Ask each service until one knows."""
        for argv, read in self._services:
            self.ms = read(await _said(argv))
            if self.ms is not None:
                return


async def _said(argv: Sequence[str]) -> str:
    """What the program says; nothing if it is not there, fails or takes too long."""
    environment = os.environ | {"LC_ALL": "C"}
    try:
        process = await asyncio.create_subprocess_exec(
            *argv,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
            env=environment,
        )
    except OSError:
        return ""
    try:
        async with asyncio.timeout(ANSWER_S):
            said, _ = await process.communicate()
    except TimeoutError:
        return ""
    finally:
        if process.returncode is None:
            with suppress(ProcessLookupError):
                process.kill()
            await process.wait()
    return said.decode(errors="replace") if process.returncode == 0 else ""
