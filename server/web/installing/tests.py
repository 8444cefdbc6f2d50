"""`/install/tests/{id}`: the press as it arrives, and the signature."""

from collections.abc import Iterator
from typing import Final

from fastapi import APIRouter, Request
from fastapi.responses import RedirectResponse, Response
from pydantic import ValidationError
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import UploadFile

from server.clock import now
from server.commissioning import photos, service, views
from server.commissioning.routes import attach_photo, photo, sign
from server.commissioning.schemas import SignIn
from server.commissioning.witness import KIND
from server.context import Context
from server.db.database import Change
from server.dependencies import GetContext, GetViewer
from server.errors import ConflictError, InvalidError
from server.users.roles import Right
from server.users.viewer import Viewer
from server.web.live.stream import Event, EventStream
from server.web.rendering import is_fragment, render

router = APIRouter(include_in_schema=False)
_FORM_BYTES: Final = 100_000
"""What the form's other fields may have beside the photo."""


@router.get("/install/tests/{test_id}", name="install:test")
def page(request: Request, test_id: int, context: GetContext, viewer: GetViewer) -> Response:
    """The test, or (to the page's own script) its progress."""
    viewer.require(Right.REGISTER)
    return _page(request, context, viewer, test_id)


@router.get("/install/tests/{test_id}/live", name="install:live")
def live(test_id: int, context: GetContext, viewer: GetViewer) -> Response:
    """That something about this test changed."""
    viewer.require(Right.REGISTER)

    def tell(change: Change) -> Iterator[Event]:
        if change.kind == KIND and change.id == str(test_id):
            yield "change", change.what

    return EventStream(context.bus, tell)


@router.post("/install/tests/{test_id}/sign", name="install:sign")
async def signed(request: Request, test_id: int, context: GetContext, viewer: GetViewer) -> Response:
    """Keeps the photo, if there is one, and signs."""
    viewer.require(Right.REGISTER)
    size = request.headers.get("content-length", "")
    if not size.isdecimal() or int(size) > photos.MOST_BYTES + _FORM_BYTES:
        wrong = f"the photo is too large: at most {photos.MOST_BYTES // 1_000_000} MB"
        return await run_in_threadpool(_page, request, context, viewer, test_id, wrong, 413)
    async with request.form(max_files=1, max_fields=10) as sent:
        upload = sent.get("photo")
        data = await upload.read() if isinstance(upload, UploadFile) else b""
        words = {name: value for name, value in sent.items() if isinstance(value, str) and value}
    return await run_in_threadpool(_sign, request, context, viewer, test_id, data, words)


@router.post("/install/tests/{test_id}/end", name="install:end")
async def ended(request: Request, test_id: int, context: GetContext, viewer: GetViewer) -> Response:
    """Ends the test without a signature: the presses were mine, or a real call."""
    viewer.require(Right.REGISTER)
    sent = await request.form()
    return await run_in_threadpool(_end, request, context, viewer, test_id, sent.get("mine") == "true")


@router.get("/install/tests/{test_id}/photo", name="install:photo")
def shown(test_id: int, context: GetContext, viewer: GetViewer) -> Response:
    """The photo. Looking is written down."""
    return photo(context, viewer, test_id)


def _sign(
    request: Request,
    context: Context,
    viewer: Viewer,
    test_id: int,
    data: bytes,
    words: dict[str, str],
) -> Response:
    words = {name: words[name] for name in ("consent", "note") if name in words}
    try:
        body = SignIn.model_validate(words)
        if data:
            attach_photo(context, test_id, data)
        sign(context, viewer, test_id, body)
    except ValidationError:
        wrong = "the consent has to be noted"
        return _page(request, context, viewer, test_id, wrong, 422)
    except (InvalidError, ConflictError) as error:
        return _page(request, context, viewer, test_id, error.message, error.status)
    return RedirectResponse(request.app.url_path_for("install:test", test_id=test_id), 303)


def _end(request: Request, context: Context, viewer: Viewer, test_id: int, mine: bool) -> Response:
    try:
        with context.database.write() as session:
            service.end(session, viewer, test_id, mine=mine, now=now())
    except ConflictError as error:
        return _page(request, context, viewer, test_id, error.message, error.status)
    return RedirectResponse(request.app.url_path_for("install:test", test_id=test_id), 303)


def _page(
    request: Request,
    context: Context,
    viewer: Viewer,
    test_id: int,
    wrong: str = "",
    status: int = 200,
) -> Response:
    with context.database.read() as session:
        view = views.trial(session, test_id, catalogue=context.catalogue, now=now())
    return render(
        request,
        "install/_progress.html" if is_fragment(request) else "install/test.html",
        viewer,
        status=status,
        here="install:list",
        view=view,
        texts=context.texts,
        wrong=wrong,
    )
