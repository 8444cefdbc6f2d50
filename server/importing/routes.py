"""`/api/v1/import`: a file as the body, checked or written; `/api/v1/labels.pdf`."""

from dataclasses import asdict
from typing import Annotated, Literal

from fastapi import APIRouter, Query, Request
from fastapi.responses import JSONResponse, Response
from starlette.concurrency import run_in_threadpool

from server.clock import now
from server.commissioning.routes import limited
from server.context import Context
from server.dependencies import GetContext, GetViewer
from server.errors import NotFoundError
from server.importing import labels, service
from server.importing.tables import KINDS, MOST_BYTES, template, workbook_template
from server.users.roles import Right

router = APIRouter(tags=["import"])
XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
Kind = Literal[
    "areas", "stations", "people", "shifts", "residents", "contacts", "absences", "wells", "positions",
    "devices",
]  # fmt: skip


@router.post("/import")
async def import_file(
    request: Request,
    context: GetContext,
    viewer: GetViewer,
    name: Annotated[str, Query(max_length=200)] = "file.csv",
    kind: Kind | None = None,
    *,
    apply: bool = False,
) -> JSONResponse:
    """Checks a CSV or XLSX file (the body) and, with `apply`, writes it if nothing is wrong. 422 with all
    mistakes: sheet, row, column, what, fix."""
    service.may_import(viewer)
    data = await limited(request, MOST_BYTES)
    report = await run_in_threadpool(
        lambda: service.run(context, viewer, name=name, data=data, kind=kind, apply=apply, now=now())
    )
    return JSONResponse(asdict(report), status_code=422 if report.errors else 200)


@router.get("/import/{name}")
def get_template(viewer: GetViewer, name: str) -> Response:
    """An empty table: `template.xlsx`, or `residents.csv` and so on."""
    service.may_import(viewer)
    return template_answer(name)


@router.get("/labels.pdf")
def get_labels(
    context: GetContext,
    viewer: GetViewer,
    kind: Literal["position", "device"] = "position",
    id: Annotated[list[str] | None, Query()] = None,  # noqa: A002 - the query's name
) -> Response:
    """QR labels of positions or devices (all, or those with these ids) on A4 sheets."""
    viewer.require(Right.REGISTER)
    return labels_answer(context, kind, id)


def template_answer(name: str) -> Response:
    """A template as a download. Raises NotFoundError."""
    kind, _, ending = name.rpartition(".")
    if name == "template.xlsx":
        data, media = workbook_template(), XLSX
    elif ending == "csv" and kind in KINDS:
        data, media = template(kind), "text/csv; charset=utf-8"
    else:
        raise NotFoundError(f"there is no template {name[:60]!r}")
    return Response(data, media_type=media, headers=_named(name))


def labels_answer(context: Context, kind: Literal["position", "device"], ids: list[str] | None) -> Response:
    """Labels as a PDF. Raises InvalidError for more than fit."""
    with context.database.read() as session:
        chosen = labels.chosen(session, context.catalogue, kind=kind, ids=ids)
    return Response(labels.pdf(chosen), media_type="application/pdf", headers=_named("sunwell-labels.pdf"))


def _named(name: str) -> dict[str, str]:
    return {"Content-Disposition": f'attachment; filename="{name}"', "Cache-Control": "no-store"}
