"""Sending what is queued: claim, say it, settle. Blocking; run in threads."""

from collections.abc import Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy.orm import Session

from server.alarms.texts import RuleTexts
from server.clock import now as clock
from server.db.database import Database
from server.db.models import Area, Delivery, DispatchStep, Gateway, Position, Resident, Task, User, Well
from server.dispatch import worker
from server.notify import deliveries, links, texts
from server.notify.channels import AddressBook, Carrier, SendError
from server.settings import ServerSettings, make_secret, read_secret

AT_ONCE: Final = 8
"""Messages that one process sends at the same time."""
GONE: Final = "there is no address any more"


@dataclass(frozen=True, slots=True, kw_only=True)
class Letter:
    """One message, ready to be handed over. `url` is None where there is no address any more."""

    delivery_id: int
    attempt: int
    url: str | None
    title: str
    body: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Sender:
    """One process's sender. `public_url` is where people reach the pages; without one there are no links."""

    database: Database
    book: AddressBook
    texts: RuleTexts
    carry: Carrier
    link_key: str
    public_url: str

    def round(self, executor: Executor, *, now: datetime) -> int:
        """Sends what is due; says how many messages were tried."""
        with self.database.read() as session:
            if not deliveries.waiting(session, now=now):
                return 0
        with self.database.write() as session:
            claimed = deliveries.claim(session, now=now, limit=AT_ONCE)
        with self.database.read() as session:
            letters = self.written(session, claimed, now=now)
        list(executor.map(self.hand_over, letters))
        return len(letters)

    def written(self, session: Session, claimed: Sequence[Delivery], *, now: datetime) -> list[Letter]:
        """The messages of claimed deliveries, each in its person's language."""
        return [self._letter(session, delivery, now=now) for delivery in claimed]

    def hand_over(self, letter: Letter) -> None:
        """Hands one message over and settles what came of it."""
        error: str | None = GONE if letter.url is None else None
        if letter.url is not None:
            try:
                self.carry(letter.url, letter.title, letter.body)
            except SendError as refused:
                error = str(refused)
        now = clock()
        with self.database.write() as session:
            failed = deliveries.settle(session, letter.delivery_id, letter.attempt, error, now=now)
            if failed is not None:
                worker.hurry(session, failed, now=now)

    def _letter(self, session: Session, delivery: Delivery, *, now: datetime) -> Letter:
        task = session.get_one(Task, delivery.task_id)
        user = session.get_one(User, delivery.user_id)
        kind = session.get_one(DispatchStep, delivery.step_id).kind
        language = user.language if user.language in texts.LANGUAGES else texts.LANGUAGES[0]
        link = links.Link(delivery_id=delivery.id, task_id=task.id, user_id=user.id)
        token = links.made(self.link_key, link, now=now)
        holder = session.get(User, task.assignee_id) if task.assignee_id is not None else None
        area = session.get(Area, task.area_id)
        title, body = texts.message(
            "call" if kind == "end" else kind,
            language,
            texts.Facts(
                number=task.id,
                what=self.texts.name(task.rule, language),
                severity=task.severity,
                who=_about(session, task, language),
                area=area.name if area is not None else "",
                holder=holder.name if holder is not None else "",
                link=f"{self.public_url.rstrip('/')}/take/{token}" if self.public_url else "",
            ),
        )
        url = self.book.current().url(user.login, delivery.channel)
        return Letter(
            delivery_id=delivery.id,
            attempt=delivery.attempts,
            url=url,
            title=title,
            body=f"{body} (#{delivery.id})",
        )


def link_key(settings: ServerSettings) -> str:
    """The key that signs links: from its file, or one made at the first need."""
    return read_secret(settings.link_key_file) or make_secret(settings.data / "link.key")


def _about(session: Session, task: Task, language: str) -> str:
    """Who or what it is about, as it may be said outside."""
    if task.subject_kind == "resident":
        resident = session.get(Resident, task.subject_id)
        return texts.resident(resident.name, language) if resident is not None else task.subject_id
    if task.subject_kind == "position":
        position = session.get(Position, task.subject_id)
        home = session.get(Resident, position.resident_id) if position and position.resident_id else None
        if home is not None:
            return texts.resident(home.name, language)
        return position.name if position is not None else task.subject_id
    model = {"well": Well, "gateway": Gateway}.get(task.subject_kind)
    found = session.get(model, task.subject_id) if model is not None else None
    return found.name if isinstance(found, Well | Gateway) else task.subject_id
