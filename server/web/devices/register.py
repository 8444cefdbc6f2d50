"""`/devices/new`: a position and its device in one form, with all mistakes told at once."""

from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import RedirectResponse, Response
from sqlalchemy.orm import Session
from starlette.concurrency import run_in_threadpool

from server.clock import now
from server.context import Context
from server.dependencies import GetContext, GetViewer
from server.devices import service
from server.errors import ConflictError, InvalidError
from server.places import lists
from server.places.service import put_position
from server.users.roles import Right
from server.users.viewer import Viewer
from server.web.devices.form import ADDRESS_FIELDS, Checked, check, field_of
from server.web.i18n import knows, say
from server.web.rendering import language_of, render

router = APIRouter(include_in_schema=False)


@router.get("/devices/new", name="devices:new")
def form(request: Request, context: GetContext, viewer: GetViewer) -> Response:
    """The form. Without a script, choosing a profile and sending shows the fields that it needs."""
    viewer.require(Right.REGISTER)
    return _form(request, context, viewer, dict(request.query_params), {})


@router.post("/devices/new", name="devices:create")
async def create(request: Request, context: GetContext, viewer: GetViewer) -> Response:
    """Registers both, or says everything that is wrong."""
    viewer.require(Right.REGISTER)
    sent = await request.form()
    given = {name: value for name, value in sent.items() if isinstance(value, str)}
    return await run_in_threadpool(_create, request, context, viewer, given)


def _create(request: Request, context: Context, viewer: Viewer, given: dict[str, str]) -> Response:
    checked = check(given, context.catalogue.get(given.get("profile", "")))
    errors = dict(checked.errors)
    if not errors:
        errors = _register(context, checked)
    if errors:
        return _form(request, context, viewer, given, errors, status=422)
    there = request.app.url_path_for("devices:detail", device_id=checked.device_id)
    return RedirectResponse(f"{there}?done=true", 303)


def _register(context: Context, checked: Checked) -> dict[str, str]:
    """All or nothing: a position without its device would protect nobody."""
    assert checked.position is not None
    assert checked.device is not None
    try:
        with context.database.write() as session:
            put_position(session, checked.position_id, checked.position, now=now())
            service.register(
                session, checked.device_id, checked.device, catalogue=context.catalogue, now=now()
            )
    except (InvalidError, ConflictError) as error:
        found: list[dict[str, str]] = error.details.get("errors") or [
            {"where": str(error.details.get("where", "")), "message": error.message}
        ]
        return {_field(problem["where"]): problem["message"] for problem in found}
    return {}


def _field(where: str) -> str:
    names = {"id": "device_id", "resident_id": "subject", "well_id": "subject", "address.": "topic"}
    return names.get(where) or field_of(where)


def _form(
    request: Request,
    context: Context,
    viewer: Viewer,
    given: dict[str, str],
    errors: dict[str, str],
    *,
    status: int = 200,
) -> Response:
    with context.database.read() as session:
        choices = _choices(session, viewer)
    language = language_of(request, viewer)
    return render(
        request,
        "devices/new.html",
        viewer,
        status=status,
        here="devices:list",
        given=given,
        errors={name: _words(language, text) for name, text in errors.items()},
        profiles=list(context.catalogue.values()),
        chosen=context.catalogue.get(given.get("profile", "")),
        address_fields=ADDRESS_FIELDS,
        **choices,
    )


def _words(language: str, text: str) -> str:
    return say(language, f"error.{text}") if knows(f"error.{text}") else text


def _choices(session: Session, viewer: Viewer) -> dict[str, Any]:
    return {
        "areas": lists.areas(session),
        "gateways": lists.gateways(session),
        "residents": lists.residents(session, masked=not viewer.may(Right.VIEW_RESIDENTS)),
        "wells": lists.wells(session),
    }
