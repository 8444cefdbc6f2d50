"""`/tasks/{id}/calls/{ask}`: noting that the resident, 120 or 110 was telephoned."""

from typing import Annotated

from fastapi import APIRouter, Form, Request
from fastapi.responses import RedirectResponse, Response

from server.clock import now
from server.dependencies import GetContext, GetViewer
from server.dispatch import asks
from server.dispatch.core import Ask

router = APIRouter(include_in_schema=False)


@router.post("/tasks/{task_id:int}/calls/{ask}", name="asks:note")
def note(
    request: Request,
    context: GetContext,
    viewer: GetViewer,
    task_id: int,
    ask: Ask,
    reached: Annotated[str, Form()] = "",
) -> Response:
    """Writes it on the timeline and goes back to the task."""
    with context.database.write() as session:
        asks.note(session, viewer, task_id, ask, reached=bool(reached), now=now())
    return RedirectResponse(str(request.app.url_path_for("tasks:detail", task_id=task_id)), 303)
