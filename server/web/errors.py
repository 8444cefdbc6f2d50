"""Error pages: what went wrong and what to do next, in the reader's language. The API's errors stay JSON."""

from collections.abc import Awaitable, Callable
from typing import Any, Final
from urllib.parse import quote

from fastapi import FastAPI, Request
from fastapi.exception_handlers import http_exception_handler, request_validation_exception_handler
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, RedirectResponse, Response
from starlette.exceptions import HTTPException

from server.errors import NotLoggedInError, ServerError
from server.web.csrf import ForeignRequestError
from server.web.i18n import knows
from server.web.rendering import is_fragment, render

Handler = Callable[[Request, Any], Response | Awaitable[Response]]
NOT_PAGES: Final = ("/api/", "/healthz", "/readyz", "/metrics", "/static/")


def install(app: FastAPI) -> None:
    """Answers errors of pages with pages; those of other paths go to the handlers that were there before."""
    for kind, default in (
        (ServerError, _plain),
        (HTTPException, http_exception_handler),
        (RequestValidationError, request_validation_exception_handler),
        (Exception, _unexpected),
    ):
        app.add_exception_handler(kind, _split(app.exception_handlers.get(kind, default)))


def _split(otherwise: Any) -> Handler:
    async def handle(request: Request, error: Exception) -> Response:
        if request.url.path.startswith(NOT_PAGES):
            answer = otherwise(request, error)
            answered: Response = await answer if isinstance(answer, Awaitable) else answer
            return answered
        return page(request, error)

    return handle


def page(request: Request, error: Exception) -> Response:
    """The answer to a failed page request. Without a log-in it leads to the log-in and back."""
    if isinstance(error, NotLoggedInError):
        return _log_in_first(request)
    status = _status(error)
    message = "error.csrf" if isinstance(error, ForeignRequestError) else ""
    key = str(status) if knows(f"error.{status}.title") else ("500" if status >= 500 else "404")
    return render(
        request,
        "errors/error.html",
        None,
        status=status,
        key=key,
        message=message,
        detail=error.message if isinstance(error, ServerError) and not message else "",
    )


def _status(error: Exception) -> int:
    if isinstance(error, ServerError):
        return error.status
    if isinstance(error, HTTPException):
        return error.status_code
    if isinstance(error, RequestValidationError):
        return 404 if all(problem["loc"][:1] == ("path",) for problem in error.errors()) else 422
    return 500


def _log_in_first(request: Request) -> Response:
    login = str(request.app.url_path_for("login:form"))
    if request.headers.get("accept", "").startswith("text/event-stream") or (
        request.headers.get("Sec-Fetch-Dest") == "empty" and not is_fragment(request)
    ):
        return JSONResponse({"code": "not_logged_in"}, 401)
    if is_fragment(request):
        return Response(status_code=401, headers={"HX-Redirect": login})
    if request.method != "GET":
        return RedirectResponse(login, 303)
    there = request.url.path + (f"?{request.url.query}" if request.url.query else "")
    return RedirectResponse(f"{login}?next={quote(there, safe='/')}" if there != "/" else login, 303)


def _unexpected(_request: Request, _error: Exception) -> Response:
    return JSONResponse({"code": "error", "message": "our mistake: see the server's log"}, 500)


def _plain(_request: Request, error: ServerError) -> Response:
    return JSONResponse({"code": error.code, "message": error.message}, error.status)
