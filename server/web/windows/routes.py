"""`/windows`: declared work and drills, and what counted as tests."""

from datetime import timedelta
from typing import Any, Final

from fastapi import APIRouter, Request
from fastapi.responses import RedirectResponse, Response
from pydantic import ValidationError
from sqlalchemy import select
from sqlalchemy.orm import Session
from starlette.concurrency import run_in_threadpool

from server.clock import now
from server.context import Context
from server.db.models import User
from server.dependencies import GetContext, GetViewer
from server.errors import InvalidError, NotFoundError
from server.users.roles import Right
from server.users.viewer import Viewer
from server.web.i18n import say
from server.web.rendering import is_fragment, language_of, render
from server.web.tasks.refusals import said
from server.windows import choosing, repository, service
from server.windows.schemas import WindowIn

router = APIRouter(include_in_schema=False)
HOURS: Final = (1, 2, 4, 8, 24, 48, 72)
TESTS_FOR: Final = timedelta(days=30)
_FIRST: Final = "well"
"""The kind of place that is offered first: most work is at wells."""
_WRONG: Final = 422


@router.get("/windows", name="windows:list")
def listed(request: Request, context: GetContext, viewer: GetViewer) -> Response:
    """What runs or is to come, and the form; or (to the page's own script) just the places to choose from.
    `scope_kind` and `scope_id` name a place that another page leads here from, `q` looks for one."""
    return _page(request, context, viewer, dict(request.query_params))


@router.post("/windows", name="windows:declare")
async def declare(request: Request, context: GetContext, viewer: GetViewer) -> Response:
    """Declares one, from now on."""
    form = await request.form()
    fields = {key: value for key, value in form.items() if isinstance(value, str)}
    problem = await run_in_threadpool(_declared, context, viewer, fields, language_of(request, viewer))
    if problem:
        return await run_in_threadpool(_page, request, context, viewer, fields, problem)
    return RedirectResponse(str(request.app.url_path_for("windows:list")), 303)


def _declared(context: Context, viewer: Viewer, fields: dict[str, str], language: str) -> str:
    """Why it could not be declared; "" where it was."""
    moment = now()
    hours = fields.get("hours", "")
    if not hours.isdecimal():
        return say(language, "windows.wrong.hours")
    try:
        wanted = WindowIn.model_validate(
            {name: fields.get(name, "") for name in ("kind", "scope_kind", "scope_id", "reason")}
            | {"until": moment + timedelta(hours=min(max(int(hours), 1), max(HOURS)))}
        )
        with context.database.write() as session:
            service.declare(session, viewer, wanted, now=moment)
    except ValidationError as error:
        return say(language, f"windows.wrong.{error.errors()[0]['loc'][0]}")
    except NotFoundError:
        return _unknown(fields, language)
    except InvalidError as error:
        return said(error, language)
    return ""


def _unknown(fields: dict[str, str], language: str) -> str:
    kind = say(language, f"windows.scope.{fields.get('scope_kind')}")
    return say(language, "windows.unknown", kind=kind, id=fields.get("scope_id", "")[:100])


@router.post("/windows/{window_id:int}/end", name="windows:end")
def end(request: Request, context: GetContext, viewer: GetViewer, window_id: int) -> Response:
    """Ends one early."""
    with context.database.write() as session:
        service.end(session, viewer, window_id, now=now())
    return RedirectResponse(str(request.app.url_path_for("windows:list")), 303)


def _page(
    request: Request, context: Context, viewer: Viewer, fields: dict[str, str], problem: str = ""
) -> Response:
    viewer.require(Right.VIEW_TASKS)
    scopes = choosing.scopes(viewer)
    if scopes and fields.get("scope_kind") not in scopes:
        fields = {**fields, "scope_kind": _FIRST if _FIRST in scopes else scopes[0], "scope_id": ""}
    if is_fragment(request) and scopes:
        with context.database.read() as session:
            return render(request, "windows/_places.html", viewer, **_choice(session, viewer, fields))
    moment = now()
    with context.database.read() as session:
        windows = repository.listed(session, ended_after=moment)
        people = dict(
            session.execute(
                select(User.id, User.name).where(User.id.in_({window.created_by for window in windows}))
            ).all()
        )
        tests = service.tests_since(session, moment - TESTS_FOR)
        places = choosing.named(session, viewer, {(one.scope_kind, one.scope_id) for one in windows})
        choice = _choice(session, viewer, fields) if scopes else {}
    if choice.get("lost") and not problem:
        problem = _unknown(fields, language_of(request, viewer))
    return render(
        request,
        "windows/list.html",
        viewer,
        status=_WRONG if problem and request.method == "POST" else 200,
        here="windows:list",
        windows=windows,
        named=places,
        people=people,
        tests=tests,
        fields=fields,
        kinds=choosing.kinds(viewer),
        scopes=scopes,
        hours=HOURS,
        problem=problem,
        **choice,
    )


def _choice(session: Session, viewer: Viewer, fields: dict[str, str]) -> dict[str, Any]:
    """The places to choose from: what was looked for, or the one that is chosen already. `lost`: what was
    chosen is not there, or not for this person."""
    kind, key, search = fields["scope_kind"], fields.get("scope_id", ""), fields.get("q", "").strip()[:100]
    chosen = choosing.named(session, viewer, {(kind, key)}) if key else {}
    found = list(chosen.values()) if chosen and not search else choosing.find(session, viewer, kind, search)
    return {
        "scope_kind": kind,
        "q": search,
        "places": found[: choosing.AT_ONCE],
        "more": len(found) > choosing.AT_ONCE,
        "chosen": key if chosen else found[0].id if search and len(found) == 1 else "",
        "lost": bool(key) and not chosen,
    }
