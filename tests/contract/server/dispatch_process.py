"""One server process, to be killed: presses come in, people act, steps fall due, messages go out to a file.

Any process may do anything for any home, and several do at once: a press that is in the record already and an
action that somebody else was faster with are refused, as they are in life.
"""

import os
import random
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from pathlib import Path
from typing import Final

from pydantic import SecretStr
from sqlalchemy import exists, select
from sqlalchemy.exc import SQLAlchemyError

from gateway.rules.model import Severity
from server.alarms import service as alarms
from server.alarms.texts import RuleTexts
from server.clock import to_ms
from server.db.database import Database
from server.db.models import Task, TaskEvent
from server.dispatch import loops
from server.errors import ConflictError, ForbiddenError, StoreUnavailableError
from server.notify import sender
from server.notify.channels import AddressBook, Addresses, SendError
from server.notify.lanes import Lanes
from server.tasks import service as tasks
from server.tasks.states import UNANSWERED, TaskAction, TaskState
from server.users.viewer import Viewer
from tests.contract.server.conftest import viewer_of
from tests.contract.server.test_alarm_record import press
from tests.parts.seals import SEALS

WAYS: Final = {"li": ("fails", "file"), "zhou": ("fails",), "sun": ("file",), "wang": ()}
"""Everybody's channels in order, before the pages. One of them takes nothing."""
ADDRESSES: Final = Addresses(
    {login: {name: SecretStr(name) for name in channels} for login, channels in WAYS.items()}
)
PAUSE_S: Final = 0.1


class Life(StrEnum):
    """What happens at a home."""

    NOBODY = "nobody"  # comes
    LATE = "late"  # somebody accepts and does not arrive
    ASLEEP = "asleep"  # somebody puts it off
    AGAIN = "again"  # pressed three times, and nobody comes
    HELD = "held"  # pressed three times; somebody comes


LIVES: Final = tuple(Life)
PRESSES: Final = {Life.AGAIN: 3, Life.HELD: 3}
SEVERITY: Final = {Life.ASLEEP: Severity.MAJOR}
"""Critical otherwise: such a task cannot be put off."""


def life_of(home: int) -> Life:
    """What happens there."""
    return LIVES[home % len(LIVES)]


def clock(started: float, speed: float) -> datetime:
    """The fast clock."""
    real = time.time()
    return datetime.fromtimestamp(started, UTC) + timedelta(seconds=(real - started) * speed)


def main(url: str, folder: str, started: float, speed: float, homes: int) -> None:
    """Works until it is killed. The clock runs `speed` times as fast since `started` (seconds since 1970)."""
    database = Database(url, seals=SEALS)
    book = AddressBook(None)
    book._read = ADDRESSES
    out, troubles, ready = (_appended(Path(folder, name)) for name in ("told", "troubles", "ready"))

    def now() -> datetime:
        return clock(started, speed)

    def carry(url: str, title: str, body: str) -> None:
        if url == "fails":
            raise SendError("refused")
        os.write(out, f"{body.rpartition('#')[2].rstrip(')')}\n".encode())

    loops.now = now  # type: ignore[attr-defined]  # the fast clock, in this process alone
    sender.clock = now  # type: ignore[attr-defined]  # likewise
    one = sender.Sender(
        database=database, book=book, texts=RuleTexts(()), carry=carry, link_key="key", public_url="",
        lanes=Lanes(timedelta(hours=1)),  # the fast clock would give up what a busy machine still sends
    )  # fmt: skip
    executor = ThreadPoolExecutor(1)  # one message at a time: a kill can double no more than that one
    people = {login: viewer_of(database, login) for login in WAYS}
    chance = random.Random()

    def again(work: Callable[[], None]) -> None:
        while True:
            try:
                work()
            except (StoreUnavailableError, SQLAlchemyError) as error:
                os.write(troubles, f"{error}\n".replace("\n", " ").encode() + b"\n")
            time.sleep(PAUSE_S)

    for work in (
        lambda: live(database, people, _home(database, homes, chance), chance, now()),
        lambda: loops.run_due(database, book),
    ):
        threading.Thread(target=again, args=(work,), daemon=True).start()
    os.write(ready, f"{os.getpid()}\n".encode())
    again(lambda: _send(one, executor, now))


def _home(database: Database, homes: int, chance: random.Random) -> int:
    """Any; every other time one where somebody is on the way, who would not arrive in time otherwise."""
    on_the_way = select(Task.subject_id).where(
        Task.subject_id.like("x%"), Task.state.in_((TaskState.ACKNOWLEDGED, TaskState.ON_SITE))
    )
    with database.read() as session:
        found = [int(subject[1:]) for subject in session.scalars(on_the_way)]
    held = [home for home in found if life_of(home) is Life.HELD]
    return chance.choice(held) if held and chance.random() < 0.5 else chance.randrange(homes)


def _send(one: sender.Sender, executor: ThreadPoolExecutor, now: Callable[[], datetime]) -> None:
    while one.round(executor, now=now()):
        one.lanes.wait(1)


def _appended(path: Path) -> int:
    return os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT)


def live(
    database: Database, people: dict[str, Viewer], home: int, chance: random.Random, now: datetime
) -> None:
    """The next thing that happens at this home."""
    life = life_of(home)
    presses = PRESSES.get(life, 1)
    with database.read() as session:
        task = session.scalar(
            select(Task).where(Task.subject_id == f"x{home}").order_by(Task.id.desc()).limit(1)
        )
        slept = task is not None and session.scalar(
            select(exists().where(TaskEvent.task_id == task.id, TaskEvent.action == TaskAction.SNOOZE))
        )
    if task is None or task.occurrences < presses:
        number = chance.randint(1, presses)
        message = press(
            number, epoch=f"x{home}", breach=f"x{home}-{number}", position=f"p{home}", device=f"d{home}",
            severity=SEVERITY.get(life, Severity.CRITICAL), device_ms=to_ms(now), gateway_ms=to_ms(now),
        )  # fmt: skip
        with database.write() as session:
            alarms.record(session, gateway_id="gw-1", message=message, now=now)
        return
    wanted = _wanted(life, task, slept=bool(slept))
    if wanted is None:
        return
    who = people["zhou"]  # a dispatcher
    if wanted.action is TaskAction.ACKNOWLEDGE:
        who = people[chance.choice(("li", "wang"))]
    with suppress(ConflictError, ForbiddenError), database.write() as session:
        tasks.act(session, who, task.id, wanted, now=now)


def _wanted(life: Life, task: Task, *, slept: bool) -> tasks.Act | None:
    state = TaskState(task.state)
    match life:
        case Life.LATE if task.acknowledged_at is None:
            return tasks.Act(action=TaskAction.ACKNOWLEDGE)
        case Life.ASLEEP if not slept:
            return tasks.Act(action=TaskAction.SNOOZE, minutes=1, note="asleep")
        case Life.HELD if state in UNANSWERED:
            return tasks.Act(action=TaskAction.ACKNOWLEDGE)
        case Life.HELD if state is TaskState.ACKNOWLEDGED:
            return tasks.Act(action=TaskAction.ARRIVE)
        case Life.HELD if state is TaskState.ON_SITE:
            return tasks.Act(action=TaskAction.CLOSE, outcome="helped_on_site")
        case _:
            return None
