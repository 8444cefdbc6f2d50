"""The server's signs of life for systemd: while its loops turn, and no longer."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from gateway.health.watchdog import Notifier
from sunwell.commands.server import watched


class _Server:
    """Its loops, as the watchdog sees them."""

    def __init__(self) -> None:
        self.silent: tuple[str, ...] = ()
        self.asked = asyncio.Event()

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        yield

    def silent_loops(self) -> tuple[str, ...]:
        if self.silent:
            self.asked.set()
        return self.silent


async def test_systemd_hears_while_the_loops_turn_and_no_longer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway.health.watchdog.LEAST_S", 0.001)
    address = str(tmp_path / "notify")
    server: Any = _Server()
    loop = asyncio.get_running_loop()
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind(address)
        systemd.setblocking(False)

        async def heard() -> bytes:
            async with asyncio.timeout(5):
                return await loop.sock_recv(systemd, 1_000)

        async with watched(server, Notifier(address, watchdog_s=0.003)):
            assert (await heard()).startswith(b"READY=1")
            assert await heard() == b"WATCHDOG=1"
            server.silent = ("dispatch",)
            await server.asked.wait()
            said = b""
            while not said.startswith(b"STATUS="):
                said = await heard()
            assert said == b"STATUS=does not answer: dispatch"
        rest = await heard()
        assert rest == b"STOPPING=1"
