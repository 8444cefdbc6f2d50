"""Signs of life, at a real datagram socket in systemd's place."""

import asyncio
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.health import watchdog as watchdog_module
from gateway.health.watchdog import Notifier, Watchdog, message


@pytest.fixture
def systemd(tmp_path: Path) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind(str(tmp_path / "notify"))
        listener.setblocking(False)
        yield listener


async def heard(systemd: socket.socket) -> bytes:
    async with asyncio.timeout(10):
        return await asyncio.get_running_loop().sock_recv(systemd, 4096)


@pytest.mark.parametrize(
    ("environment", "found"),
    [
        ({}, None),
        ({"NOTIFY_SOCKET": "relative"}, None),
        ({"NOTIFY_SOCKET": "/run/n"}, Notifier("/run/n")),
        ({"NOTIFY_SOCKET": "@n", "WATCHDOG_USEC": "60000000"}, Notifier("@n", 60.0)),
        ({"NOTIFY_SOCKET": "@n", "WATCHDOG_USEC": "60000000", "WATCHDOG_PID": "7"}, Notifier("@n", 60.0)),
        ({"NOTIFY_SOCKET": "@n", "WATCHDOG_USEC": "60000000", "WATCHDOG_PID": "8"}, Notifier("@n")),
        ({"NOTIFY_SOCKET": "@n", "WATCHDOG_USEC": "soon"}, Notifier("@n")),
    ],
)
def test_what_systemd_sets(environment: dict[str, str], found: Notifier | None) -> None:
    assert Notifier.of(environment, 7) == found


def test_a_datagram_holds_one_value_a_line() -> None:
    assert message(READY="1", STATUS="running") == b"READY=1\nSTATUS=running"


def test_an_abstract_socket_is_reached_too() -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind("")  # the kernel chooses an abstract name
        name = listener.getsockname()
        assert Notifier("@" + name[1:].decode()).tell(WATCHDOG="1")
        assert listener.recv(4096) == b"WATCHDOG=1"


def test_a_systemd_that_is_away_disturbs_nothing(tmp_path: Path) -> None:
    assert not Notifier(str(tmp_path / "nobody")).tell(READY="1")


async def test_it_speaks_while_all_live_and_says_who_does_not(
    systemd: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watchdog_module, "LEAST_S", 0.05)
    dead: list[str] = []
    stuck = asyncio.Event()

    async def ask() -> list[str]:
        if stuck.is_set():
            await asyncio.Event().wait()
        return dead

    watchdog = Watchdog(Notifier(systemd.getsockname(), 0.1), ask, slow="alarm lane")
    async with asyncio.TaskGroup() as group:
        task = group.create_task(watchdog.run())
        assert await heard(systemd) == b"READY=1\nSTATUS=running"
        assert await heard(systemd) == b"WATCHDOG=1"
        assert await heard(systemd) == b"WATCHDOG=1"
        dead = ["rules"]
        assert await heard(systemd) == b"STATUS=does not answer: rules"
        dead = []
        assert await heard(systemd) == b"WATCHDOG=1"  # nothing in between: it was silent
        assert await heard(systemd) == b"STATUS=running"
        stuck.set()
        while (said := await heard(systemd)) == b"WATCHDOG=1":
            continue
        assert said == b"STATUS=does not answer: alarm lane"
        task.cancel()


async def test_without_a_watchdog_it_only_says_that_it_is_ready(systemd: socket.socket) -> None:
    async def ask() -> list[str]:
        raise AssertionError("nobody wants to know")

    await Watchdog(Notifier(systemd.getsockname()), ask, slow="").run()
    assert (await heard(systemd)).startswith(b"READY=1")
