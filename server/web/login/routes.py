"""`/login`, `/logout`, `/language`."""

from typing import Annotated

from fastapi import APIRouter, Form, Request
from fastapi.responses import RedirectResponse, Response

from server.clock import now
from server.dependencies import GetAsker, GetContext
from server.errors import NotLoggedInError, TooManyError
from server.users import service, sessions
from server.web.i18n import TABLES
from server.web.rendering import LANGUAGE_COOKIE, render

router = APIRouter(include_in_schema=False)


@router.get("/login", name="login:form")
def form(request: Request, next: str = "/") -> Response:  # noqa: A002 - the name in the address
    """The form. Somebody who is logged in and comes by sees it too: to become somebody else."""
    return render(request, "login/login.html", None, after=_inside(next), login="", problem="")


@router.post("/login", name="login:send")
def send(
    request: Request,
    context: GetContext,
    login: Annotated[str, Form()] = "",
    password: Annotated[str, Form()] = "",
    after: Annotated[str, Form()] = "/",
) -> Response:
    """Begins a log-in, or says what was wrong."""
    client = request.client.host if request.client else ""
    try:
        with context.database.write() as session:
            token = service.log_in(
                session, context.throttle, login=login.strip(), password=password, client=client, now=now()
            )
    except (NotLoggedInError, TooManyError) as error:
        problem = "login.too_many" if isinstance(error, TooManyError) else "login.failed"
        return render(
            request,
            "login/login.html",
            None,
            status=error.status,
            after=_inside(after),
            login=login,
            problem=problem,
        )
    response = RedirectResponse(_inside(after), 303)
    response.set_cookie(
        sessions.COOKIE,
        token,
        max_age=int(sessions.WALL_LIFE.total_seconds()),
        httponly=True,
        samesite="lax",
        secure=context.settings.https_only,
    )
    return response


@router.post("/logout", name="login:end")
def end(request: Request, context: GetContext) -> Response:
    """Ends the log-in."""
    token = request.cookies.get(sessions.COOKIE)
    if token:
        with context.database.write() as session:
            sessions.end(session, token)
    response = RedirectResponse(str(request.app.url_path_for("login:form")), 303)
    response.delete_cookie(sessions.COOKIE)
    return response


@router.post("/language", name="login:language")
def language(
    request: Request,
    context: GetContext,
    asker: GetAsker,
    to: Annotated[str, Form()],
    after: Annotated[str, Form()] = "/",
) -> Response:
    """Changes the language: the person's, and this browser's."""
    response = RedirectResponse(_inside(after), 303)
    if to not in TABLES:
        return response
    if not isinstance(asker, NotLoggedInError):
        with context.database.write() as session:
            service.set_language(session, user_id=asker.user_id, language=to)
    response.set_cookie(LANGUAGE_COOKIE, to, max_age=31_536_000, samesite="lax", httponly=True)
    return response


def _inside(address: str) -> str:
    """An address inside these pages; anything else becomes the start."""
    inside = address.startswith("/") and not address.startswith(("//", "/\\"))
    return address if inside and address.isprintable() else "/"
