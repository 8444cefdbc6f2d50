"""`/quarantine`."""

from fastapi import APIRouter, Request
from fastapi.responses import Response

from server.dependencies import GetContext, GetViewer
from server.ingest import quarantine
from server.users.roles import Right
from server.web.quarantine.payload import Shown, shown
from server.web.rendering import is_fragment, render

router = APIRouter(include_in_schema=False)
AT_ONCE = 50


@router.get("/quarantine", name="quarantine:list")
def listed(request: Request, context: GetContext, viewer: GetViewer, before: int | None = None) -> Response:
    """Refused messages, newest first."""
    viewer.require(Right.REGISTER)
    with context.database.read() as session:
        messages = quarantine.listed(session, limit=AT_ONCE, before_id=before)
        total = quarantine.count(session)
    payloads: dict[int, Shown] = {message.id: shown(message.payload) for message in messages}
    return render(
        request,
        "quarantine/_messages.html" if is_fragment(request) else "quarantine/list.html",
        viewer,
        here="quarantine:list",
        messages=messages,
        payloads=payloads,
        total=total,
        older=messages[-1].id if len(messages) == AT_ONCE else None,
        before=before,
    )
