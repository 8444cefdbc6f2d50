"""What is due, from a playbook, where the task stands, what happened, and when. Pure.

A playbook's steps are told one after the other. A step waits for its time limit, is told again as often as
it says, and then hands on to the next; one that reaches nobody hands on at once. Whoever accepts first has
the task: what was still to be told is cancelled and those who had been told hear who has it. Whoever has it
must arrive in time, or the next step is told. Each time that a chain begins anew counts as a `run`.

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


class Ask(StrEnum):
    """What the people of a step are asked to do."""

    GO = "go"
    CALL_RESIDENT = "call_resident"  # telephone the resident first
    CALL_120 = "call_120"  # telephone the ambulance
    CALL_110 = "call_110"  # … the police


class StepKind(StrEnum):
    """What a row that falls due is for. At most one of each kind is planned for a task."""

    CALL = "call"  # a step of the playbook
    END = "end"  # the whole chain is told and nobody has answered
    ARRIVAL = "arrival"  # the holder should be there by now
    AGAIN = "again"  # tell the holder: another occurrence, or the task is now theirs
    TAKEN = "taken"  # tell the others who has it
    INFORM = "inform"  # tell those whom it concerns, though they need not go
    WATCHERS = "watchers"  # tell those who follow it how it stands


class Happened(StrEnum):
    """What a decision answers to."""

    OPENED = "opened"
    WORSE = "worse"  # another, worse alarm joined
    RECURRED = "recurred"
    REOPENED = "reopened"  # recurred after it was resolved
    TOLD = "told"  # the step that fell due told somebody
    NOBODY = "nobody"  # … found nobody to tell
    ACKNOWLEDGED = "acknowledged"
    DEPARTED = "departed"
    ARRIVED = "arrived"
    GIVEN = "given"  # handed to somebody, who has not answered
    SNOOZED = "snoozed"  # put off until a time by whoever has it, or before anybody has
    NOT_ARRIVED = "not_arrived"
    ENDED = "ended"  # resolved, closed or cancelled


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
    """The steps, and the seconds in which whoever accepts has to be there (None: no limit)."""

    steps: tuple[Step, ...]
    arrive_within_s: int | None = None


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


def _recurred(playbook: Playbook, standing: Standing, now: datetime) -> Decision:
    if standing.held:
        return _again(standing, now)
    if standing.waits:
        return _NOTHING
    if standing.run < FIRST:  # opened while nobody was to be told
        return _begin(playbook, standing, now)
    return Decision(plan=(_call(standing.run + 1, len(playbook.steps) - 1, now),))


def _told(playbook: Playbook, standing: Standing, now: datetime) -> Decision:
    step = playbook.steps[standing.number]
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


def _acknowledged(playbook: Playbook, standing: Standing, now: datetime) -> Decision:
    taken = Planned(kind=StepKind.TAKEN, due_at=now, run=standing.run)
    return Decision(plan=(taken, *_arrival(playbook, standing, now)), cancel=_ALL, cancel_sends=True)


def _departed(playbook: Playbook, standing: Standing, now: datetime) -> Decision:
    return Decision(plan=_arrival(playbook, standing, now), cancel=frozenset({StepKind.ARRIVAL}))


def _arrived(_playbook: Playbook, _standing: Standing, _now: datetime) -> Decision:
    return Decision(cancel=_ALL - {StepKind.TAKEN}, cancel_sends=False)


def _given(playbook: Playbook, standing: Standing, now: datetime) -> Decision:
    number = max(standing.number, 0)
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
        plan = (_call(standing.run + 1, max(standing.number, 0), until),)
        return Decision(plan=plan, cancel=_ALL, cancel_sends=True)
    arrival = () if standing.state is TaskState.ON_SITE else _arrival(playbook, standing, until)
    return Decision(plan=(*_again(standing, until).plan, *arrival), cancel=_ALL - {StepKind.TAKEN})


def _again(standing: Standing, now: datetime) -> Decision:
    return Decision(plan=(Planned(kind=StepKind.AGAIN, due_at=now, run=standing.run),))


def _call(run: int, number: int, due_at: datetime, turn: int = 0) -> Planned:
    return Planned(kind=StepKind.CALL, due_at=due_at, run=run, number=number, turn=turn)


def _arrival(playbook: Playbook, standing: Standing, now: datetime) -> tuple[Planned, ...]:
    if playbook.arrive_within_s is None:
        return ()
    due_at = now + timedelta(seconds=playbook.arrive_within_s)
    return (Planned(kind=StepKind.ARRIVAL, due_at=due_at, run=standing.run),)


_ANSWERS: Final[dict[Happened, Callable[[Playbook, Standing, datetime], Decision]]] = {
    Happened.OPENED: _begin,
    Happened.WORSE: _worse,
    Happened.RECURRED: _recurred,
    Happened.REOPENED: _begin,
    Happened.TOLD: _told,
    Happened.NOBODY: _nobody,
    Happened.ACKNOWLEDGED: _acknowledged,
    Happened.DEPARTED: _departed,
    Happened.ARRIVED: _arrived,
    Happened.GIVEN: _given,
    Happened.SNOOZED: _snoozed,
    Happened.NOT_ARRIVED: _not_arrived,
    Happened.ENDED: _ended,
}
