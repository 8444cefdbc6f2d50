"""The people of a simulated day: told by fake messages and by pages, they answer, come, forget, hand over.

They know only what reaches them: a message by the fake carrier, or a line on the pages. What each does is
drawn anew for each task and person, always the same for the same seed.
"""

import random
from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import select

from server.db.database import Database
from server.db.models import Delivery, DispatchStep, Task, User
from server.errors import ServerError
from server.notify.channels import PAGE, SendError
from server.policies.service import current
from server.tasks import service
from server.tasks.service import Act
from server.tasks.states import TaskAction
from server.users import sessions
from server.users.viewer import Viewer
from server.wells import gates
from server.wells.policy import WellPolicy
from tests.soak.clock import FakeClock
from tests.soak.ledger import Ledger
from tests.soak.world import World

A = TaskAction
THEIR_OWN = frozenset({A.HEARD, A.RESOLVE, A.CLOSE, A.DEPART, A.ARRIVE, A.HAND_OVER, A.SNOOZE})
OUTCOMES = {
    "care": ("helped_on_site", "helped_by_phone", "false_alarm", "hospital", "no_access"),
    "well": ("repaired", "false_alarm"),
    "public_health": ("helped_on_site", "helped_by_phone", "false_alarm"),
    "maintenance": ("repaired", "false_alarm"),
    "follow_up": ("well_again",),
}


@dataclass(kw_only=True)
class FakeCarrier:
    """Stands in for DingTalk and SMS: takes most messages, refuses a share of them for good or at first."""

    clock: FakeClock
    seed: int
    taken: list[int] = field(default_factory=list)  # deliveries since the last look
    tried: dict[int, datetime] = field(default_factory=dict)  # delivery: first attempt
    attempts: Counter[int] = field(default_factory=Counter)
    refused: int = 0

    def __call__(self, url: str, title: str, body: str) -> None:
        """Takes the message or raises SendError."""
        delivery = int(body.rpartition("(#")[2].rstrip(")"))
        self.tried.setdefault(delivery, self.clock.now())
        self.attempts[delivery] += 1
        lot = random.Random(f"{self.seed} {url}").random()
        dead = lot < 0.03  # a wrong number: never arrives
        if dead or random.Random(f"{self.seed} {delivery} {self.attempts[delivery]}").random() < 0.06:
            self.refused += 1
            raise SendError("the fake carrier refuses")
        self.taken.append(delivery)


@dataclass(kw_only=True)
class People:
    """Everybody who can be told."""

    clock: FakeClock
    database: Database
    world: World
    ledger: Ledger
    carrier: FakeCarrier
    seed: int
    refusals: Counter[str] = field(default_factory=Counter)
    behaviour: Counter[str] = field(default_factory=Counter)
    unanswered: set[int] = field(default_factory=set)  # tasks that nobody would ever answer
    _viewers: dict[int, Viewer] = field(default_factory=dict)
    _page_seen: int = 0
    _told: set[tuple[int, int]] = field(default_factory=set)
    _lots: Counter[tuple[int, int]] = field(default_factory=Counter)

    def look(self) -> None:
        """Everybody reads what has come since the last look, and makes up their mind."""
        taken, self.carrier.taken = self.carrier.taken, []
        with self.database.read() as session:
            columns = select(
                Delivery.id, Delivery.user_id, Delivery.task_id, Delivery.channel, DispatchStep.kind
            )
            query = columns.join(DispatchStep, DispatchStep.id == Delivery.step_id).order_by(Delivery.id)
            rows = list(session.execute(query.where(Delivery.id > self._page_seen, Delivery.channel == PAGE)))
            if taken:
                rows += session.execute(query.where(Delivery.id.in_(taken))).all()
        for number, user, task, channel, kind in rows:
            if channel == PAGE:
                self._page_seen = max(self._page_seen, number)
            if kind in ("call", "end", "again"):
                self._hear(user, task, on_page=channel == PAGE)

    def viewer(self, user_id: int) -> Viewer:
        """That person, as the pages know them."""
        if user_id not in self._viewers:
            with self.database.read() as session:
                self._viewers[user_id] = sessions.viewer_of(session, session.get_one(User, user_id))
        return self._viewers[user_id]

    def _hear(self, user: int, task: int, *, on_page: bool) -> None:
        self._lots[task, user] += 1
        lot = random.Random(f"{self.seed} {task} {user} {self._lots[task, user]}")
        if random.Random(f"{self.seed} {task}").random() < 0.06:  # everybody thinks that somebody else goes
            self.unanswered.add(task)
            return
        if lot.random() < (0.75 if on_page else 0.4):
            return
        delay = min(lot.lognormvariate(3.4, 0.8), 900)
        self.clock.after(delay, lambda: self._take(user, task, lot))

    def _take(self, user: int, task: int, lot: random.Random) -> None:
        if not self._act(user, task, Act(action=A.ACKNOWLEDGE)):
            self._act(user, task, Act(action=A.HEARD))  # if it is theirs, and something new has come
            return
        what = lot.choices(
            ("go", "phone", "forget", "hand_over", "snooze", "escalate", "at_once"),
            (62, 14, 8, 5, 4, 2, 5),
        )[0]
        self.behaviour[what] += 1
        match what:
            case "forget":
                # Whoever forgets remembers in the end, if nobody else has gone by then.
                self.clock.after(lot.uniform(2, 4) * 3_600, lambda: self._leave(user, task, lot))
            case "phone":
                self.clock.after(lot.uniform(30, 300), lambda: self._end(user, task, lot, by_phone=True))
            case "hand_over":
                self.clock.after(lot.uniform(20, 200), lambda: self._hand_over(user, task, lot))
            case "snooze":
                self.clock.after(lot.uniform(20, 200), lambda: self._snooze(user, task, lot))
            case "escalate":
                self.clock.after(lot.uniform(60, 300), lambda: self._escalate(user, task))
            case "at_once":
                self.clock.after(lot.uniform(30, 200), lambda: self._arrive(user, task, lot))
            case _:
                self.clock.after(lot.uniform(20, 180), lambda: self._leave(user, task, lot))

    def _leave(self, user: int, task: int, lot: random.Random) -> None:
        if self._act(user, task, Act(action=A.DEPART)):
            self.clock.after(lot.uniform(120, 780), lambda: self._arrive(user, task, lot))

    def _arrive(self, user: int, task: int, lot: random.Random) -> None:
        if self._act(user, task, Act(action=A.ARRIVE)):
            self.clock.after(lot.uniform(180, 1_500), lambda: self._end(user, task, lot))

    def _hand_over(self, user: int, task: int, lot: random.Random) -> None:
        role = self.world.roles[user]
        others = [one for one, theirs in self.world.roles.items() if theirs == role and one != user]
        alone = role in ("volunteer", "relative") or not others
        if alone or not self._act(user, task, Act(action=A.HAND_OVER, assignee_id=lot.choice(others))):
            self._leave(user, task, lot)

    def _snooze(self, user: int, task: int, lot: random.Random) -> None:
        self._act(user, task, Act(action=A.SNOOZE, minutes=lot.randint(5, 20), note="稍后再去"))
        self.clock.after(lot.uniform(300, 1_200), lambda: self._leave(user, task, lot))

    def _escalate(self, user: int, task: int) -> None:
        self._act(user, task, Act(action=A.ESCALATE, note="社区无法解决"))

    def _end(self, user: int, task: int, lot: random.Random, *, by_phone: bool = False) -> None:
        kind = self.ledger.lives[task].kind
        outcome = lot.choices(OUTCOMES[kind], (10, 3, 4, 2, 1)[: len(OUTCOMES[kind])])[0]
        if by_phone and "helped_by_phone" in OUTCOMES[kind]:
            outcome = "helped_by_phone"
        cause = "by_mistake" if outcome == "false_alarm" else None
        ending = Act(action=A.RESOLVE, outcome=outcome, cause=cause, note="说明")
        if kind == "well":
            self._tick(user, task)
        if self._act(user, task, ending):
            later = Act(action=A.CLOSE, outcome=outcome, cause=cause, note="说明")
            self.clock.after(lot.uniform(5, 400), lambda: self._act(user, task, later))

    def _tick(self, user: int, task: int) -> None:
        """The site check, as whoever leaves a well has to."""
        try:
            with self.database.write() as session:
                keys = [check.key for check in current(session, WellPolicy).checks]
                gates.tick(session, self.viewer(user), task, keys, guard="老王", now=self.clock.now())
        except ServerError as error:
            self.refusals[f"tick: {type(error).__name__}"] += 1

    def _act(self, user: int, task: int, wanted: Act) -> bool:
        """Whether it was accepted: somebody else may have been quicker, or may have it now."""
        try:
            with self.database.write() as session:
                # People of the desk may act on anybody's task; here they leave others' alone.
                if wanted.action in THEIR_OWN and session.get_one(Task, task).assignee_id != user:
                    return False
                service.act(session, self.viewer(user), task, wanted, now=self.clock.now())
        except ServerError as error:
            self.refusals[f"{wanted.action}: {type(error).__name__}"] += 1
            return False
        self.ledger.did(task, wanted.action, outcome=wanted.outcome)
        return True


def addresses(world: World) -> str:
    """The file of addresses: two channels for most, none for some of the desk, who have the pages."""
    lines = ["people:"]
    for user, login in world.logins.items():
        if world.roles[user] in ("dispatcher", "manager") and user % 3 == 0:
            continue
        lines += [f"  {login}:", f'    wecom: "json://fake.test/{login}/wecom"']
        lines.append(f'    sms: "json://fake.test/{login}/sms"')
    return "\n".join(lines) + "\n"
