"""Writing: spare what is there, try the other function, say what happened."""

from collections.abc import Callable

import pytest

from edge.drivers.modbus.commands import CommandError, Write, write
from edge.drivers.modbus.frames import Exchange
from edge.drivers.modbus.link import Answer, NoAnswer

HELD_5 = bytes.fromhex("03020005")


class Unit:
    """Answers each function as told; counts what it was asked."""

    def __init__(self, answers: dict[int, Callable[[Exchange], Answer]]) -> None:
        self.answers = answers
        self.asked: list[int] = []

    async def __call__(self, exchange: Exchange) -> Answer:
        self.asked.append(exchange.function)
        return self.answers[exchange.function](exchange)


def yes(exchange: Exchange) -> Answer:
    return exchange.request[:5]


def no(code: int) -> Callable[[Exchange], Answer]:
    return lambda exchange: bytes((exchange.function | 0x80, code))


async def test_what_is_there_is_not_written_again() -> None:
    unit = Unit({3: lambda _: HELD_5, 6: yes})
    assert await write(unit, 1, Write("register", 0, (5,))) is False
    assert await write(unit, 1, Write("register", 0, (6,))) is True
    assert unit.asked == [3, 3, 6]


async def test_a_coil_is_read_and_written_by_its_own_functions() -> None:
    unit = Unit({1: lambda _: bytes.fromhex("010101"), 5: yes, 15: yes})
    assert await write(unit, 1, Write("coil", 0, (1,))) is False
    assert await write(unit, 1, Write("coil", 0, (0,))) is True
    assert await write(unit, 1, Write("coil", 0, (0, 1))) is True
    assert unit.asked == [1, 1, 5, 1, 15]


@pytest.mark.parametrize("code", [1, 2, 3])
async def test_a_register_that_can_only_be_written_is_written(code: int) -> None:
    assert await write(Unit({3: no(code), 6: yes}), 1, Write("register", 0, (6,))) is True


async def test_function_16_serves_where_6_is_not_known() -> None:
    unit = Unit({3: lambda _: HELD_5, 6: no(1), 16: yes})
    assert await write(unit, 1, Write("register", 0, (6,))) is True
    assert unit.asked == [3, 6, 16]


@pytest.mark.parametrize(
    ("answers", "message", "asked"),
    [
        ({3: lambda _: NoAnswer.TIMEOUT}, "nothing was written", [3]),
        ({3: no(6)}, "exception 6; nothing was written", [3]),
        ({3: lambda _: HELD_5, 6: lambda _: NoAnswer.BROKEN}, "read back", [3, 6]),
        ({3: lambda _: HELD_5, 6: no(4)}, "refused with Modbus exception 4", [3, 6]),
        ({3: lambda _: HELD_5, 6: no(1), 16: no(1)}, "refused with Modbus exception 1", [3, 6, 16]),
    ],
)
async def test_a_failure_says_whether_something_was_written(
    answers: dict[int, Callable[[Exchange], Answer]], message: str, asked: list[int]
) -> None:
    unit = Unit(answers)
    with pytest.raises(CommandError, match=message):
        await write(unit, 1, Write("register", 0, (6,)))
    assert unit.asked == asked


@pytest.mark.parametrize(
    ("kind", "address", "values"),
    [
        ("register", 0, ()),
        ("register", 0, (1,) * 124),
        ("register", 0, (65_536,)),
        ("register", -1, (1,)),
        ("register", 65_535, (1, 2)),
        ("coil", 0, (2,)),
    ],
)
def test_an_order_that_no_request_carries_is_refused(
    kind: str, address: int, values: tuple[int, ...]
) -> None:
    with pytest.raises(ValueError, match=r"."):
        Write(kind, address, values)  # type: ignore[arg-type] # parametrised
