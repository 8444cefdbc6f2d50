"""Sending what is queued: claim, say it, settle. Blocking; run in threads."""

from collections.abc import Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any, Final, Protocol
from urllib.parse import urlsplit

from sqlalchemy.orm import Session

from gateway.rules.model import Severity
from server.alarms.texts import RuleTexts
from server.clock import now as clock
from server.db.database import Database
from server.db.models import Area, Delivery, DispatchStep, Gateway, Position, Resident, Task, User, Well
from server.dispatch import playbooks, worker
from server.dispatch.core import StepKind
from server.notify import deliveries, health, links, texts
from server.notify.channels import PUSH, AddressBook, Carrier, SendError, outcome
from server.policies import service as policies
from server.rhythm import reasons
from server.settings import ServerSettings, make_secret, read_secret
from server.supervision import survived

AT_ONCE: Final = 8
"""Messages that one process sends at the same time."""
GONE: Final = "there is no address any more"
UNWRITTEN: Final = "the message could not be written"
_NOT_TO_TAKE: Final = frozenset({StepKind.TAKEN, StepKind.INFORM, StepKind.WATCHERS, StepKind.UNFINISHED})


class Push(Protocol):
    """What wakes a person's browsers."""

    def send(self, user_id: int, message: Mapping[str, Any]) -> None:
        """Blocks until a push service has taken it. Raises SendError."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Letter:
    """One message, ready to be handed over. `url` is None where there is no address any more; `link` takes
    the task, and is empty where nobody is to take it or there is no public address."""

    delivery_id: int
    attempt: int
    channel: str
    user_id: int
    task_id: int
    url: str | None
    title: str
    body: str
    link: str
    language: str
    urgent: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Sender:
    """One process's sender. `public_url` is where people reach the pages; without one there are no links."""

    database: Database
    book: AddressBook
    texts: RuleTexts
    carry: Carrier
    link_key: str
    public_url: str
    push: Push | None = None

    def round(self, executor: Executor, *, now: datetime) -> int:
        """Sends what is due; says how many messages were tried."""
        with self.database.read() as session:
            if not deliveries.waiting(session, now=now):
                return 0
        with self.database.write() as session:
            claimed = deliveries.claim(session, now=now, limit=AT_ONCE)
        with self.database.read() as session:
            letters = self.written(session, claimed, now=now)
        ready = {letter.delivery_id for letter in letters}
        for delivery in claimed:
            if delivery.id not in ready:
                self._settle(delivery.id, delivery.attempts, UNWRITTEN, final=True)
        list(executor.map(self.hand_over, letters))
        return len(claimed)

    def written(self, session: Session, claimed: Sequence[Delivery], *, now: datetime) -> list[Letter]:
        """The messages of claimed deliveries, each in its person's language. One that cannot be written is
        left out, and holds up no other."""
        letters: list[Letter] = []
        for delivery in claimed:
            with survived("message_not_written", outages=False, delivery=delivery.id):
                letters.append(self._letter(session, delivery, now=now))
        return letters

    def hand_over(self, letter: Letter) -> None:
        """Hands one message over and settles what came of it."""
        url = letter.url
        error = GONE if url is None else outcome(partial(self._carry, letter, url))
        self._settle(letter.delivery_id, letter.attempt, error)
        if url is not None:
            with survived("channel_not_noted", channel=letter.channel), self.database.write() as session:
                health.note(session, letter.channel, error, now=clock())

    def _settle(self, delivery_id: int, attempt: int, error: str | None, *, final: bool = False) -> None:
        """What cannot be settled now is claimed again when its claim has run out."""
        now = clock()
        with (
            survived("message_not_settled", delivery=delivery_id),
            self.database.write() as session,
        ):
            failed = deliveries.settle(session, delivery_id, attempt, error, final=final, now=now)
            if failed is not None:
                worker.hurry(session, failed, now=now)

    def _carry(self, letter: Letter, url: str) -> None:
        if letter.channel != PUSH:
            self.carry(url, letter.title, self.whole(letter))
        elif self.push is None:
            raise SendError("this process wakes no browsers")
        else:
            self.push.send(letter.user_id, _notification(letter))

    @staticmethod
    def whole(letter: Letter) -> str:
        """The body as channels outside get it: with the link, and a number by which it is found again."""
        return f"{texts.with_link(letter.body, letter.language, letter.link)} (#{letter.delivery_id})"

    def _letter(self, session: Session, delivery: Delivery, *, now: datetime) -> Letter:
        task = session.get_one(Task, delivery.task_id)
        user = session.get_one(User, delivery.user_id)
        step = session.get_one(DispatchStep, delivery.step_id)
        language = user.language if user.language in texts.LANGUAGES else texts.LANGUAGES[0]
        answer = links.Link(delivery_id=delivery.id, task_id=task.id, user_id=user.id)
        token = links.made(self.link_key, answer, now=now)
        holder = session.get(User, task.assignee_id) if task.assignee_id is not None else None
        area = session.get(Area, task.area_id)
        kind = StepKind.CALL if step.kind == StepKind.END else step.kind
        title, body = texts.message(
            policies.current(session, texts.MessagePolicy),
            kind,
            language,
            delivery.channel,
            texts.Facts(
                number=task.id,
                what=self.texts.name(task.rule, language),
                severity=task.severity,
                who=_about(session, task, language),
                area=area.name if area is not None else "",
                holder=holder.name if holder is not None else "",
                drill=task.test,
                why=reasons.why_of(session, task.id, language) if kind == StepKind.CALL else "",
                asks=_asks(session, task, step, language),
            ),
        )
        link = f"/take/{token}" if kind not in _NOT_TO_TAKE else ""
        return Letter(
            delivery_id=delivery.id,
            attempt=delivery.attempts,
            channel=delivery.channel,
            user_id=user.id,
            task_id=task.id,
            url=self.book.known(session).url(user.login, delivery.channel),
            title=title,
            body=body,
            link=f"{self.public_url.rstrip('/')}{link}" if self.public_url and link else "",
            language=language,
            urgent=task.severity == Severity.CRITICAL and kind != "taken",
        )


def _asks(session: Session, task: Task, step: DispatchStep, language: str) -> tuple[str, ...]:
    if step.kind != StepKind.CALL:
        return ()
    steps = playbooks.loaded(session, step.playbook_id, task).steps
    return texts.asked(steps[min(step.number, len(steps) - 1)].ask, language)


def _notification(letter: Letter) -> dict[str, Any]:
    """What the service worker shows (`static/js/worker.js`)."""
    return {
        "title": letter.title,
        "body": letter.body,
        "tag": f"task-{letter.task_id}",
        "path": urlsplit(letter.link).path or f"/tasks/{letter.task_id}",
        "language": letter.language,
        "urgent": letter.urgent,
    }


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
