"""A future whose waiter goes on at once."""

import asyncio

import pytest

from edge.drivers.modbus.turn import Turn


async def test_the_waiter_goes_on_within_the_callback_that_settles() -> None:
    loop = asyncio.get_running_loop()
    turn = Turn[int](loop)
    seen: list[str] = []

    async def wait() -> None:
        seen.append(f"got {await turn}")

    def settle() -> None:
        turn.settle(7)
        turn.settle(8)  # nobody hears it
        seen.append("settled")

    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(wait())
        loop.call_later(0, settle)
    assert seen == ["got 7", "settled"]
    assert await turn == 7


async def test_a_task_that_settles_is_not_interrupted() -> None:
    turn = Turn[int](asyncio.get_running_loop())
    seen: list[str] = []

    async def wait() -> None:
        seen.append(f"got {await turn}")

    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(wait())
        await asyncio.sleep(0)
        turn.settle(7)
        seen.append("settled")
    assert seen == ["settled", "got 7"]


async def test_cancellation_and_timeouts_reach_the_waiter() -> None:
    turn = Turn[int](asyncio.get_running_loop())
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0):
            await turn
    assert turn.cancelled()
    turn.settle(7)
    with pytest.raises(asyncio.CancelledError):
        turn.result()


async def test_it_is_waited_for_like_a_future() -> None:
    loop = asyncio.get_running_loop()
    turn = Turn[int](loop)
    with pytest.raises(asyncio.InvalidStateError):
        turn.result()
    loop.call_soon(turn.settle, 3)
    assert await asyncio.wait_for(turn, 5) == 3
    assert turn.done()
    assert turn.cancel() is False
    heard: list[object] = []
    turn.add_done_callback(heard.append)
    await asyncio.sleep(0)
    assert heard == [turn]


async def test_a_callback_that_was_taken_back_is_not_called() -> None:
    turn = Turn[int](asyncio.get_running_loop())
    heard: list[object] = []
    turn.add_done_callback(heard.append)
    assert turn.remove_done_callback(heard.append) == 1
    turn.settle(1)
    assert heard == []
