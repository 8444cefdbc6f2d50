"""All that happened to a task, and what is to come, as one list in the order of time."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final, Literal

from sqlalchemy import select
from sqlalchemy.orm import Session

from server.db.models import DispatchStep
from server.dispatch.core import StepKind


@dataclass(frozen=True, slots=True, kw_only=True)
class TimelineEntry:
    """One line of the timeline, with the actor's name."""

    at: datetime
    actor: str | None
    action: str
    from_state: str | None
    to_state: str
    detail: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """One message: to whom, by which channel, and what came of it. States are those of `Delivery`."""

    person: str
    channel: str
    kind: str
    state: str
    at: datetime
    error: str


Source = Literal["event", "step", "send"]
_SAID_BY_EVENTS: Final = frozenset(StepKind) - {StepKind.TAKEN, StepKind.WATCHERS}
"""Steps that write a line of their own when they are done."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """One line: what a person or the server did (`event`), a step that is planned or was not needed any more
    (`step`), or a message (`send`). A planned one is at the time for which it is planned."""

    at: datetime
    source: Source
    event: TimelineEntry | None = None
    send: Sent | None = None
    step: str = ""  # the kind of step
    number: int = 0  # of a call in its playbook, from 1
    state: str = ""  # planned, done, cancelled


def steps_of(session: Session, task_id: int) -> Sequence[DispatchStep]:
    """The task's steps, in the order in which they were planned."""
    query = select(DispatchStep).where(DispatchStep.task_id == task_id).order_by(DispatchStep.id)
    return session.scalars(query).all()


def merged(
    events: Iterable[TimelineEntry], sends: Iterable[Sent], steps: Iterable[DispatchStep]
) -> tuple[Moment, ...]:
    """One list, oldest first; at the same moment what was done stands before whom it was sent to."""
    lines = [Moment(at=each.at, source="event", event=each) for each in events]
    lines += [_of_step(each) for each in steps if not _is_said(each)]
    lines += [Moment(at=each.at, source="send", send=each, state=each.state) for each in sends]
    order: dict[Source, int] = {"event": 0, "step": 1, "send": 2}
    return tuple(sorted(lines, key=lambda line: (line.at, order[line.source])))


def _is_said(step: DispatchStep) -> bool:
    return step.state == "done" and step.kind in _SAID_BY_EVENTS


def _of_step(step: DispatchStep) -> Moment:
    at = step.due_at if step.state == "planned" or step.done_at is None else step.done_at
    return Moment(at=at, source="step", step=step.kind, number=step.number + 1, state=step.state)
