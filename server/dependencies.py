"""What routes ask for: the server's parts, and who is asking."""

from typing import Annotated, cast

from fastapi import Depends, Request

from server.clock import now
from server.context import Context
from server.enrolment.desk import Desk
from server.errors import NotLoggedInError
from server.users import sessions
from server.users.viewer import Viewer


def get_context(request: Request) -> Context:
    """The server's parts."""
    return cast("Context", request.app.state.context)


def get_desk(request: Request) -> Desk:
    """The server's enrolment."""
    return cast("Desk", request.app.state.desk)


def get_viewer(request: Request, context: Annotated[Context, Depends(get_context)]) -> Viewer:
    """Who asks: by API token (Authorization: Bearer …) or by cookie. Raises NotLoggedInError."""
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    cookie = request.cookies.get(sessions.COOKIE)
    with context.database.read() as session:
        if scheme.lower() == "bearer" and token:
            return sessions.viewer_of_token(session, token.strip(), now=now())
        if cookie:
            return sessions.viewer_of_cookie(session, cookie, now=now())
    raise NotLoggedInError("log in, or send an API token: Authorization: Bearer sw_…")


GetContext = Annotated[Context, Depends(get_context)]
GetDesk = Annotated[Desk, Depends(get_desk)]
GetViewer = Annotated[Viewer, Depends(get_viewer)]
