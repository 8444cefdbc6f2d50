"""Writing to a device. Registers often lie in memory that wears out: what is already there is not written."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final, Literal

from edge.commanding import CommandError
from edge.drivers.modbus.frames import (
    Exchange,
    exception_of,
    reading,
    values_of,
    writing_coils,
    writing_registers,
)
from edge.drivers.modbus.link import Answer, NoAnswer

__all__ = ["CommandError", "Write", "write"]

MOST: Final = {"coil": 1_968, "register": 123}
"""How many values one request may write."""
_ILLEGAL_FUNCTION: Final = 1
_UNREADABLE: Final = frozenset({1, 2, 3})
"""Exceptions by which a device says that it can't be asked what it holds: some registers are write-only."""


@dataclass(frozen=True, slots=True)
class Write:
    """Values for coils (0 or 1) or holding registers (0 to 65535) from `address` on. Raises ValueError."""

    kind: Literal["coil", "register"]
    address: int
    values: tuple[int, ...]

    def __post_init__(self) -> None:
        highest = 1 if self.kind == "coil" else 0xFFFF
        if not 1 <= len(self.values) <= MOST[self.kind]:
            raise ValueError(f"{len(self.values)} values: one request writes 1 to {MOST[self.kind]}")
        if self.address < 0 or self.address + len(self.values) > 65_536:
            raise ValueError(f"{len(self.values)} from {self.address} is outside 0 to 65535")
        if not all(0 <= value <= highest for value in self.values):
            raise ValueError(f"a {self.kind} holds 0 to {highest}")


async def write(exchange: Callable[[Exchange], Awaitable[Answer]], unit: int, order: Write) -> bool:
    """Reads, and writes unless the values are there already. Returns whether it wrote. Raises CommandError.

    A single register is written with function 6, and with 16 where the device does not know that.
    """
    count = len(order.values)
    held = await exchange(reading(unit, 1 if order.kind == "coil" else 3, order.address, count))
    if isinstance(held, NoAnswer):
        raise CommandError(f"unit {unit}: no usable answer; nothing was written, try again")
    code = exception_of(held)
    if code is None and values_of(held, count) == order.values:
        return False
    if code is not None and code not in _UNREADABLE:
        raise CommandError(f"unit {unit}: Modbus exception {code}; nothing was written, try again")
    for request in _requests(unit, order):
        answer = await exchange(request)
        if isinstance(answer, NoAnswer):
            raise CommandError(f"unit {unit}: no usable answer to writing; read back whether it was done")
        code = exception_of(answer)
        if code is None:
            return True
        if code != _ILLEGAL_FUNCTION:
            break
    raise CommandError(f"unit {unit}: writing refused with Modbus exception {code}")


def _requests(unit: int, order: Write) -> tuple[Exchange, ...]:
    if order.kind == "coil":
        return (writing_coils(unit, order.address, order.values),)
    several = writing_registers(unit, order.address, order.values, single=False)
    if len(order.values) > 1:
        return (several,)
    return writing_registers(unit, order.address, order.values, single=True), several
