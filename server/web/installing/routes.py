"""`/install`: scan, choose the position, install or replace."""

from typing import Any
from urllib.parse import quote

from fastapi import APIRouter, Request
from fastapi.responses import RedirectResponse, Response
from pydantic import ValidationError
from starlette.concurrency import run_in_threadpool

from server.clock import now
from server.commissioning import hardware, repository, views
from server.commissioning.codes import Code, parse
from server.commissioning.hardware import HardwareIn, Named, SwapIn
from server.commissioning.routes import begin
from server.commissioning.states import Protection
from server.context import Context
from server.db.models import Device
from server.dependencies import GetContext, GetViewer
from server.errors import ConflictError, InvalidError
from server.found import repository as found_records
from server.users.roles import Right
from server.users.viewer import Viewer
from server.web.installing.importing import router as importing
from server.web.installing.tests import router as tests
from server.web.rendering import render

router = APIRouter(include_in_schema=False)
router.include_router(tests)
router.include_router(importing)
REASONS = ("broken", "battery", "damaged", "lost", "other")
MOST_SHOWN = 200
"""Positions on one page: a telephone shows no more, the search narrows."""


@router.get("/install", name="install:list")
def listed(
    request: Request, context: GetContext, viewer: GetViewer, q: str = "", state: str = "", code: str = ""
) -> Response:
    """Where to begin: scan, or choose a position."""
    viewer.require(Right.REGISTER)
    return _list(request, context, viewer, q=q, state=state, code=code)


@router.post("/install/scan", name="install:scan")
async def scan(request: Request, context: GetContext, viewer: GetViewer) -> Response:
    """Leads a code to its position, or asks for one."""
    viewer.require(Right.REGISTER)
    sent = await request.form()
    text = str(sent.get("code", "")).strip()
    return await run_in_threadpool(_scanned, request, context, viewer, text)


@router.get("/install/positions/{position_id}", name="install:position")
def position(
    request: Request, position_id: str, context: GetContext, viewer: GetViewer, code: str = ""
) -> Response:
    """One position: what is there, and the next step."""
    viewer.require(Right.REGISTER)
    return _position(request, context, viewer, position_id, {"code": code}, "")


@router.get("/install/positions/{position_id}/swap", name="install:swap_form")
def swap_form(
    request: Request, position_id: str, context: GetContext, viewer: GetViewer, code: str = ""
) -> Response:
    """Replacing: why, and by what."""
    viewer.require(Right.REGISTER)
    return _position(request, context, viewer, position_id, {"code": code}, "", swap=True)


@router.post("/install/positions/{position_id}/install", name="install:install")
async def install(request: Request, position_id: str, context: GetContext, viewer: GetViewer) -> Response:
    """Puts hardware at an empty position, and leads on to its test."""
    viewer.require(Right.REGISTER)
    given = await _given(request)
    return await run_in_threadpool(_put, request, context, viewer, position_id, given, False)


@router.post("/install/positions/{position_id}/swap", name="install:swap")
async def swap(request: Request, position_id: str, context: GetContext, viewer: GetViewer) -> Response:
    """Replaces the hardware, and leads on to its test."""
    viewer.require(Right.REGISTER)
    given = await _given(request)
    return await run_in_threadpool(_put, request, context, viewer, position_id, given, True)


@router.post("/install/positions/{position_id}/test", name="install:start")
async def start(request: Request, position_id: str, context: GetContext, viewer: GetViewer) -> Response:
    """Starts the test, or goes on with the one that runs."""
    viewer.require(Right.REGISTER)
    try:
        test_id = await begin(context, viewer, position_id)
    except ConflictError as error:
        return await run_in_threadpool(
            _position, request, context, viewer, position_id, {}, error.message, status=409
        )
    return RedirectResponse(request.app.url_path_for("install:test", test_id=test_id), 303)


async def _given(request: Request) -> dict[str, str]:
    sent = await request.form()
    return {name: value.strip() for name, value in sent.items() if isinstance(value, str)}


def _scanned(request: Request, context: Context, viewer: Viewer, text: str) -> Response:
    try:
        code = parse(text)
    except InvalidError as error:
        return _list(request, context, viewer, code=text, wrong=error.message, status=422)
    with context.database.read() as session:
        named = hardware.look_up(session, code)
    path = request.app.url_path_for
    if named.position_id is not None:
        return RedirectResponse(path("install:position", position_id=named.position_id), 303)
    return RedirectResponse(f"{path('install:list')}?code={quote(text)}", 303)


def _list(
    request: Request,
    context: Context,
    viewer: Viewer,
    *,
    q: str = "",
    state: str = "",
    code: str = "",
    wrong: str = "",
    status: int = 200,
) -> Response:
    read, named = _read(context, code) if code and not wrong else (None, Named())
    if read is not None and not state:
        state = Protection.NOT_INSTALLED
    with context.database.read() as session:
        everything = views.positions(session, catalogue=context.catalogue, now=now())
        waiting = found_records.count_pending(session)
    words = q.casefold().split()
    shown = [
        view
        for view in everything
        if state in ("", view.standing.state)
        and all(word in f"{view.id} {view.name} {view.place} {view.area}".casefold() for word in words)
    ]
    counts = {one: sum(view.standing.state is one for view in everything) for one in views.ORDER}
    return render(
        request,
        "install/list.html",
        viewer,
        status=status,
        here="install:list",
        positions=shown[:MOST_SHOWN],
        more=max(0, len(shown) - MOST_SHOWN),
        running=[view for view in everything if view.standing.test_id is not None],
        counts=counts,
        asked={"q": q, "state": state, "code": code},
        read=read,
        named=named,
        waiting=waiting,
        wrong=wrong,
    )


def _read(context: Context, text: str) -> tuple[Code | None, Named]:
    try:
        code = parse(text)
    except InvalidError:
        return None, Named()
    with context.database.read() as session:
        return code, hardware.look_up(session, code)


def _put(
    request: Request,
    context: Context,
    viewer: Viewer,
    position_id: str,
    given: dict[str, str],
    swapping: bool,
) -> Response:
    values: dict[str, Any] = {
        "found_id": given.get("found_id") or None,
        "code": "" if given.get("found_id") else given.get("code", ""),
        "address": {"topic": given["topic"]} if given.get("topic") else None,
    }
    try:
        with context.database.write() as session:
            if swapping:
                asked = SwapIn.model_validate({**values, "reason": given.get("reason", "broken")})
                hardware.swap(session, viewer, position_id, asked, catalogue=context.catalogue, now=now())
            else:
                new = HardwareIn.model_validate(values)
                hardware.install(session, viewer, position_id, new, catalogue=context.catalogue, now=now())
    except (InvalidError, ConflictError) as error:
        return _position(
            request, context, viewer, position_id, given, error.message, swap=swapping, status=422
        )
    except ValidationError as error:
        wrong = "; ".join(f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in error.errors())
        return _position(request, context, viewer, position_id, given, wrong, swap=swapping, status=422)
    return RedirectResponse(request.app.url_path_for("install:position", position_id=position_id), 303)


def _position(
    request: Request,
    context: Context,
    viewer: Viewer,
    position_id: str,
    given: dict[str, str],
    wrong: str,
    *,
    swap: bool = False,
    status: int = 200,
) -> Response:
    with context.database.read() as session:
        view = views.position(session, position_id, catalogue=context.catalogue, now=now())
        tests_done = [
            views.trial(session, row.id, catalogue=context.catalogue, now=now())
            for row in repository.of_position(session, position_id, limit=10)
        ]
        late = repository.late_messages(session, position_id)
        device = session.get(Device, view.standing.device_id) if view.standing.device_id else None
        wants_device = swap or view.standing.state is Protection.NOT_INSTALLED
        pending = found_records.listed(session, pending=True) if wants_device else []
    profile = context.catalogue.get(device.profile) if device is not None else None
    return render(
        request,
        "install/swap.html" if swap else "install/position.html",
        viewer,
        status=status,
        here="install:list",
        position=view,
        device=device,
        profile=profile,
        tests=tests_done,
        late=late,
        texts=context.texts,
        pending=pending,
        reasons=REASONS,
        given=given,
        wrong=wrong,
    )
