"""Why something could not be done to a task, said to the person who tried; and which outcomes fit. Pure."""

from typing import Final

from server.errors import ForbiddenError, InvalidError, ServerError
from server.tasks.service import MAXIMUM_NOTE
from server.tasks.states import Outcome
from server.tasks.views import TaskView
from server.web.formats import clock
from server.web.i18n import say

_OUTCOMES: Final[dict[str, tuple[Outcome, ...]]] = {
    "care": (
        Outcome.HELPED_ON_SITE,
        Outcome.HELPED_BY_PHONE,
        Outcome.HOSPITAL,
        Outcome.FALSE_ALARM,
        Outcome.NO_ACCESS,
        Outcome.TEST,
    ),
    "public_health": (
        Outcome.HELPED_ON_SITE,
        Outcome.HELPED_BY_PHONE,
        Outcome.HOSPITAL,
        Outcome.FALSE_ALARM,
        Outcome.TEST,
    ),
}
_THINGS: Final = (Outcome.REPAIRED, Outcome.FALSE_ALARM, Outcome.NO_ACCESS, Outcome.TEST)


def outcomes(kind: str) -> tuple[Outcome, ...]:
    """The outcomes that make sense for a kind of task, the usual one first."""
    return _OUTCOMES.get(kind, _THINGS)


def sentence(error: ServerError, task: TaskView, language: str) -> str:
    """Why it was refused, from the task as it stands now: above all, who has it. An error may bring its
    own words: their key (`say`) and what is filled in there."""
    if "say" in error.details:
        return said(error, language)
    if isinstance(error, InvalidError):
        return _invalid(error, language)
    if isinstance(error, ForbiddenError):
        if task.assignee is None:
            return say(language, "error.403.help")
        return say(language, "conflict.forbidden", name=task.assignee)
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


def _invalid(error: InvalidError, language: str) -> str:
    for word, key in (
        ("outcome", "outcome"),
        ("user", "assignee"),
        ("give the task", "assignee"),
        ("role", "assignee"),
    ):
        if word in error.message:
            return say(language, f"invalid.{key}")
    return say(language, "invalid.note", limit=MAXIMUM_NOTE)
