"""A Modbus TCP server with several units behind it, as a serial gateway in a cabinet is.

pymodbus calls its simulator experimental; nothing else of ours touches it.
"""

import asyncio
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

from pymodbus.constants import ExcCodes
from pymodbus.server import ModbusTcpServer
from pymodbus.simulator import DataType, SimData, SimDevice

Registers = Mapping[int, int]
"""Register values (0 to 65535) by address. Other addresses answer exception 2."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SimulatedUnit:
    """A unit. `registers` is called for each request; the set of its addresses must stay the same.
    `functions` are the function codes that the device knows; others answer exception 1."""

    unit: int
    registers: Callable[[], Registers]
    functions: frozenset[int] = frozenset({3, 4})


class ModbusHost:
    """The server, as an asynchronous context manager; `port` is known once entered.

    Units in `silent` do not answer, those in `failing` answer the exception given there.
    """

    def __init__(self, units: Iterable[SimulatedUnit], *, host: str = "127.0.0.1", port: int = 0) -> None:
        self.host = host
        self.port = port
        self.silent: set[int] = set()
        self.failing: dict[int, int] = {}
        self.requests: list[tuple[int, int, int, int]] = []
        """The last requests: unit, function, address, count."""
        self._units = list(units)
        self._server: ModbusTcpServer | None = None

    async def __aenter__(self) -> Self:
        server = ModbusTcpServer(
            [self._device(unit) for unit in self._units],
            address=(self.host, self.port),
            trace_packet=self._hush,
        )
        await server.serve_forever(background=True)
        listener: Any = server.transport
        self.port = listener.sockets[0].getsockname()[1]
        self._server = server
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._server is not None
        await self._server.shutdown()  # type: ignore[no-untyped-call] # pymodbus has no type there
        self._server = None
        await asyncio.sleep(0)  # lets the transports close

    def _hush(self, sending: bool, data: bytes) -> bytes:
        # The unit is the seventh byte of a Modbus TCP frame.
        return b"" if sending and len(data) > 6 and data[6] in self.silent else data

    def _device(self, unit: SimulatedUnit) -> SimDevice:
        async def act(
            function: int, start: int, address: int, count: int, registers: list[int], values: Any
        ) -> ExcCodes | None:
            self.requests.append((unit.unit, function, address, count))
            del self.requests[:-1000]
            if unit.unit in self.failing:
                return ExcCodes(self.failing[unit.unit])
            if function not in unit.functions or values is not None:
                return ExcCodes.ILLEGAL_FUNCTION
            for place, value in unit.registers().items():
                registers[place - start] = value
            return None

        blocks = [
            SimData(address=address, values=value, datatype=DataType.REGISTERS)
            for address, value in sorted(unit.registers().items())
        ]
        return SimDevice(id=unit.unit, simdata=blocks, action=act)
