"""What routes ask for: the server's parts, and who is asking. Both come limited to the asker's area."""

from dataclasses import replace
from typing import Annotated, cast

from fastapi import Depends, Request

from server.clock import now
from server.context import Context
from server.enrolment.desk import Desk
from server.errors import NotLoggedInError
from server.users import gate, reach, sessions
from server.users.viewer import Viewer


def get_whole(request: Request) -> Context:
    """The server's parts, whoever asks: for what checks by itself for whom it works."""
    return cast("Context", request.app.state.context)


def get_desk(request: Request) -> Desk:
    """The server's enrolment."""
    return cast("Desk", request.app.state.desk)


def get_asker(request: Request, whole: Annotated[Context, Depends(get_whole)]) -> Viewer | NotLoggedInError:
    """Who asks, by API token (Authorization: Bearer …) or by cookie, or why nobody. Raises NotFoundError
    where the address names something outside their area."""
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    cookie = request.cookies.get(sessions.COOKIE)
    try:
        with whole.database.read() as session:
            if scheme.lower() == "bearer" and token:
                viewer = sessions.viewer_of_token(session, token.strip(), now=now())
            elif cookie:
                viewer = sessions.viewer_of_cookie(session, cookie, now=now())
            else:
                return NotLoggedInError("log in, or send an API token: Authorization: Bearer sw_…")
            gate.check(session, viewer, request)
            return viewer
    except NotLoggedInError as error:
        return error


async def get_viewer(asker: Annotated[Viewer | NotLoggedInError, Depends(get_asker)]) -> Viewer:
    """Who asks. Raises NotLoggedInError."""
    if isinstance(asker, NotLoggedInError):
        raise asker
    return asker


async def get_context(
    whole: Annotated[Context, Depends(get_whole)],
    asker: Annotated[Viewer | NotLoggedInError, Depends(get_asker)],
) -> Context:
    """The server's parts, with the database as this person sees it."""
    if isinstance(asker, NotLoggedInError) or asker.area_ids is None:
        return whole
    return replace(whole, database=reach.within(whole.database, asker))


GetContext = Annotated[Context, Depends(get_context)]
GetWhole = Annotated[Context, Depends(get_whole)]
GetAsker = Annotated[Viewer | NotLoggedInError, Depends(get_asker)]
GetDesk = Annotated[Desk, Depends(get_desk)]
GetViewer = Annotated[Viewer, Depends(get_viewer)]
