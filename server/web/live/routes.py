"""`/live/tasks`: cards of tasks as they change. `/live/changes`: that something changed, and what."""

import json
from collections.abc import Iterator
from typing import Annotated

from fastapi import APIRouter, Query, Request
from fastapi.responses import Response

from server.db.database import Change
from server.db.models import Gateway, QuarantinedMessage
from server.dependencies import GetContext, GetViewer
from server.tasks import repository
from server.users import reach
from server.users.roles import Right
from server.web.live.cards import Cards
from server.web.live.stream import Event, EventStream
from server.web.rendering import language_of

router = APIRouter(include_in_schema=False)


@router.get("/live/tasks", name="live:tasks")
def tasks(
    request: Request, context: GetContext, viewer: GetViewer, kind: Annotated[str, Query()] = ""
) -> Response:
    """Every change of a task that this person sees: its card, in their language and with their buttons."""
    viewer.require(Right.VIEW_TASKS)
    language = language_of(request, viewer)
    cards: Cards = request.app.state.cards

    def tell(change: Change) -> Iterator[Event]:
        if change.kind != "task":
            return
        card = cards.card(change, viewer, language, kind=kind)
        if card is not None:
            yield "task", card

    return EventStream(context.bus, tell)


@router.get("/live/changes", name="live:changes")
def changes(context: GetContext, viewer: GetViewer) -> Response:
    """That a task, a gateway or the list of refused messages changed: {"kind", "id", "what"}."""
    viewer.require(Right.VIEW_TASKS)

    def tell(change: Change) -> Iterator[Event]:
        if change.kind == "task":
            with context.database.read() as session:
                task = repository.one(session, int(change.id))
                if task is None or task.kind not in viewer.task_kinds:
                    return
                if not reach.reaches(session, viewer, task):
                    return
        elif change.kind not in ("gateway", "quarantine") or not viewer.may(Right.VIEW_DEVICES):
            return
        elif viewer.area_ids is not None:
            row = QuarantinedMessage if change.kind == "quarantine" else Gateway
            with context.database.read() as session:
                if session.get(row, int(change.id) if row is QuarantinedMessage else change.id) is None:
                    return
        yield "change", json.dumps({"kind": change.kind, "id": change.id, "what": change.what})

    return EventStream(context.bus, tell)
