"""The command channel: each command is entered in the book, carried out at most once, and answered.

Nothing waits for a command: the uplink goes on receiving acknowledgements meanwhile. The same id again gets
the same reply, also after a restart. What becomes known later, maybe days later, is one reply more.
"""

import asyncio
from collections.abc import Callable
from typing import Final

import msgspec
import structlog

from edge.commanding import Outcome
from edge.driver import cut
from gateway import wire
from gateway.commands import Acts, Means, NotDoneError
from gateway.core.command_book import CommandBook
from gateway.health.troubles import Reports
from gateway.store import BookStore

MOST_WAITING: Final = 200
MOST_AT_ONCE: Final = 8
LONGEST_S: Final = 30.0
"""For carrying out one command; a line of many dead units may keep a write waiting for some seconds."""
FAREWELL_S: Final = 2.0
"""For the reply to a restart to leave before the program ends."""

_log = structlog.get_logger(__name__)


class Commanding:
    """Takes commands and outcomes, hands out replies. `replied` waits until all replies have left."""

    def __init__(
        self,
        store: BookStore,
        means: Means,
        *,
        reports: Reports,
        clock: Callable[[], int],
        reply: Callable[[wire.ReplyMessage], None],
        replied: asyncio.Event,
    ) -> None:
        self._store = store
        self._means = means
        self._acts = Acts(means)
        self._reports = reports
        self._clock = clock
        self._reply = reply
        self._replied = replied
        self._book = CommandBook()
        self._waiting: asyncio.Queue[wire.CommandMessage | Outcome] = asyncio.Queue(MOST_WAITING)
        self._writing = asyncio.Lock()

    async def open(self) -> None:
        """Read the book."""
        try:
            self._book = await asyncio.to_thread(self._store.read)
        except (OSError, msgspec.DecodeError) as error:
            self._reports.add("commands", "book_unreadable", cut(error))

    def take(self, command: wire.CommandMessage) -> None:
        """A command has come."""
        try:
            self._waiting.put_nowait(command)
        except asyncio.QueueFull:
            self._reply(wire.ReplyMessage(id=command.id, ok=False, detail="too many commands at once"))

    def hear(self, outcome: Outcome) -> None:
        """Something became known of a command that a driver has sent."""
        try:
            self._waiting.put_nowait(outcome)
        except asyncio.QueueFull:
            self._reports.add("commands", "outcome_lost", "too many at once")

    async def run(self) -> None:
        """Answer what the last end interrupted, then carry commands out until cancelled."""
        for reply in self._book.interrupted():
            self._reply(reply)
        room = asyncio.Semaphore(MOST_AT_ONCE)
        async with asyncio.TaskGroup() as group:
            while True:
                await room.acquire()
                one = await self._waiting.get()
                task = group.create_task(self._settle(one), name="command")
                task.add_done_callback(lambda _: room.release())

    def close(self) -> None:
        """Undo what was for a limited time."""
        self._acts.close()

    async def _settle(self, one: wire.CommandMessage | Outcome) -> None:
        if isinstance(one, Outcome):
            await self._answer(_reply(one))
        else:
            await self._execute(one)

    async def _execute(self, command: wire.CommandMessage) -> None:
        known = self._book.get(command.id)
        if known is not None:
            if known.reply is not None:
                self._reply(known.reply)
            return
        now_ms = self._clock()
        if not self._book.begin(command, now_ms):
            self._reply(wire.ReplyMessage(id=command.id, ok=False, detail="too many commands are still open"))
            return
        await self._keep()
        outcome = _expired(command, now_ms) or await self._carry_out(command)
        _log.info("command", name=command.name, ok=outcome.ok)
        await self._answer(_reply(outcome))
        if self._acts.restarting and self._means.restart is not None:
            await self._say_goodbye()
            self._means.restart()

    async def _carry_out(self, command: wire.CommandMessage) -> Outcome:
        try:
            async with asyncio.timeout(LONGEST_S):
                return await self._acts.carry_out(command)
        except NotDoneError as error:
            return Outcome(key=command.id, ok=False, detail=str(error))
        except TimeoutError:
            return Outcome(key=command.id, ok=False, detail=f"not done within {LONGEST_S:.0f} s")

    async def _answer(self, reply: wire.ReplyMessage) -> None:
        if self._book.answer(reply):
            await self._keep()
            self._reply(reply)

    async def _keep(self) -> None:
        async with self._writing:
            try:
                await asyncio.to_thread(self._store.write, list(self._book))
            except OSError as error:  # it is done all the same: a siren must be silenced on a full disk too
                self._reports.add("commands", "book_not_written", cut(error))

    async def _say_goodbye(self) -> None:
        try:
            async with asyncio.timeout(FAREWELL_S):
                await self._replied.wait()
        except TimeoutError:
            return  # the book has the reply: it leaves after the start, when the server asks again


def _expired(command: wire.CommandMessage, now_ms: int) -> Outcome | None:
    """Who sent it no longer waits for it."""
    late_s = (now_ms - command.expires_ms) / 1000
    if late_s < 0:
        return None
    return Outcome(key=command.id, ok=False, detail=f"expired {late_s:.1f} s ago, by this gateway's clock")


def _reply(outcome: Outcome) -> wire.ReplyMessage:
    return wire.ReplyMessage(
        id=outcome.key, ok=outcome.ok, detail=cut(outcome.detail, 500), stage=outcome.stage.value
    )
