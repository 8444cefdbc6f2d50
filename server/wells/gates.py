"""What has to be done at a well before its task may move on."""

from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from gateway.rules.model import TaskKind
from server.db.models import Alarm, Task, TaskEvent, WellEntry
from server.errors import ConflictError, InvalidError
from server.policies import service as policies
from server.tasks import repository
from server.tasks.states import TaskAction
from server.users.roles import Right
from server.users.viewer import Viewer
from server.wells.core import unticked
from server.wells.policy import SiteCheck, WellPolicy
from server.wells.timeline import ENTERED, SITE_CHECKED, note

_ENDS = frozenset({TaskAction.RESOLVE, TaskAction.CLOSE, TaskAction.CANCEL})


def check(session: Session, task: Task, action: TaskAction, _detail: dict[str, Any], _now: datetime) -> None:
    """Lets a move of a well's task pass, or raises ConflictError saying what is missing: nobody ends a task
    while somebody is below, or leaves an opened cover without the site check,
    or says that nobody need go while it stands open."""
    if task.kind != TaskKind.WELL or action not in _ENDS:
        return
    below = entry_of(session, task.id)
    if below is not None:
        raise ConflictError(
            f"{below.crew} people are in the well since {below.started_at:%H:%M} UTC: "
            "say when all are out, then end the task",
            say="wells.gate.below",
            count=below.crew,
        )
    stands = action is not TaskAction.CANCEL or is_open(session, task)
    if stands and (missing := missing_checks(session, task)):
        names = "; ".join(one.en for one in missing)
        raise ConflictError(
            f"the site check is missing: {names}. Tick it at the well's task first",
            say="wells.gate.site",
            checks={language: [getattr(one, language) for one in missing] for language in ("zh", "en")},
        )


def entry_of(session: Session, task_id: int) -> WellEntry | None:
    """Who is below for this task now."""
    return session.scalar(select(WellEntry).where(WellEntry.task_id == task_id, WellEntry.ended_at.is_(None)))


def needs_checks(session: Session, task: Task, policy: WellPolicy) -> bool:
    """Whether a cover was open for this task: by a sensor, or because somebody was there to work. A drill
    leaves no cover open, and what was ended from a desk neither."""
    if task.test or task.subject_kind not in ("well", "position"):
        return False
    if task.arrived_at is not None:
        return True
    opened = select(Alarm.id).where(Alarm.task_id == task.id, Alarm.rule.in_(policy.cover_rules)).limit(1)
    return session.scalar(opened) is not None


def is_open(session: Session, task: Task) -> bool:
    """Whether a cover still stands open for this task."""
    rules = policies.current(session, WellPolicy).cover_rules
    standing = select(Alarm.id).where(
        Alarm.task_id == task.id, Alarm.rule.in_(rules), Alarm.cleared_at.is_(None)
    )
    return session.scalar(standing.limit(1)) is not None


def missing_checks(session: Session, task: Task) -> list[SiteCheck]:
    """The lines that were not ticked since the task last opened, joined or came back."""
    policy = policies.current(session, WellPolicy)
    if not needs_checks(session, task, policy):
        return []
    return unticked(policy.checks, ticked(session, task))


def ticked(session: Session, task: Task) -> list[str]:
    """What was ticked last, if nothing was opened at the well since."""
    newest = session.scalar(
        select(TaskEvent)
        .where(
            TaskEvent.task_id == task.id,
            TaskEvent.action.in_((SITE_CHECKED, "opened", "recurred", ENTERED)),
        )
        .order_by(TaskEvent.id.desc())
        .limit(1)
    )
    if newest is None or newest.action != SITE_CHECKED:
        return []
    keys: list[str] = newest.detail["checks"]
    return keys


def tick(
    session: Session, viewer: Viewer, task_id: int, keys: list[str], *, guard: str, now: datetime
) -> None:
    """Writes down what was checked at the place, and who guarded it. Raises InvalidError for a line that is
    not on the list or without the guard's name; ForbiddenError, NotFoundError as any work on a task."""
    viewer.require(Right.WORK_TASKS)
    task = repository.seen_by(session, viewer, task_id, lock=True)
    checks = policies.current(session, WellPolicy).checks
    known = {check.key for check in checks}
    if unknown := sorted(set(keys) - known):
        raise InvalidError(f"the list has no line {unknown[0]!r}: reload the page", where="checks")
    guard = guard.strip()
    if not guard:
        raise InvalidError("who guards the open cover? Write a name", where="guard")
    detail = {"checks": [check.key for check in checks if check.key in keys], "of": len(checks)}
    note(session, task, SITE_CHECKED, now=now, actor_id=viewer.user_id, note=guard[:60], **detail)
