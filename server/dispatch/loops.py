"""The loops of one server process: do what is due, send what is queued, watch that both happen."""

import asyncio
from collections.abc import Callable
from concurrent.futures import Executor, ThreadPoolExecutor
from typing import Final

import structlog

from server.clock import now
from server.context import Context
from server.db.database import Database
from server.dispatch import auditor, worker
from server.notify.channels import AddressBook, Carrier, carry
from server.notify.push import Pusher, open_key, subject
from server.notify.sender import THREADS, Sender, link_key
from server.supervision import Pulse, survived

log = structlog.get_logger(__name__)
STEP_S: Final = 0.5
AUDIT_S: Final = 5.0
WAIT_S: Final = 0.2
"""So long those who are done wait for those who are not, before more is begun."""
ROUNDS: Final = 20
"""Rounds of sending before the loop beats in between."""
BEAT_EVERY: Final = 10
"""Rounds between two heartbeats: every five seconds."""


class Dispatch:
    """The three loops. `carry` is what hands messages over; tests may give another."""

    def __init__(self, context: Context, *, carry: Carrier = carry) -> None:
        settings = context.settings
        self._database = context.database
        self._book = AddressBook.of(settings)
        self._sender = Sender(
            database=context.database,
            book=self._book,
            texts=context.texts,
            carry=carry,
            link_key=link_key(settings),
            public_url=settings.public_url,
            push=Pusher(context.database, open_key(settings), subject(settings)),
        )
        self._pulse = context.pulse
        self._started = now()

    async def run(self) -> None:
        """Until cancelled. The loops have threads of their own: nothing else can keep them waiting."""
        senders = ThreadPoolExecutor(THREADS, thread_name_prefix="send")
        threads = ThreadPoolExecutor(3, thread_name_prefix="dispatch")

        async def again(name: str, work: Callable[[], None], pause_s: float) -> None:
            await _again(name, self._database, work, pause_s, pulse=self._pulse, threads=threads)

        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(again("dispatch", self._steps, STEP_S), name="dispatch-steps")
                group.create_task(again("audit", self._audit, AUDIT_S), name="dispatch-audit")
                group.create_task(again("notify", lambda: self._send(senders), STEP_S), name="dispatch-send")
        finally:  # what is on its way ends by itself; what is not begun is claimed again later
            senders.shutdown(wait=False, cancel_futures=True)
            threads.shutdown(wait=False, cancel_futures=True)

    def _steps(self) -> None:
        run_due(self._database, self._book)

    def _audit(self) -> None:
        with self._database.write() as session:
            found = auditor.audit(session, now=now(), started=self._started)
        if found:
            log.error(
                "dispatch_overdue", steps=found.steps, done_late=found.done_late, messages=found.messages
            )

    def _send(self, executor: ThreadPoolExecutor) -> None:
        for _ in range(ROUNDS):
            if not self._sender.round(executor, now=now()):
                return
            self._sender.lanes.wait(WAIT_S)


def run_due(database: Database, book: AddressBook) -> int:
    """Does every step that is due; says how many. One that fails is left for the next round, and the others
    are done: the auditor sees it."""
    done = 0
    passed: set[int] = set()
    while True:
        with database.read() as session:
            due = worker.due_steps(session, now=now(), without=passed)
        if not due:
            return done
        passed.update(due)
        for step_id in due:
            done += _do_step(database, book, step_id)


def _do_step(database: Database, book: AddressBook, step_id: int) -> bool:
    done = 0
    with survived("step_failed", outages=False, step=step_id), database.write() as session:
        done += worker.do_step(session, step_id, book.known(session), now=now())
    return bool(done)


async def _again(
    name: str,
    database: Database,
    work: Callable[[], None],
    pause_s: float,
    *,
    pulse: Pulse | None = None,
    threads: Executor | None = None,
) -> None:
    rounds = 0

    def once() -> None:
        work()
        if rounds % BEAT_EVERY == 0:
            with database.write() as session:
                auditor.beat(session, name, now=now())

    loop = asyncio.get_running_loop()
    while True:
        with survived("dispatch_failed", part=name):
            await loop.run_in_executor(threads, once)
        if pulse is not None:
            pulse.beat(name)
        rounds += 1
        await asyncio.sleep(pause_s)
