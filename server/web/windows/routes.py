"""`/windows`: declared work and drills, and what counted as tests."""

from datetime import timedelta
from typing import Final

from fastapi import APIRouter, Request
from fastapi.responses import RedirectResponse, Response
from pydantic import ValidationError
from sqlalchemy import select

from server.clock import now
from server.context import Context
from server.db.models import User
from server.dependencies import GetContext, GetViewer
from server.errors import InvalidError, NotFoundError
from server.users.roles import Right
from server.users.viewer import Viewer
from server.web.rendering import render
from server.windows import repository, service
from server.windows.core import SCOPES
from server.windows.schemas import WindowIn

router = APIRouter(include_in_schema=False)
HOURS: Final = (1, 2, 4, 8, 24, 48, 72)
TESTS_FOR: Final = timedelta(days=30)
_WRONG: Final = 422


@router.get("/windows", name="windows:list")
def listed(
    request: Request,
    context: GetContext,
    viewer: GetViewer,
    scope_kind: str = "well",
    scope_id: str = "",
) -> Response:
    """What runs or is to come; the form is filled with a scope that another page names."""
    return _page(request, context, viewer, {"scope_kind": scope_kind, "scope_id": scope_id})


@router.post("/windows", name="windows:declare")
async def declare(request: Request, context: GetContext, viewer: GetViewer) -> Response:
    """Declares one, from now on."""
    form = await request.form()
    fields = {key: value for key, value in form.items() if isinstance(value, str)}
    moment = now()
    try:
        hours = int(fields.get("hours", ""))
        wanted = WindowIn.model_validate(
            {name: fields.get(name, "") for name in ("kind", "scope_kind", "scope_id", "reason")}
            | {"until": moment + timedelta(hours=min(max(hours, 1), max(HOURS)))}
        )
        with context.database.write() as session:
            service.declare(session, viewer, wanted, now=moment)
    except ValidationError as error:
        return _page(request, context, viewer, fields, [one["msg"] for one in error.errors()])
    except ValueError:
        return _page(request, context, viewer, fields, ["hours: a whole number"])
    except (InvalidError, NotFoundError) as error:
        return _page(request, context, viewer, fields, [error.message])
    return RedirectResponse(str(request.app.url_path_for("windows:list")), 303)


@router.post("/windows/{window_id:int}/end", name="windows:end")
def end(request: Request, context: GetContext, viewer: GetViewer, window_id: int) -> Response:
    """Ends one early."""
    with context.database.write() as session:
        service.end(session, viewer, window_id, now=now())
    return RedirectResponse(str(request.app.url_path_for("windows:list")), 303)


def _page(
    request: Request,
    context: Context,
    viewer: Viewer,
    fields: dict[str, str],
    problems: list[str] | None = None,
) -> Response:
    viewer.require(Right.VIEW_TASKS)
    moment = now()
    with context.database.read() as session:
        windows = repository.listed(session, ended_after=moment)
        people = dict(
            session.execute(
                select(User.id, User.name).where(User.id.in_({window.created_by for window in windows}))
            ).all()
        )
        tests = service.tests_since(session, moment - TESTS_FOR)
    return render(
        request,
        "windows/list.html",
        viewer,
        status=_WRONG if problems else 200,
        here="windows:list",
        windows=windows,
        people=people,
        tests=tests,
        fields=fields,
        scopes=SCOPES,
        hours=HOURS,
        may_declare=service.may_declare(viewer),
        problems=problems or [],
    )
