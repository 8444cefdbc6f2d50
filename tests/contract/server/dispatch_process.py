"""One server process's dispatch, to be killed: steps, and messages handed over by appending to a file."""

import os
import threading
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

from pydantic import SecretStr

from server.alarms.texts import RuleTexts
from server.db.database import Database
from server.dispatch import loops
from server.notify import deliveries, sender
from server.notify.channels import AddressBook, Addresses
from tests.parts.seals import SEALS

PEOPLE = ("li", "wang", "zhou", "sun")
ADDRESSES = Addresses({login: {"file": SecretStr("file")} for login in PEOPLE})


def clock(started: float, speed: float) -> datetime:
    """The fast clock."""
    real = time.time()
    return datetime.fromtimestamp(started, UTC) + timedelta(seconds=(real - started) * speed)


def main(url: str, file: str, started: float, speed: float) -> None:
    """Works until it is killed. The clock runs `speed` times as fast since `started` (seconds since 1970)."""
    database = Database(url, seals=SEALS)
    book = AddressBook(None)
    book._read = ADDRESSES
    out = os.open(Path(file), os.O_WRONLY | os.O_APPEND | os.O_CREAT)

    def now() -> datetime:
        return clock(started, speed)

    def carry(url: str, title: str, body: str) -> None:
        os.write(out, f"{body.rpartition('#')[2].rstrip(')')}\n".encode())

    loops.now = now  # type: ignore[attr-defined]  # the fast clock, in this process alone
    one = sender.Sender(
        database=database, book=book, texts=RuleTexts(()), carry=carry, link_key="key", public_url=""
    )

    def steps() -> None:
        while True:
            loops.run_due(database, book)
            time.sleep(0.02)

    def sends() -> None:
        while True:
            with database.write() as session:
                claimed = deliveries.claim(session, now=now(), limit=8)
            with database.read() as session:
                letters = one.written(session, claimed, now=now())
            for letter in letters:
                one.carry(letter.url or "", letter.title, letter.body)
                with database.write() as session:
                    deliveries.settle(session, letter.delivery_id, letter.attempt, None, now=now())
            if not letters:
                time.sleep(0.02)

    threading.Thread(target=steps, daemon=True).start()
    sends()
