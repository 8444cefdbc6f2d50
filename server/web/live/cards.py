"""Cards for open pages, made once for all who see the same: a change reaches many pages at the same moment.

What a card shows depends on the role, the language and whether the task is one's own, not on who exactly
looks. All streams are handed the same `Change`, so it is the key; the last few are kept.
"""

import threading
from collections import OrderedDict
from dataclasses import dataclass, field
from typing import Any, Final

from sqlalchemy import Row
from sqlalchemy.orm import Session
from starlette.applications import Starlette

from server.clock import now
from server.context import Context
from server.db.database import Change
from server.tasks import repository, views
from server.users import reach
from server.users.viewer import Viewer
from server.web.rendering import text
from server.web.tasks.board import group, order

KEPT: Final = 64


@dataclass(slots=True)
class _Made:
    """What was made of one change. `task` is None where it is gone or not yet looked up (see `looked_up`)."""

    change: Change
    lock: threading.Lock = field(default_factory=threading.Lock)
    looked_up: bool = False
    task: Row[Any] | None = None
    cards: dict[tuple[str, str, bool], str] = field(default_factory=dict)


class Cards:
    """The cards of recent changes. Threads may share it."""

    def __init__(self, app: Starlette, context: Context) -> None:
        self._app = app
        self._context = context
        self._lock = threading.Lock()
        self._recent: OrderedDict[int, _Made] = OrderedDict()

    def card(self, change: Change, viewer: Viewer, language: str, *, kind: str = "") -> str | None:
        """The card of the task that changed; None where this person sees no such task, or asked for another
        kind."""
        made = self._made(change)
        with made.lock, self._context.database.read() as session:  # asks for a connection only if it is used
            if not made.looked_up:
                made.task = repository.one(session, int(change.id))
                made.looked_up = True
            task = made.task
            if task is None or task.kind not in viewer.task_kinds or (kind and task.kind != kind):
                return None
            if not reach.reaches(session, viewer, task):
                return None
            key = (viewer.role, language, task.assignee_id == viewer.user_id)
            if key not in made.cards:
                made.cards[key] = self._render(session, task, change, viewer, language)
            return made.cards[key]

    def _made(self, change: Change) -> _Made:
        with self._lock:
            made = self._recent.get(id(change))
            if made is None or made.change is not change:
                made = self._recent[id(change)] = _Made(change)
                while len(self._recent) > KEPT:
                    self._recent.popitem(last=False)
            return made

    def _render(self, session: Session, task: Row[Any], change: Change, viewer: Viewer, language: str) -> str:
        (view,) = views.views(session, viewer, [task], self._context.texts)
        return text(
            self._app,
            "tasks/_card.html",
            language,
            viewer,
            task=view,
            what=change.what,
            group=group(view, now()),
            order=order(view),
            problem="",
        )
