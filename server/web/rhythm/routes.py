"""`/residents/{id}/rhythm`."""

import asyncio
from typing import Annotated

from fastapi import APIRouter, Form, Request
from fastapi.responses import RedirectResponse, Response
from pydantic import ValidationError

from server.clock import now
from server.context import Context
from server.dependencies import GetContext, GetViewer
from server.policies.service import current
from server.residents import looking
from server.residents.policy import LookReason, ResidentPolicy
from server.rhythm import service, words
from server.users.roles import Right
from server.users.viewer import Viewer
from server.web.i18n import say
from server.web.rendering import language_of, render

router = APIRouter(include_in_schema=False)


@router.get("/residents/{resident_id}/rhythm", name="rhythm:page")
async def page(request: Request, context: GetContext, viewer: GetViewer, resident_id: str) -> Response:
    """The page, where there is a reason to look; else the question for it."""
    viewer.require(Right.VIEW_RESIDENTS)
    return await _page(request, context, viewer, resident_id)


@router.post("/residents/{resident_id}/rhythm/look", name="rhythm:look")
def look(
    request: Request,
    context: GetContext,
    viewer: GetViewer,
    resident_id: str,
    reason: Annotated[str, Form()] = "",
    words: Annotated[str, Form()] = "",
) -> Response:
    """Opens the details for a reason from the list."""
    with context.database.write() as session:
        looking.begin(session, viewer, resident_id, code=reason, words=words, now=now())
    return RedirectResponse(str(request.app.url_path_for("rhythm:page", resident_id=resident_id)), 303)


@router.post("/residents/{resident_id}/rhythm", name="rhythm:put")
async def put(
    request: Request,
    context: GetContext,
    viewer: GetViewer,
    resident_id: str,
    watch: Annotated[str, Form()] = "",
    up_by: Annotated[str, Form()] = "",
    quiet: Annotated[str, Form()] = "",
    reason: Annotated[str, Form()] = "",
) -> Response:
    """Lays down what counts for this resident; with a sentence where that cannot be."""
    viewer.require(Right.PLAYBOOKS)
    try:
        wanted = service.FixedIn(
            off=watch == "off", up_by=_minute(up_by), quiet=_minutes(quiet), reason=reason
        )
    except (ValueError, ValidationError):
        problem = say(language_of(request, viewer), "rhythm.problem")
        return await _page(request, context, viewer, resident_id, problem=problem)
    await asyncio.to_thread(_put, context, viewer, resident_id, wanted)
    return RedirectResponse(str(request.app.url_path_for("rhythm:page", resident_id=resident_id)), 303)


async def _page(
    request: Request, context: Context, viewer: Viewer, resident_id: str, *, problem: str = ""
) -> Response:
    name, reasons = await asyncio.to_thread(_look, context, viewer, resident_id)
    if name is None:
        return render(request, "rhythm/look.html", viewer, here="", resident_id=resident_id, reasons=reasons)
    view = await service.view(context, resident_id, now=now())
    return render(
        request,
        "rhythm/page.html",
        viewer,
        status=422 if problem else 200,
        here="",
        name=name,
        view=view,
        lines=[*reversed(view.days)],
        time_of=words.clock,
        problem=problem,
        may_change=viewer.may(Right.PLAYBOOKS),
    )


def _look(context: Context, viewer: Viewer, resident_id: str) -> tuple[str | None, list[LookReason]]:
    """The name, where there is a reason to see it (and the look is written down); else the reasons."""
    moment = now()
    with context.database.write() as session:
        task = service.live_task(session, viewer, resident_id)
        reason = f"task {task}" if task is not None else None
        reason = reason or looking.is_open(session, viewer, resident_id, now=moment)
        if reason is None:
            return None, current(session, ResidentPolicy).reasons
        return looking.read_again(session, viewer, resident_id, reason=reason, now=moment).name, []


def _put(context: Context, viewer: Viewer, resident_id: str, wanted: service.FixedIn) -> None:
    with context.database.write() as session:
        service.put_fixed(session, viewer, resident_id, wanted, now=now())


def _minute(text: str) -> int | None:
    """ "08:10" → 490. Raises ValueError."""
    if not text.strip():
        return None
    hours, minutes = text.split(":")[:2]
    return int(hours) * 60 + int(minutes)


def _minutes(text: str) -> int | None:
    return round(float(text) * 60) if text.strip() else None
