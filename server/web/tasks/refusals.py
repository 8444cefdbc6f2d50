"""Why something could not be done to a task, said to the person who tried. Pure."""

from typing import Final

from server.errors import ForbiddenError, InvalidError, ServerError
from server.tasks.acts import MAXIMUM_NOTE
from server.tasks.states import TaskAction
from server.tasks.views import TaskView
from server.web.formats import clock
from server.web.i18n import say

_FACTS: Final = ("outcome", "cause", "assignee", "minutes", "verdict", "photo")
_UNFIT: Final = {
    TaskAction.SNOOZE: "snooze",
    TaskAction.ESCALATE: "level",
    TaskAction.RETURN: "level",
    TaskAction.REVIEW: "reviewed",
    TaskAction.RENEW: "renew",
    TaskAction.PHOTO: "photos",
}
"""Actions that a task's state allows and something else about it does not."""


def sentence(error: ServerError, task: TaskView, language: str, action: TaskAction) -> str:
    """Why it was refused, from the task as it stands now: above all, who has it. An error may bring its
    own words: their key (`say`) and what is filled in there."""
    if "say" in error.details:
        return said(error, language)
    if isinstance(error, InvalidError):
        return _invalid(error, language)
    if isinstance(error, ForbiddenError):
        return _forbidden(task, language, action)
    if action in _UNFIT and error.details.get("fits") is False:
        return say(language, f"conflict.{_UNFIT[action]}")
    moved = say(language, "conflict.moved", state=say(language, f"state.{task.state}"))
    if task.assignee is None or task.acknowledged_at is None:
        return moved
    held = say(language, "conflict.held", name=task.assignee, time=clock(task.acknowledged_at))
    return f"{held} {moved}" if language == "en" else held + moved


def said(error: ServerError, language: str) -> str:
    """An error's own words."""
    checks = error.details.get("checks", {}).get(language, ())
    return say(
        language,
        error.details["say"],
        count=error.details.get("count", len(checks)),
        what=say(language, "app.list").join(checks),
    )


def _forbidden(task: TaskView, language: str, action: TaskAction) -> str:
    if action is TaskAction.REVIEW:
        return say(language, "conflict.own")
    if task.assignee is None:
        return say(language, "error.403.help")
    return say(language, "conflict.forbidden", name=task.assignee)


def _invalid(error: InvalidError, language: str) -> str:
    where = error.details.get("where")
    if where in _FACTS:
        return say(language, f"invalid.{where}")
    return say(language, "invalid.note", limit=MAXIMUM_NOTE)
