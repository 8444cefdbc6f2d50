"""Sending what is queued: claim, say it, settle. Blocking; run in threads."""

from collections.abc import Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from typing import Any, Final, Protocol
from urllib.parse import urlsplit

from sqlalchemy.orm import Session

from gateway.rules.model import Severity
from server.alarms.texts import RuleTexts
from server.clock import now as clock
from server.db.database import Database
from server.db.models import Area, Delivery, DispatchStep, Gateway, Position, Resident, Task, User, Well
from server.dispatch import worker
from server.dispatch.core import BEFORE, StepKind
from server.notify import deliveries, health, links, texts
from server.notify.channels import PUSH, AddressBook, Carrier, SendError, outcome
from server.notify.lanes import Lanes
from server.notify.policy import SEND_S, DispatchPolicy
from server.policies import service as policies
from server.rhythm import reasons
from server.settings import ServerSettings, make_secret, read_secret
from server.supervision import survived

THREADS: Final = 64
"""Messages that one process has on their way at the same time: seven channels may hang, and others work."""
GONE: Final = "there is no address any more"
TOO_LONG: Final = "the channel did not answer in time"
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


def _lanes() -> Lanes[tuple[int, int, str]]:
    return Lanes(timedelta(seconds=SEND_S))


@dataclass(frozen=True, slots=True, kw_only=True)
class Sender:
    """One process's sender. `public_url` is where people reach the pages; without one there are no links.
    `lanes` is what it has on its way, by delivery, attempt and channel."""

    database: Database
    book: AddressBook
    texts: RuleTexts
    carry: Carrier
    link_key: str
    public_url: str
    push: Push | None = None
    lanes: Lanes[tuple[int, int, str]] = field(default_factory=_lanes)

    def round(self, executor: Executor, *, now: datetime) -> int:
        """Begins to send what is due, the gravest first, as far as each channel has room, and gives up what
        takes too long; says how many messages were taken up. Nothing here waits for a channel."""
        for delivery_id, attempt, channel in self.lanes.too_long(now=now):
            self._settle(delivery_id, attempt, TOO_LONG)
            self._note(channel, TOO_LONG)
        with self.database.read() as session:
            channels = deliveries.waiting_by(session, now=now)
        return sum(self._begin(channel, executor, now) for channel in channels)

    def _begin(self, channel: str, executor: Executor, now: datetime) -> int:
        """A channel that hangs is not asked again: its messages go on to the next one."""
        hangs = self.lanes.hangs(channel)
        room = THREADS if hangs else self.lanes.free(channel)
        if not room:
            return 0
        with self.database.write() as session:
            claimed = deliveries.claim(session, channel=channel, now=now, limit=room)
        if hangs:
            for delivery in claimed:
                self._settle(delivery.id, delivery.attempts, TOO_LONG)
            return len(claimed)
        with self.database.read() as session:
            letters = self.written(session, claimed, now=now)
        ready = {letter.delivery_id for letter in letters}
        for delivery in claimed:
            if delivery.id not in ready:
                self._settle(delivery.id, delivery.attempts, UNWRITTEN, final=True)
        for letter in letters:
            self.lanes.begin((letter.delivery_id, letter.attempt, letter.channel), channel, now=now)
            executor.submit(self._go, letter)
        return len(claimed)

    def _go(self, letter: Letter) -> None:
        key = (letter.delivery_id, letter.attempt, letter.channel)
        try:
            if self.lanes.stands(key):
                self.hand_over(letter)
        finally:
            self.lanes.end(key)

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
            self._note(letter.channel, error)

    def _note(self, channel: str, error: str | None) -> None:
        with survived("channel_not_noted", channel=channel), self.database.write() as session:
            health.note(session, channel, error, now=clock())

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
        life = timedelta(hours=policies.current(session, DispatchPolicy).link_hours)
        token = links.made(self.link_key, answer, life=life, now=now)
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
                asks=_asks(step, language),
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


def _asks(step: DispatchStep, language: str) -> tuple[str, ...]:
    if step.kind != StepKind.CALL:
        return ()
    return texts.asked(texts.DECLARED if step.number == BEFORE else step.ask, language)


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
