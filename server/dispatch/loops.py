"""The loops of one server process: do what is due, send what is queued, watch that both happen."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Final

import structlog

from server.clock import now
from server.context import Context
from server.db.database import Database
from server.dispatch import auditor, worker
from server.notify.channels import AddressBook, Carrier, carry
from server.notify.push import Pusher, open_key, subject
from server.notify.sender import AT_ONCE, Sender, link_key
from server.supervision import survived

log = structlog.get_logger(__name__)
STEP_S: Final = 0.5
AUDIT_S: Final = 5.0
BEAT_EVERY: Final = 10
"""Rounds between two heartbeats: every five seconds."""


class Dispatch:
    """The three loops. `carry` is what hands messages over; tests may give another."""

    def __init__(self, context: Context, *, carry: Carrier = carry) -> None:
        settings = context.settings
        self._database = context.database
        self._book = AddressBook(settings.channels_file)
        self._sender = Sender(
            database=context.database,
            book=self._book,
            texts=context.texts,
            carry=carry,
            link_key=link_key(settings),
            public_url=settings.public_url,
            push=Pusher(context.database, open_key(settings), subject(settings)),
        )

    async def run(self) -> None:
        """Until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(_again("dispatch", self._database, self._steps, STEP_S), name="dispatch-steps")
            group.create_task(_again("audit", self._database, self._audit, AUDIT_S), name="dispatch-audit")
            executor = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="send")
            try:
                await _again("notify", self._database, lambda: self._send(executor), STEP_S)
            finally:  # what is on its way ends by itself; what is not begun is claimed again later
                executor.shutdown(wait=False, cancel_futures=True)

    def _steps(self) -> None:
        run_due(self._database, self._book)

    def _audit(self) -> None:
        with self._database.write() as session:
            found = auditor.audit(session, now=now())
        if found:
            log.error(
                "dispatch_overdue", steps=found.steps, done_late=found.done_late, messages=found.messages
            )

    def _send(self, executor: ThreadPoolExecutor) -> None:
        while self._sender.round(executor, now=now()):
            pass


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


async def _again(name: str, database: Database, work: Callable[[], None], pause_s: float) -> None:
    rounds = 0

    def once() -> None:
        work()
        if rounds % BEAT_EVERY == 0:
            with database.write() as session:
                auditor.beat(session, name, now=now())

    while True:
        with survived("dispatch_failed", part=name):
            await asyncio.to_thread(once)
        rounds += 1
        await asyncio.sleep(pause_s)
