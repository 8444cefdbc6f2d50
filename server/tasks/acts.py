"""What each action asks for before it is done: who may, when, and with which facts. Changes nothing."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final, Literal

from sqlalchemy import select
from sqlalchemy.orm import Session

from gateway.rules.model import Severity
from server.db.models import Task, User
from server.errors import ConflictError, ForbiddenError, InvalidError
from server.tasks import kinds
from server.tasks.policy import TaskPolicy
from server.tasks.states import UNANSWERED, TaskAction
from server.users import reach
from server.users.roles import Right, Role
from server.users.viewer import Viewer

A = TaskAction
Verdict = Literal["ok", "improve"]
COMMUNITY: Final = "community"
SUBDISTRICT: Final = "subdistrict"
MAXIMUM_NOTE: Final = 2_000
"""Characters of a note: a page of text, so that a timeline stays readable."""
RIGHTS_OF: Final[dict[TaskAction, Right]] = {
    A.REASSIGN: Right.ASSIGN_TASKS,
    A.CANCEL: Right.ASSIGN_TASKS,
    A.RETURN: Right.ASSIGN_TASKS,
    A.REVIEW: Right.REVIEW_TASKS,
}
"""The right that an action needs; every other one is work on tasks."""
BY_ITS_HOLDER: Final = frozenset(
    {A.HEARD, A.DEPART, A.ARRIVE, A.RESOLVE, A.CLOSE, A.HAND_OVER, A.SNOOZE, A.ESCALATE}
)
"""Done by whoever has the task, or for them by somebody who assigns tasks."""
_OF_ANYBODY: Final = frozenset({A.ESCALATE})
"""… and while nobody has it, by whoever sees that it is needed."""
_NEEDS_A_REASON: Final = {
    A.ESCALATE: "say why the community cannot solve it",
    A.RETURN: "say what the community should do",
    A.SNOOZE: "say why it can wait",
    A.CANCEL: "say why nobody need go",
    A.NOTE: "an empty note: write something",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Act:
    """One thing that somebody does to a task."""

    action: TaskAction
    note: str = ""
    outcome: str | None = None
    cause: str | None = None
    assignee_id: int | None = None
    minutes: int | None = None  # to put it off
    verdict: Verdict | None = None  # of a review
    photo: str | None = None  # the name of its file


def needed(action: TaskAction) -> Right:
    """The right that the action needs."""
    return RIGHTS_OF.get(action, Right.WORK_TASKS)


def may(viewer: Viewer, task: Any, action: TaskAction) -> bool:
    """Whether this person may do so to this task, as far as it can be said before they have told the facts.
    `task` has the columns of `Task`."""
    return viewer.may(needed(action)) and _holds(viewer, task, action) and _fits(task, action) is None


def check(session: Session, viewer: Viewer, task: Task, wanted: Act, *, now: datetime) -> dict[str, Any]:
    """The facts as the timeline keeps them. Raises ForbiddenError, ConflictError or InvalidError."""
    if not _holds(viewer, task, wanted.action):
        raise ForbiddenError(
            f"this task is not yours{holder(session, task)}: ask a dispatcher to hand it over"
        )
    if reason := _fits(task, wanted.action):
        raise ConflictError(reason, state=task.state, fits=False)
    note = wanted.note.strip()
    if len(note) > MAXIMUM_NOTE:
        raise InvalidError(f"the note has {len(note)} characters: at most {MAXIMUM_NOTE}", where="note")
    if not note and wanted.action in _NEEDS_A_REASON:
        raise InvalidError(_NEEDS_A_REASON[wanted.action], where="note")
    detail: dict[str, Any] = {"note": note} if note else {}
    match wanted.action:
        case A.RESOLVE | A.CLOSE:
            detail |= _ending(kinds.policy(session), task, wanted, note)
        case A.REASSIGN | A.HAND_OVER:
            detail |= {"assignee_id": _assignee(session, viewer, task, wanted).id}
        case A.SNOOZE:
            detail |= {"until": _until(kinds.policy(session), wanted, now).isoformat()}
        case A.REVIEW:
            detail |= _verdict(viewer, task, wanted, note)
        case A.PHOTO if wanted.photo is None:
            raise InvalidError("send the photo itself", where="photo")
        case _:
            pass
    return detail


def holder(session: Session, task: Task) -> str:
    """Who has it and since when, as the end of a sentence."""
    user = session.get(User, task.assignee_id) if task.assignee_id is not None else None
    if user is None:
        return ""
    since = f" since {task.acknowledged_at:%H:%M:%S} UTC" if task.acknowledged_at else ""
    return f"; {user.name} has it{since}"


def _holds(viewer: Viewer, task: Any, action: TaskAction) -> bool:
    if action not in BY_ITS_HOLDER or viewer.may(Right.ASSIGN_TASKS):
        return True
    unanswered = task.state in UNANSWERED
    if action is A.SNOOZE and unanswered:
        return False
    return task.assignee_id == viewer.user_id or (action in _OF_ANYBODY and unanswered)


def _fits(task: Any, action: TaskAction) -> str | None:
    """Why the action does not fit the task, beyond what the table of states says."""
    if action is A.ESCALATE and task.level == SUBDISTRICT:
        return "the subdistrict has this task already"
    if action is A.RETURN and task.level != SUBDISTRICT:
        return "the community has this task already"
    if action is A.SNOOZE and task.severity == Severity.CRITICAL and task.arrived_at is None:
        return "a critical task cannot be put off before somebody was there"
    if action is A.HEARD and task.unheard_at is None:
        return "nothing new has come that its holder has not answered to"
    if action is A.REVIEW and task.reviewed_at is not None:
        return "this task has been reviewed"
    return None


def _ending(policy: TaskPolicy, task: Task, wanted: Act, note: str) -> dict[str, Any]:
    outcome = wanted.outcome if wanted.outcome is not None else task.outcome
    if outcome is None:
        doing = "resolving" if wanted.action is A.RESOLVE else "closing"
        raise InvalidError(f"{doing} needs an outcome: how did it end?", where="outcome")
    if wanted.outcome is None:
        return {}
    known = policy.kind(task.kind).outcomes
    if outcome not in known:
        raise InvalidError(f"{outcome!r} is no outcome of this task: {', '.join(known)}", where="outcome")
    rule = policy.outcome(outcome)
    if rule.needs_note and not note:
        raise InvalidError(f"the outcome {outcome} needs a note: what happened?", where="note")
    if not rule.needs_cause:
        return {"outcome": outcome}
    causes = [cause.id for cause in policy.causes]
    if wanted.cause not in causes:
        raise InvalidError(f"the outcome {outcome} needs a cause: {', '.join(causes)}", where="cause")
    if policy.cause(wanted.cause).needs_note and not note:
        raise InvalidError(f"the cause {wanted.cause} needs a note: what was it?", where="note")
    return {"outcome": outcome, "cause": wanted.cause}


def _assignee(session: Session, viewer: Viewer, task: Task, wanted: Act) -> User:
    asked = select(User).where(User.id == wanted.assignee_id, reach.serving(viewer))
    user = session.scalar(asked) if wanted.assignee_id is not None else None
    if user is None or user.disabled_at is not None:
        raise InvalidError(f"there is no user {wanted.assignee_id} to give the task to", where="assignee")
    role = Role(user.role)
    if role not in kinds.roles_of(session, task.kind):
        raise InvalidError(
            f"{user.login} has the role {role}, which does not see {task.kind} tasks", where="assignee"
        )
    if role not in kinds.working_on(session, task.kind):
        raise InvalidError(
            f"{user.login} has the role {role}, which does not work on tasks", where="assignee"
        )
    if wanted.action is A.HAND_OVER and user.id in (task.assignee_id, viewer.user_id):
        raise InvalidError(f"{user.login} has it: hand it over to somebody else", where="assignee")
    return user


def _until(policy: TaskPolicy, wanted: Act, now: datetime) -> datetime:
    most = policy.snooze_max_minutes
    if wanted.minutes is None or not 1 <= wanted.minutes <= most:
        raise InvalidError(f"a task can be put off for 1 to {most} minutes", where="minutes")
    return now + timedelta(minutes=wanted.minutes)


def _verdict(viewer: Viewer, task: Task, wanted: Act, note: str) -> dict[str, Any]:
    if task.assignee_id == viewer.user_id:
        raise ForbiddenError("this task was yours: somebody else reviews it")
    if wanted.verdict is None:
        raise InvalidError("a review needs a verdict: ok or improve", where="verdict")
    if wanted.verdict == "improve" and not note:
        raise InvalidError("say what should be better", where="note")
    return {"verdict": wanted.verdict}
