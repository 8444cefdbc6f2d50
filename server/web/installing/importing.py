"""`/install/import` and `/install/labels`: many at once, on a desk's screen."""

from typing import Literal

from fastapi import APIRouter, Request
from fastapi.responses import Response
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import UploadFile

from server.clock import now
from server.context import Context
from server.dependencies import GetContext, GetViewer
from server.importing import service
from server.importing.routes import labels_answer, template_answer
from server.importing.service import Report
from server.importing.tables import KINDS, MOST_BYTES
from server.users.roles import Right
from server.users.viewer import Viewer
from server.web.rendering import render

router = APIRouter(include_in_schema=False)
_FORM_BYTES = 10_000


@router.get("/install/import", name="install:import")
def form(request: Request, viewer: GetViewer, kind: str = "") -> Response:
    """The form; `kind` is chosen beforehand."""
    service.may_import(viewer)
    return _form(request, viewer, None, chosen=kind)


@router.post("/install/import")
async def send(request: Request, context: GetContext, viewer: GetViewer) -> Response:
    """Checks the file; writes it where that was asked and nothing is wrong."""
    service.may_import(viewer)
    size = request.headers.get("content-length", "")
    if not size.isdecimal() or int(size) > MOST_BYTES + _FORM_BYTES:
        wrong = f"the file is too large: at most {MOST_BYTES // 1_000_000} MB"
        return _form(request, viewer, None, wrong=wrong, status=413)
    async with request.form(max_files=1, max_fields=5) as sent:
        upload = sent.get("file")
        name, data = (
            (upload.filename or "", await upload.read()) if isinstance(upload, UploadFile) else ("", b"")
        )
        kind = str(sent.get("kind", "")) or None
        apply = sent.get("mode") == "apply"
    return await run_in_threadpool(_send, request, context, viewer, name, data, kind, apply)


@router.get("/install/import/{file}", name="install:template")
def template(viewer: GetViewer, file: str) -> Response:
    """An empty table."""
    service.may_import(viewer)
    return template_answer(file)


@router.get("/install/labels", name="install:labels")
def labels(
    context: GetContext,
    viewer: GetViewer,
    kind: Literal["position", "device"] = "position",
    position: str = "",
) -> Response:
    """Labels as a PDF: all positions', or one's."""
    viewer.require(Right.REGISTER)
    return labels_answer(context, kind, [position] if position else None)


def _send(
    request: Request,
    context: Context,
    viewer: Viewer,
    name: str,
    data: bytes,
    kind: str | None,
    apply: bool,
) -> Response:
    kind = kind if kind in KINDS else None
    report = service.run(context, viewer, name=name, data=data, kind=kind, apply=apply, now=now())
    return _form(request, viewer, report, chosen=kind or "", status=422 if report.errors else 200)


def _form(
    request: Request,
    viewer: Viewer,
    report: Report | None,
    *,
    chosen: str = "",
    wrong: str = "",
    status: int = 200,
) -> Response:
    return render(
        request,
        "install/import.html",
        viewer,
        status=status,
        here="install:list" if viewer.may(Right.REGISTER) else "areas:list",
        report=report,
        kinds=service.kinds_of(viewer),
        installs=viewer.may(Right.REGISTER),
        chosen=chosen,
        wrong=wrong,
    )
