"""Modbus slaves to measure against: 50 units of 40 holding registers, in a process of their own."""

import multiprocessing
import os
import pty
import select
import selectors
import socket
import struct
import time
import tty
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import cycle
from multiprocessing.connection import Connection
from typing import Any, Final

from edge.drivers.modbus.frames import checksum

UNITS: Final = 50
REGISTERS: Final = 40
BAUD: Final = 115_200
TURNAROUND_S: Final = 0.002
_BODIES: Final = [
    struct.pack(f">BB{REGISTERS}H", 3, 2 * REGISTERS, *range(turn, turn + REGISTERS)) for turn in range(251)
]
"""Answers in turn, so that no unit's registers stay as they were. 251 is prime to the number of units."""


def serve_tcp(ready: Connection) -> None:
    """Answers every request for 40 registers, at as many ports as there are units."""
    selector = selectors.DefaultSelector()
    listeners = [socket.create_server(("127.0.0.1", 0)) for _ in range(UNITS)]
    for listener in listeners:
        selector.register(listener, selectors.EVENT_READ, data="listener")
    ready.send([listener.getsockname()[1] for listener in listeners])
    bodies = cycle(_BODIES)
    while True:
        for key, _ in selector.select():
            assert isinstance(key.fileobj, socket.socket)
            if key.data == "listener":
                connection, _ = key.fileobj.accept()
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                selector.register(connection, selectors.EVENT_READ)
                continue
            try:
                request = key.fileobj.recv(512)
            except ConnectionError:
                request = b""
            if not request:
                selector.unregister(key.fileobj)
                key.fileobj.close()
                continue
            body = next(bodies)
            key.fileobj.sendall(request[:4] + struct.pack(">HB", len(body) + 1, request[6]) + body)


def serve_rtu(ready: Connection, dead: int) -> None:
    """Answers units over `dead` on a pseudo-terminal, with the speed of 115,200 baud and 2 ms turnaround."""
    master, slave = pty.openpty()
    tty.setraw(slave)
    ready.send(os.ttyname(slave))
    while True:
        select.select([master], [], [])
        request = os.read(master, 512)
        unit = request[0]
        if unit <= dead:
            continue
        frame = bytes((unit,)) + _BODIES[unit]
        time.sleep(TURNAROUND_S + (len(request) + len(frame) + 2) * 10 / BAUD)
        os.write(master, frame + checksum(frame))


@contextmanager
def serving(target: Callable[..., None], *arguments: Any) -> Iterator[Any]:
    """A server in a process of its own; gives what it says when it is ready."""
    context = multiprocessing.get_context("spawn")
    here, there = context.Pipe()
    process = context.Process(target=target, args=(there, *arguments), daemon=True)
    process.start()
    try:
        yield here.recv()
    finally:
        process.kill()
        process.join()
