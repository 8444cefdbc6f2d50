"""How the list of tasks is arranged: who still waits comes first, then the worst, then the oldest. Pure."""

from collections.abc import Iterable
from datetime import datetime
from typing import Final, Literal

from gateway.rules.model import WORST_FIRST, Severity
from server.tasks.repository import Tab
from server.tasks.states import OPEN_STATES, UNANSWERED, TaskState
from server.tasks.views import TaskView
from server.users.roles import Right
from server.users.viewer import Viewer
from server.web.formats import milliseconds

Group = Literal["waiting", "working", "planned", "ended"]
LIVE_TABS: Final = frozenset({"open", "mine"})
"""What changes by itself while somebody looks: cards come and go there."""


def tabs(viewer: Viewer) -> list[Tab]:
    """The tabs that are of use to this person."""
    if not viewer.may(Right.WORK_TASKS):
        return ["open", "planned", "today"]
    found: list[Tab] = ["open", "mine", "planned", "review", "today"]
    return [tab for tab in found if tab != "review" or viewer.may(Right.REVIEW_TASKS)]


def group(task: TaskView, now: datetime) -> Group:
    """The part of the list that the task stands in. One that was put off waits for nobody until then."""
    if task.state not in OPEN_STATES:
        return "ended"
    if task.state is TaskState.PLANNED:
        return "planned"
    asleep = task.snoozed_until is not None and task.snoozed_until > now
    return "waiting" if task.state in UNANSWERED and not asleep else "working"


def order(task: TaskView) -> str:
    """A text that sorts tasks of one group: the worst first, then the oldest."""
    return f"{WORST_FIRST.index(Severity(task.severity))}-{milliseconds(task.created_at):015d}-{task.id:09d}"


def arranged(tasks: Iterable[TaskView], now: datetime) -> dict[Group, list[TaskView]]:
    """The tasks by group, each in order: the planned ones by their day; those that ended stay newest
    first."""
    parts: dict[Group, list[TaskView]] = {"waiting": [], "working": [], "planned": [], "ended": []}
    for task in tasks:
        parts[group(task, now)].append(task)
    parts["waiting"].sort(key=order)
    parts["working"].sort(key=order)
    parts["planned"].sort(key=lambda task: (task.due_at or task.created_at, task.id))
    return parts


def naps(most: int) -> list[int]:
    """The minutes for which a task can be put off with one tap."""
    return [each for each in (15, 30, 60, 120, 240, 480) if each < most] + [most]
