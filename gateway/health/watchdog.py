"""Tells systemd that the gateway has started, and, again and again, that all its parts are alive.

The protocol of sd_notify(3): datagrams of NAME=VALUE lines to the socket that NOTIFY_SOCKET names. What stays
away for WATCHDOG_USEC makes systemd end the program and start it again.
"""

import asyncio
import os
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Final, Self

import structlog

LEAST_S: Final = 0.5
BEATS: Final = 3
"""Signs of life in the time that systemd waits for one."""

_log = structlog.get_logger(__name__)


def message(**values: str) -> bytes:
    """The lines of one datagram."""
    return "\n".join(f"{name}={value}" for name, value in values.items()).encode()


@dataclass(frozen=True, slots=True)
class Notifier:
    """Where systemd listens, and within which time it wants a sign of life (None: it does not watch)."""

    address: str
    watchdog_s: float | None = None

    @classmethod
    def of(cls, environment: Mapping[str, str], pid: int) -> Self | None:
        """What systemd has set for the process `pid`; None if systemd did not start it, or wants no word."""
        address = environment.get("NOTIFY_SOCKET", "")
        if not address.startswith(("/", "@")):
            return None
        for_us = environment.get("WATCHDOG_PID", str(pid)) == str(pid)
        microseconds = environment.get("WATCHDOG_USEC", "")
        watched = for_us and microseconds.isdecimal() and int(microseconds) > 0
        return cls(address, int(microseconds) / 1e6 if watched else None)

    def tell(self, **values: str) -> bool:
        """Send it, without waiting; False if systemd could not take it."""
        address = "\0" + self.address[1:] if self.address.startswith("@") else self.address
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as out:
            out.setblocking(False)
            try:
                out.sendto(message(**values), address)
            except OSError:
                return False
        return True


@asynccontextmanager
async def waiting(notifier: Notifier | None) -> AsyncIterator[None]:
    """Signs of life of a program that has no parts yet, while the block runs."""
    if notifier is None:
        yield
        return

    async def none_dead() -> Sequence[str]:
        return ()

    async with asyncio.TaskGroup() as group:
        task = group.create_task(Watchdog(notifier, none_dead, slow="").run(), name="watchdog")
        yield
        task.cancel()


def from_systemd() -> Notifier | None:
    """The notifier of this process; None where systemd did not start it."""
    return Notifier.of(os.environ, os.getpid())


class Watchdog:
    """Gives signs of life while `dead` names nothing; that it doesn't answer in time names `slow`."""

    def __init__(
        self, notifier: Notifier, dead: Callable[[], Awaitable[Sequence[str]]], *, slow: str
    ) -> None:
        self._notifier = notifier
        self._dead = dead
        self._slow = slow

    async def run(self) -> None:
        """Say READY, then signs of life until cancelled. Without a watchdog only READY."""
        self._notifier.tell(READY="1", STATUS="running")
        pause_s = max((self._notifier.watchdog_s or 0) / BEATS, LEAST_S)
        before: Sequence[str] = ()
        while self._notifier.watchdog_s is not None:
            dead: Sequence[str] = (self._slow,)
            with suppress(TimeoutError):
                async with asyncio.timeout(pause_s):
                    dead = tuple(await self._dead())
            if not dead:
                self._notifier.tell(WATCHDOG="1")
            if dead != before:
                (_log.error if dead else _log.info)(
                    "parts that do not answer", parts=", ".join(dead) or "none"
                )
                self._notifier.tell(STATUS=f"does not answer: {', '.join(dead)}" if dead else "running")
            before = dead
            await asyncio.sleep(pause_s)
