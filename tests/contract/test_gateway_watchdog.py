"""The program tells systemd that it is ready, lives and stops; at a real socket in systemd's place."""

import asyncio
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.app import GatewayApp
from gateway.health.watchdog import Notifier
from gateway.settings import Broker, GatewaySettings
from tests.contract.gateway_parts import WAIT_S
from tests.parts.processes import REPOSITORY, free_port


@pytest.fixture
def systemd(tmp_path: Path) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind(str(tmp_path / "notify"))
        listener.setblocking(False)
        yield listener


async def until(systemd: socket.socket, wanted: bytes) -> list[bytes]:
    """What came before the first datagram with the line that is wanted."""
    before: list[bytes] = []
    async with asyncio.timeout(WAIT_S):
        while wanted not in (said := await asyncio.get_running_loop().sock_recv(systemd, 4096)).splitlines():
            before.append(said)
    return before


async def test_the_program_is_ready_lives_and_stops(systemd: socket.socket, tmp_path: Path) -> None:
    environment = os.environ | {
        "SUNWELL_GATEWAY_DATA": str(tmp_path / "data"),
        "SUNWELL_GATEWAY_UPLINK__PORT": str(free_port()),
        "SUNWELL_GATEWAY_DEVICES__PORT": str(free_port()),
        "NOTIFY_SOCKET": systemd.getsockname(),
        "WATCHDOG_USEC": "1500000",
    }
    argv = [sys.executable, "-m", "sunwell", "gateway"]
    process = await asyncio.to_thread(subprocess.Popen, argv, cwd=REPOSITORY, env=environment)
    try:
        assert await until(systemd, b"READY=1") == []
        await until(systemd, b"WATCHDOG=1")  # with no network at all
        process.send_signal(signal.SIGTERM)
        await until(systemd, b"STOPPING=1")
        assert await asyncio.to_thread(process.wait, WAIT_S) == 0
    finally:
        process.kill()
        process.wait(5)


async def test_a_gateway_that_waits_to_be_enrolled_lives_too(systemd: socket.socket, tmp_path: Path) -> None:
    environment = os.environ | {
        "SUNWELL_GATEWAY_DATA": str(tmp_path / "data"),
        "SUNWELL_GATEWAY_IDENTITY": str(tmp_path / "identity"),
        "SUNWELL_GATEWAY_PAGE__PORT": str(free_port()),
        "NOTIFY_SOCKET": systemd.getsockname(),
        "WATCHDOG_USEC": "1500000",
    }
    argv = [sys.executable, "-m", "sunwell", "gateway"]
    process = await asyncio.to_thread(subprocess.Popen, argv, cwd=REPOSITORY, env=environment)
    try:
        assert await until(systemd, b"READY=1") == []
        await until(systemd, b"WATCHDOG=1")
        process.send_signal(signal.SIGTERM)
        assert await asyncio.to_thread(process.wait, WAIT_S) == 0
    finally:
        process.kill()
        process.wait(5)


async def test_a_part_that_has_ended_ends_the_signs_of_life(systemd: socket.socket, tmp_path: Path) -> None:
    nowhere = Broker(port=free_port())
    settings = GatewaySettings(data=tmp_path / "data", uplink=nowhere, devices=nowhere)
    async with GatewayApp(settings, notifier=Notifier(systemd.getsockname(), 1.5)) as app:
        await until(systemd, b"WATCHDOG=1")
        assert await app._dead() == []
        rules = next(task for task in app._tasks if task.get_name() == "rules")
        rules.cancel()
        await asyncio.wait([rules])
        await until(systemd, b"STATUS=does not answer: rules")
        assert await app._dead() == ["rules"]
    assert b"WATCHDOG=1" not in b"".join(await until(systemd, b"STOPPING=1"))
