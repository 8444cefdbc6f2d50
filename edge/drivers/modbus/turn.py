"""What an exchange ends in: a future whose waiter goes on at once.

An `asyncio.Future` wakes its waiter in the next turn of the event loop. On a line that asks and hears without
a pause this is one more turn, and one more look for events, for every answer. A `Turn` lets the waiting task
go on within the callback that brought the answer. It speaks the protocol by which tasks wait for whatever is
like a future (`asyncio.isfuture`).
"""

import asyncio
from collections.abc import Callable, Generator
from contextvars import Context
from typing import Any, Generic, TypeVar

Result = TypeVar("Result")
_Callback = Callable[[Any], object]


class Turn(Generic[Result]):
    """One result for one waiter. `settle` may be called from anywhere; in a task it wakes the waiter later,
    since a task can't go on within another one."""

    __slots__ = ("_asyncio_future_blocking", "_callbacks", "_cancelled", "_loop", "_result", "_settled")

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._asyncio_future_blocking = False
        self._loop = loop
        self._callbacks: list[tuple[_Callback, Context | None]] = []
        self._settled = False
        self._cancelled = False
        self._result: Result | None = None

    def settle(self, result: Result) -> None:
        """Ends it; what comes after the first time is not heard."""
        if self._settled:
            return
        self._settled, self._result = True, result
        callbacks, self._callbacks = self._callbacks, []
        inside = asyncio.current_task(self._loop) is not None
        for callback, context in callbacks:
            if inside:
                self._loop.call_soon(callback, self, context=context)
            elif context is None:
                callback(self)
            else:
                context.run(callback, self)

    def get_loop(self) -> asyncio.AbstractEventLoop:
        """The loop that it belongs to."""
        return self._loop

    def done(self) -> bool:
        """Whether it has ended."""
        return self._settled

    def cancelled(self) -> bool:
        """Whether it ended because its waiter was cancelled."""
        return self._cancelled

    def cancel(self, msg: object = None) -> bool:
        """Its waiter is cancelled, and told so in the next turn of the loop."""
        if self._settled:
            return False
        self._settled = self._cancelled = True
        callbacks, self._callbacks = self._callbacks, []
        for callback, context in callbacks:
            self._loop.call_soon(callback, self, context=context)
        return True

    def result(self) -> Result:
        """The result. Raises CancelledError."""
        if self._cancelled:
            raise asyncio.CancelledError
        if not self._settled:
            raise asyncio.InvalidStateError("nothing has come yet")
        return self._result  # type: ignore[return-value]  # settled: it holds a Result

    def add_done_callback(self, callback: _Callback, *, context: Context | None = None) -> None:
        """Called when it ends; in the next turn of the loop, if it has."""
        if self._settled:
            self._loop.call_soon(callback, self, context=context)
        else:
            self._callbacks.append((callback, context))

    def remove_done_callback(self, callback: _Callback) -> int:
        """How many of the callbacks were this one; they are not called."""
        kept = [one for one in self._callbacks if one[0] != callback]
        removed = len(self._callbacks) - len(kept)
        self._callbacks = kept
        return removed

    def __await__(self) -> Generator["Turn[Result]", None, Result]:
        if not self._settled:
            self._asyncio_future_blocking = True
            yield self
        return self.result()
