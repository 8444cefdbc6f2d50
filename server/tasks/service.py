"""What people do to tasks. One door: `act`."""

from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from server.commands import silencing
from server.db.database import Change, announce
from server.db.models import Alarm, Occurrence, Task, TaskEvent, TaskPhoto
from server.dispatch import planning
from server.dispatch.core import Happened
from server.errors import ConflictError, InvalidError
from server.tasks import acts, following, repository, reviews, watching
from server.tasks.acts import MAXIMUM_NOTE, Act
from server.tasks.states import BY_THE_WORLD, IllegalMoveError, TaskAction, TaskState, move
from server.users.viewer import Viewer
from server.wells import gates

__all__ = ["MAXIMUM_NOTE", "Act", "act"]

A = TaskAction
_CLOCKS: Final[dict[TaskAction, tuple[str, ...]]] = {
    A.ACKNOWLEDGE: ("acknowledged_at",),
    A.DEPART: ("departed_at",),
    A.ARRIVE: ("arrived_at",),
    A.RESOLVE: ("resolved_at",),
    A.CLOSE: ("resolved_at", "closed_at"),
    A.CANCEL: ("closed_at",),
    A.REVIEW: ("reviewed_at",),
}
_ANSWERING: Final = frozenset({A.ACKNOWLEDGE, A.CANCEL})
"""A person knows of it now: the siren in the room has done its work."""
_ENDING: Final = frozenset({A.CLOSE, A.CANCEL})
_HAPPENED: Final[dict[TaskAction, tuple[Happened, ...]]] = {
    A.ACKNOWLEDGE: (Happened.ACKNOWLEDGED,),
    A.HEARD: (Happened.HEARD,),
    A.DEPART: (Happened.DEPARTED,),
    A.ARRIVE: (Happened.ARRIVED,),
    A.REASSIGN: (Happened.GIVEN,),
    A.HAND_OVER: (Happened.GIVEN,),
    A.ESCALATE: (Happened.ENDED, Happened.REOPENED),  # all that was planned goes, and a new chain begins
    A.RETURN: (Happened.ENDED, Happened.REOPENED),
    A.RESOLVE: (Happened.RESOLVED,),
    A.CLOSE: (Happened.ENDED,),
    A.CANCEL: (Happened.ENDED,),
}
"""What each action means to whoever is still to be told."""
_LEVELS: Final = {A.ESCALATE: acts.SUBDISTRICT, A.RETURN: acts.COMMUNITY}


def act(session: Session, viewer: Viewer, task_id: int, wanted: Act, *, now: datetime) -> Task:
    """Moves a task and writes its timeline, in the caller's transaction.

    Raises NotFoundError, ForbiddenError (not this person's to do), ConflictError (the task has moved on:
    says who holds it and since when) or InvalidError (a fact is missing or wrong: `where` names it). On any
    of these nothing has changed.
    """
    if wanted.action in BY_THE_WORLD:
        raise InvalidError(f"nobody does {wanted.action}: it comes from a sensor or from time")
    viewer.require(acts.needed(wanted.action))
    task = repository.seen_by(session, viewer, task_id, lock=True)
    before = TaskState(task.state)
    try:
        after = move(before, wanted.action)
    except IllegalMoveError as error:
        raise ConflictError(f"{error}{acts.holder(session, task)}", state=before) from error
    detail = acts.check(session, viewer, task, wanted, now=now)
    gates.check(session, task, wanted.action, detail, now)
    _keep(session, viewer, task, wanted, detail, now=now)
    if wanted.action in _ENDING:
        _clear_events(session, task, now=now)
        task.snoozed_until = None
    task.state = after
    task.version += 1
    session.add(
        TaskEvent(
            task_id=task.id,
            at=now,
            actor_id=viewer.user_id,
            action=wanted.action,
            from_state=before,
            to_state=after,
            detail=detail,
        )
    )
    _tell(session, viewer, task, wanted, detail, now=now)
    if wanted.action is A.CLOSE:
        following.plan(session, task, now=now)
    if wanted.action in _ENDING:
        reviews.mark(session, task, now=now)
    if wanted.action is A.RENEW:
        following.renew(session, viewer, task, note=wanted.note.strip(), now=now)
    announce(session, Change("task", str(task.id), wanted.action))
    return task


def _keep(
    session: Session, viewer: Viewer, task: Task, wanted: Act, detail: dict[str, Any], *, now: datetime
) -> None:
    """Writes the facts to the task."""
    for clock in _CLOCKS.get(wanted.action, ()):
        if getattr(task, clock) is None:
            setattr(task, clock, now)
    match wanted.action:
        case A.ACKNOWLEDGE:
            task.assignee_id = viewer.user_id
        case A.REASSIGN | A.HAND_OVER:
            task.assignee_id = detail["assignee_id"]
        case A.ESCALATE | A.RETURN:
            task.level = _LEVELS[wanted.action]
            task.assignee_id = None
            if task.muted:  # declared work kept it quiet; a person wants others to hear of it
                task.muted, task.told_at = False, now
        case A.PHOTO:
            photo = TaskPhoto(task_id=task.id, at=now, user_id=viewer.user_id, file=wanted.photo or "")
            session.add(photo)
            session.flush()
            detail["photo"] = photo.id
        case _:
            pass
    if "outcome" in detail:
        task.outcome = detail["outcome"]
        task.cause = detail.get("cause")


def _tell(
    session: Session, viewer: Viewer, task: Task, wanted: Act, detail: dict[str, Any], *, now: datetime
) -> None:
    """Plans who is told of it, and what is told no more."""
    if wanted.action is A.SNOOZE:
        planning.snoozed(session, task, now + timedelta(minutes=wanted.minutes or 0), now=now)
    heard = task.unheard_at is not None and task.assignee_id == viewer.user_id
    # Whatever its holder does shows that they know of what has come.
    for what in _HAPPENED.get(wanted.action, (Happened.HEARD,) if heard else ()):
        planning.happened(session, task, what, now=now)
    if wanted.action in _ANSWERING:
        silencing.silence(session, task, user_id=viewer.user_id, now=now)
    if wanted.action in watching.TOLD:
        watching.tell(session, task, but=viewer.user_id, now=now)


def _clear_events(session: Session, task: Task, *, now: datetime) -> None:
    """Ends the alarms that have no end of their own (a press, a fall). An open cover stays an open alarm."""
    query = select(Alarm).where(Alarm.task_id == task.id, Alarm.cleared_at.is_(None))
    for alarm in session.scalars(query.with_for_update()):
        newest = session.scalar(
            select(Occurrence).where(Occurrence.alarm_id == alarm.id).order_by(Occurrence.id.desc()).limit(1)
        )
        if newest is None or not newest.value.get("ends", True):
            alarm.cleared_at = now
            alarm.cleared_by = "task"
