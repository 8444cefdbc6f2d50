"""A serial line of pseudo-terminals: a real RTU server of pymodbus at one end, a disturber in the middle."""

import asyncio
import os
import pty
import tty
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager

from pymodbus.server import ModbusSerialServer
from pymodbus.simulator import DataType, SimData, SimDevice

Pieces = list[tuple[float, bytes]]
"""What goes on to the other end: seconds to wait, bytes."""
Disturb = Callable[[bytes, bytes], Pieces]
"""Takes the last request and the answer, gives what reaches the master instead."""


def undisturbed(request: bytes, answer: bytes) -> Pieces:
    """The answer as it is."""
    return [(0, answer)]


class SerialLine:
    """`port` is the master's. What it asked is in `requests`."""

    def __init__(self, near: int, far: int, port: str) -> None:
        self.port = port
        self.disturb: Disturb = undisturbed
        self.echo = False
        self.dead: set[int] = set()
        self.requests: list[bytes] = []
        self._near, self._far = near, far
        self._sending: asyncio.Queue[Pieces] = asyncio.Queue()

    def asked(self) -> None:
        """Something came from the master."""
        request = os.read(self._near, 512)
        self.requests.append(request)
        if self.echo:
            os.write(self._near, request)
        if request[0] not in self.dead:
            os.write(self._far, request)

    def answered(self) -> None:
        """Something came from the server."""
        answer = os.read(self._far, 512)
        self._sending.put_nowait(self.disturb(self.requests[-1], answer))

    async def relay(self) -> None:
        """Sends on what the disturber made of the answers."""
        loop = asyncio.get_running_loop()
        while True:
            for wait_s, piece in await self._sending.get():
                loop.call_later(wait_s, os.write, self._near, piece)


@asynccontextmanager
async def serial_line(units: Mapping[int, Mapping[int, int]]) -> AsyncIterator[SerialLine]:
    """Units with their registers, on a line of 115,200 baud. Pseudo-terminals have no speed of their own."""
    loop = asyncio.get_running_loop()
    near, near_end = pty.openpty()
    far, far_end = pty.openpty()
    for end in (near_end, far_end):
        tty.setraw(end)
    line = SerialLine(near, far, os.ttyname(near_end))
    server = ModbusSerialServer(
        [
            SimDevice(
                id=unit,
                simdata=[
                    SimData(address=address, values=value, datatype=DataType.REGISTERS)
                    for address, value in sorted(registers.items())
                ],
            )
            for unit, registers in units.items()
        ],
        port=os.ttyname(far_end),
        baudrate=115_200,
    )
    await server.serve_forever(background=True)
    loop.add_reader(near, line.asked)
    loop.add_reader(far, line.answered)
    try:
        async with asyncio.TaskGroup() as tasks:
            relaying = tasks.create_task(line.relay())
            yield line
            relaying.cancel()
    finally:
        loop.remove_reader(near)
        loop.remove_reader(far)
        await server.shutdown()  # type: ignore[no-untyped-call] # pymodbus has no type there
        await asyncio.sleep(0)
        for end in (near, near_end, far, far_end):
            os.close(end)
