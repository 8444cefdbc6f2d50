"""How the list of tasks is arranged: who still waits comes first, then the worst, then the oldest. Pure."""

from collections.abc import Iterable
from typing import Final, Literal

from gateway.rules.model import WORST_FIRST, Severity
from server.tasks.states import OPEN_STATES, TaskState
from server.tasks.views import TaskView
from server.web.formats import milliseconds

Group = Literal["waiting", "working", "ended"]
KINDS: Final = ("care", "well", "public_health", "maintenance")
"""The kinds of task in the order in which the pages show them."""
_UNANSWERED: Final = frozenset({TaskState.NEW, TaskState.DISPATCHED})


def group(task: TaskView) -> Group:
    """The part of the list that the task stands in."""
    if task.state not in OPEN_STATES:
        return "ended"
    return "waiting" if task.state in _UNANSWERED else "working"


def order(task: TaskView) -> str:
    """A text that sorts tasks of one group: the worst first, then the oldest."""
    return f"{WORST_FIRST.index(Severity(task.severity))}-{milliseconds(task.created_at):015d}-{task.id:09d}"


def arranged(tasks: Iterable[TaskView]) -> dict[Group, list[TaskView]]:
    """The tasks by group, each in order; those that ended stay newest first."""
    parts: dict[Group, list[TaskView]] = {"waiting": [], "working": [], "ended": []}
    for task in tasks:
        parts[group(task)].append(task)
    parts["waiting"].sort(key=order)
    parts["working"].sort(key=order)
    return parts
