"""What is due, from a playbook, where the task stands, what happened, and when. Pure.

A playbook's steps are told one after the other. A step waits for its time limit, is told again as often as
it says, and then hands on to the next; one that reaches nobody hands on at once. Whoever accepts first has
the task: what was still to be told is cancelled and those who had been told hear who has it. Whoever has it
must arrive in time, or the next step is told; must answer a further emergency, or the chain begins anew; and
is reminded of what they have not ended. A chain that nobody answers tells its last round again and again, if
the playbook says so. Each time that a chain begins anew counts as a `run`.

Nothing open is ever without a row that falls due: a chain that waits, an arrival that is awaited, an end that
somebody is reminded of.

`decide` is the one door. What it returns is written in the transaction in which the thing happened.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from server.tasks.states import HELD, TaskState


class WhoKind(StrEnum):
    """How the people of a step are found."""

    ROLE = "role"  # everybody with this role
    DUTY = "duty"  # those of this role who are on duty; everybody with it where nobody is
    PERSON = "person"  # one person, by login
    NEARBY = "nearby"  # volunteers within so many metres of the home, the nearest first
    SKILL = "skill"  # those who can do it, the nearest first
    AREA = "area"  # those of this role in the home's grid; else in its community; else in its subdistrict
    STATION = "station"  # staff of the stations in whose circle the home lies, the nearest first
    FAMILY = "family"  # the resident's family, in the order in which they want to be called
    NEIGHBOUR = "neighbour"  # … their neighbours and friends
    KEY_HOLDER = "key_holder"  # whoever holds a key to the home
    CREW = "crew"  # whoever declared the work that runs at the home


class Ask(StrEnum):
    """What the people of a step are asked to do."""

    GO = "go"
    CALL_RESIDENT = "call_resident"  # telephone the resident first
    CALL_120 = "call_120"  # telephone the ambulance
    CALL_110 = "call_110"  # … the police
    CALL_FAMILY = "call_family"  # … the family, who are reached by telephone alone
    CALL_NEIGHBOUR = "call_neighbour"  # … the neighbours likewise
    CALL_KEY_HOLDER = "call_key_holder"  # … whoever holds a key likewise


class StepKind(StrEnum):
    """What a row that falls due is for. At most one of each kind is planned for a task."""

    CALL = "call"  # a step of the playbook
    END = "end"  # the whole chain is told and nobody has answered
    ARRIVAL = "arrival"  # the holder should be there by now
    ANSWER = "answer"  # the holder should have answered to a further emergency by now
    UNFINISHED = "unfinished"  # whoever has it should have ended it by now
    AGAIN = "again"  # tell the holder: another occurrence, or the task is now theirs
    TAKEN = "taken"  # tell the others who has it
    INFORM = "inform"  # tell those whom it concerns, though they need not go
    WATCHERS = "watchers"  # tell those who follow it how it stands


class Happened(StrEnum):
    """What a decision answers to."""

    OPENED = "opened"
    WORSE = "worse"  # another, worse alarm joined
    OUTGROWN = "outgrown"  # … an emergency, graver than what its holder took: somebody is sought anew
    RECURRED = "recurred"
    URGENT = "urgent"  # recurred, and what came is critical or major
    HEARD = "heard"  # its holder has answered to that
    UNHEARD = "unheard"  # … has not, in time
    REOPENED = "reopened"  # recurred after it was resolved
    TOLD = "told"  # the step that fell due told somebody
    NOBODY = "nobody"  # … found nobody to tell
    UNANSWERED = "unanswered"  # … was the chain's end
    ACKNOWLEDGED = "acknowledged"
    DEPARTED = "departed"
    ARRIVED = "arrived"
    GIVEN = "given"  # handed to somebody, who has not answered
    SNOOZED = "snoozed"  # put off until a time by whoever has it, or before anybody has
    NOT_ARRIVED = "not_arrived"
    LEFT = "left"  # whoever had it is not among us any more
    REMINDED = "reminded"  # whoever has it was told that it has not ended
    RESOLVED = "resolved"
    ENDED = "ended"  # closed or cancelled


BEFORE: Final = -1
"""The number of what is told before a chain's first step."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Who:
    """The people of a step. `value` is the role, the login, the metres or the skill; empty for those who are
    found by the home alone. `skill` narrows those nearby, `metres` those with a skill."""

    kind: WhoKind
    value: str = ""
    skill: str = ""
    metres: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One step. `channels` in order of preference; empty: the person's own order. Told `repeat` more times,
    each after `within_s` seconds without an answer; with 0 seconds the next step is told at the same time."""

    who: Who
    within_s: int
    ask: Ask = Ask.GO
    channels: tuple[str, ...] = ()
    repeat: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Playbook:
    """The steps; the seconds in which whoever accepts has to be there (None: no limit), after which the last
    round is told again where nobody has answered (None: not), and after which whoever is there, or has
    helped, is reminded to end it. `before` is told before the steps, by its number."""

    steps: tuple[Step, ...]
    arrive_within_s: int | None = None
    again_every_s: int | None = None
    close_within_s: int = 86_400
    before: Step | None = None

    def step(self, number: int) -> Step:
        """The step of this number; after the last it is the last: a packaged book may have become shorter."""
        if number == BEFORE and self.before is not None:
            return self.before
        return self.steps[max(min(number, len(self.steps) - 1), 0)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """Where a task's chain stands: the newest run, the last step that was told in it (-1: none yet; `turn`
    how often before), and whether a next one is planned."""

    state: TaskState
    run: int = 0
    number: int = -1
    turn: int = 0
    waits: bool = False

    @property
    def held(self) -> bool:
        """Whether somebody has the task."""
        return self.state in HELD


@dataclass(frozen=True, slots=True, kw_only=True)
class Planned:
    """A row to be written."""

    kind: StepKind
    due_at: datetime
    run: int
    number: int = 0
    turn: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """What to cancel first and to plan then. `cancel_sends`: also what steps of these kinds have queued to be
    sent."""

    plan: tuple[Planned, ...] = ()
    cancel: frozenset[StepKind] = frozenset()
    cancel_sends: bool = False


_CHAIN: Final = frozenset({StepKind.CALL, StepKind.END})
_ALL: Final = frozenset(StepKind) - {StepKind.INFORM, StepKind.WATCHERS}
"""All that is there to find somebody. Whom it concerns, and who follows it, is told whoever has the task."""
_NOTHING: Final = Decision()


FIRST: Final = 1
"""The number of a chain's first run. It begins with step 0, turn 0."""
PATIENCE_S: Final = 60
"""How long a holder has to answer where no step of the playbook waits: the field's first answer time."""


def decide(
    playbook: Playbook,
    standing: Standing,
    happened: Happened,
    now: datetime,
    *,
    until: datetime | None = None,
) -> Decision:
    """What to do about what happened. `standing.state` is the task's state after it; `until` is when a task
    that was snoozed comes back."""
    return _ANSWERS[happened](playbook, standing, until or now)


def _begin(_playbook: Playbook, standing: Standing, now: datetime) -> Decision:
    return Decision(plan=(_call(standing.run + 1, 0, now),), cancel=_CHAIN)


def _worse(playbook: Playbook, standing: Standing, now: datetime) -> Decision:
    """Whoever has it hears of it, and has to arrive within the limit of what it is now: a minor task that was
    accepted may have had none."""
    if not standing.held:
        return _begin(playbook, standing, now)
    arrival = () if standing.state is TaskState.ON_SITE else _arrival(playbook, standing, now)
    return Decision(plan=(*_again(standing, now).plan, *arrival))


def _outgrown(_playbook: Playbook, standing: Standing, now: datetime) -> Decision:
    plan = (*_again(standing, now, run=standing.run + 1).plan, _call(standing.run + 1, 0, now))
    return Decision(plan=plan, cancel=_ALL)


def _urgent(playbook: Playbook, standing: Standing, now: datetime) -> Decision:
    """Its holder has as long to answer as the first step that waits; then the chain begins anew."""
    if not standing.held:
        return _recurred(playbook, standing, now)
    waits = next((step.within_s for step in playbook.steps if step.within_s), PATIENCE_S)
    due_at = now + timedelta(seconds=waits)
    answer = Planned(kind=StepKind.ANSWER, due_at=due_at, run=standing.run)
    arrival = () if standing.state is TaskState.ON_SITE else _arrival(playbook, standing, now)
    return Decision(plan=(*_again(standing, now).plan, answer, *arrival))


def _heard(_playbook: Playbook, _standing: Standing, _now: datetime) -> Decision:
    return Decision(cancel=frozenset({StepKind.ANSWER}))


def _anew(_playbook: Playbook, standing: Standing, now: datetime) -> Decision:
    return Decision(plan=(_call(standing.run + 1, 0, now),), cancel=_ALL)


def _recurred(playbook: Playbook, standing: Standing, now: datetime) -> Decision:
    if standing.held:
        return _again(standing, now)
    if standing.waits:
        return _NOTHING
    if standing.run < FIRST:  # opened while nobody was to be told
        return _begin(playbook, standing, now)
    return Decision(plan=(_call(standing.run + 1, len(playbook.steps) - 1, now),))


def _told(playbook: Playbook, standing: Standing, now: datetime) -> Decision:
    step = playbook.step(standing.number)
    due_at = now + timedelta(seconds=step.within_s)
    if standing.turn < step.repeat:
        return Decision(plan=(_call(standing.run, standing.number, due_at, standing.turn + 1),))
    return _onward(playbook, standing, due_at)


def _nobody(playbook: Playbook, standing: Standing, now: datetime) -> Decision:
    return _onward(playbook, standing, now)


def _onward(playbook: Playbook, standing: Standing, due_at: datetime) -> Decision:
    if standing.number + 1 < len(playbook.steps):
        return Decision(plan=(_call(standing.run, standing.number + 1, due_at),))
    return Decision(plan=(Planned(kind=StepKind.END, due_at=due_at, run=standing.run),))


def _unanswered(playbook: Playbook, standing: Standing, now: datetime) -> Decision:
    """The last round once more: the last step that waits, and those that are told together with it."""
    if playbook.again_every_s is None:
        return _NOTHING
    number = len(playbook.steps) - 1
    while number and playbook.steps[number - 1].within_s == 0:
        number -= 1
    due_at = now + timedelta(seconds=playbook.again_every_s)
    return Decision(plan=(_call(standing.run + 1, number, due_at, playbook.steps[number].repeat),))


def _acknowledged(playbook: Playbook, standing: Standing, now: datetime) -> Decision:
    taken = Planned(kind=StepKind.TAKEN, due_at=now, run=standing.run)
    return Decision(plan=(taken, _awaited(playbook, standing, now)), cancel=_ALL, cancel_sends=True)


def _departed(playbook: Playbook, standing: Standing, now: datetime) -> Decision:
    cancel = frozenset({StepKind.ARRIVAL, StepKind.UNFINISHED, StepKind.ANSWER})
    return Decision(plan=(_awaited(playbook, standing, now),), cancel=cancel)


def _arrived(playbook: Playbook, standing: Standing, now: datetime) -> Decision:
    await_end = (_unfinished(playbook, standing, now),)
    return Decision(plan=await_end, cancel=_ALL - {StepKind.TAKEN}, cancel_sends=True)


def _reminded(playbook: Playbook, standing: Standing, now: datetime) -> Decision:
    return Decision(plan=(_unfinished(playbook, standing, now, turn=standing.turn + 1),))


def _resolved(playbook: Playbook, standing: Standing, now: datetime) -> Decision:
    plan = (_unfinished(playbook, standing, now),)
    return Decision(plan=plan, cancel=frozenset(StepKind), cancel_sends=True)


def _given(playbook: Playbook, standing: Standing, now: datetime) -> Decision:
    number = _within(playbook, standing.number)
    later = now + timedelta(seconds=playbook.steps[number].within_s)
    tell = Planned(kind=StepKind.AGAIN, due_at=now, run=standing.run + 1)
    return Decision(plan=(tell, _call(standing.run + 1, number, later)), cancel=_ALL, cancel_sends=True)


def _not_arrived(playbook: Playbook, standing: Standing, now: datetime) -> Decision:
    number = min(standing.number + 1, len(playbook.steps) - 1)
    return Decision(plan=(_call(standing.run + 1, number, now),), cancel=_ALL)


def _ended(_playbook: Playbook, _standing: Standing, _now: datetime) -> Decision:
    return Decision(cancel=frozenset(StepKind), cancel_sends=True)


def _snoozed(playbook: Playbook, standing: Standing, until: datetime) -> Decision:
    """All that was to be told is cancelled. At that time whoever has it is told again and has to arrive as
    ever; where nobody has it, the chain goes on at the step where it was."""
    if not standing.held:
        plan = (_call(standing.run + 1, _within(playbook, standing.number), until),)
        return Decision(plan=plan, cancel=_ALL, cancel_sends=True)
    held = (*_again(standing, until).plan, _awaited(playbook, standing, until))
    return Decision(plan=held, cancel=_ALL - {StepKind.TAKEN})


def _again(standing: Standing, now: datetime, *, run: int | None = None) -> Decision:
    run = standing.run if run is None else run
    return Decision(plan=(Planned(kind=StepKind.AGAIN, due_at=now, run=run),))


def _within(playbook: Playbook, number: int) -> int:
    """The step of that number, of a playbook that may have become shorter meanwhile."""
    return min(max(number, 0), len(playbook.steps) - 1)


def _call(run: int, number: int, due_at: datetime, turn: int = 0) -> Planned:
    return Planned(kind=StepKind.CALL, due_at=due_at, run=run, number=number, turn=turn)


def _arrival(playbook: Playbook, standing: Standing, now: datetime) -> tuple[Planned, ...]:
    if playbook.arrive_within_s is None:
        return ()
    due_at = now + timedelta(seconds=playbook.arrive_within_s)
    return (Planned(kind=StepKind.ARRIVAL, due_at=due_at, run=standing.run),)


def _unfinished(playbook: Playbook, standing: Standing, now: datetime, *, turn: int = 0) -> Planned:
    due_at = now + timedelta(seconds=playbook.close_within_s)
    return Planned(kind=StepKind.UNFINISHED, due_at=due_at, run=standing.run, turn=turn)


def _awaited(playbook: Playbook, standing: Standing, now: datetime) -> Planned:
    """What is awaited of whoever has it: that they arrive, or else that they end it."""
    if standing.state is not TaskState.ON_SITE and (arrival := _arrival(playbook, standing, now)):
        return arrival[0]
    return _unfinished(playbook, standing, now)


_ANSWERS: Final[dict[Happened, Callable[[Playbook, Standing, datetime], Decision]]] = {
    Happened.OPENED: _begin,
    Happened.WORSE: _worse,
    Happened.OUTGROWN: _outgrown,
    Happened.RECURRED: _recurred,
    Happened.URGENT: _urgent,
    Happened.HEARD: _heard,
    Happened.UNHEARD: _anew,
    Happened.REOPENED: _begin,
    Happened.TOLD: _told,
    Happened.NOBODY: _nobody,
    Happened.UNANSWERED: _unanswered,
    Happened.ACKNOWLEDGED: _acknowledged,
    Happened.DEPARTED: _departed,
    Happened.ARRIVED: _arrived,
    Happened.GIVEN: _given,
    Happened.SNOOZED: _snoozed,
    Happened.NOT_ARRIVED: _not_arrived,
    Happened.LEFT: _anew,
    Happened.REMINDED: _reminded,
    Happened.RESOLVED: _resolved,
    Happened.ENDED: _ended,
}
