"""`/areas`: the tree subdistrict → community → grid, with what lies where; add, rename, move, remove."""

from collections.abc import Mapping

from fastapi import APIRouter, Request
from fastapi.responses import RedirectResponse, Response
from pydantic import ValidationError
from starlette.concurrency import run_in_threadpool

from server.audit import service as audit
from server.clock import now
from server.context import Context
from server.db.models import Area
from server.dependencies import GetContext, GetViewer
from server.errors import ConflictError, InvalidError
from server.places import service, tree
from server.places.schemas import AreaIn
from server.users.roles import Right
from server.users.viewer import Viewer
from server.web.rendering import render
from server.web.residents import form

router = APIRouter(include_in_schema=False)


@router.get("/areas", name="areas:list")
def listed(request: Request, context: GetContext, viewer: GetViewer) -> Response:
    """The tree, with how many residents, wells and gateways each area has, those below it counted in."""
    viewer.require(Right.EDIT_AREAS)
    with context.database.read() as session:
        nodes = tree.tree(session, viewer)
    whole = viewer.area_ids is None
    return render(request, "areas/list.html", viewer, here="areas:list", nodes=nodes, whole=whole)


@router.get("/areas/new", name="areas:new")
def new(request: Request, context: GetContext, viewer: GetViewer, parent: str = "") -> Response:
    """The form of a new area, in `parent`."""
    viewer.require(Right.EDIT_AREAS)
    return _form(request, context, viewer, "", {"parent_id": parent}, {})


@router.get("/areas/{key}/edit", name="areas:edit")
def edit(request: Request, context: GetContext, viewer: GetViewer, key: str) -> Response:
    """The form of one."""
    viewer.require(Right.EDIT_AREAS)
    with context.database.read() as session:
        row = service.found(session, Area, key)
        tree.require_mine(session, row)
        given = {"name": row.name, "kind": row.kind, "parent_id": row.parent_id or ""}
    return _form(request, context, viewer, key, given, {})


@router.post("/areas/new")
async def add(request: Request, context: GetContext, viewer: GetViewer) -> Response:
    """Adds an area."""
    return await _save(request, context, viewer, "")


@router.post("/areas/{key}/edit")
async def save(request: Request, context: GetContext, viewer: GetViewer, key: str) -> Response:
    """Renames an area, moves it under another, or takes it away."""
    return await _save(request, context, viewer, key)


async def _save(request: Request, context: Context, viewer: Viewer, area_id: str) -> Response:
    viewer.require(Right.EDIT_AREAS)
    fields = {name: value for name, value in (await request.form()).items() if isinstance(value, str)}

    def act() -> Response:
        errors: dict[str, str] = {}
        key = area_id or fields.get("id", "").strip()
        try:
            with context.database.write() as session:
                if area_id:
                    tree.require_mine(session, service.found(session, Area, area_id))
                else:
                    service.require_free(session, Area, key)
                if "remove" in fields and area_id:
                    service.remove_area(session, area_id)
                else:
                    service.put_area(session, key, _wanted(fields))
                action = "remove" if "remove" in fields else "write"
                audit.write(session, viewer, action=action, subject=("area", key), now=now())
        except ValidationError as error:
            errors = form.wrong(error)
        except (ConflictError, InvalidError) as error:
            errors = {str(error.details.get("where", "id")): error.message}
        if errors:
            return _form(request, context, viewer, area_id, fields, errors)
        return RedirectResponse(str(request.app.url_path_for("areas:list")), 303)

    return await run_in_threadpool(act)


def _wanted(fields: Mapping[str, str]) -> AreaIn:
    return AreaIn.model_validate(
        {
            "name": fields.get("name", ""),
            "kind": fields.get("kind", ""),
            "parent_id": fields.get("parent_id") or None,
        }
    )


def _form(
    request: Request,
    context: Context,
    viewer: Viewer,
    area_id: str,
    given: Mapping[str, str],
    errors: Mapping[str, str],
) -> Response:
    with context.database.read() as session:
        nodes = tree.tree(session, viewer)
        held = tree.contents(session, area_id) if area_id else {}
    above = {node.id: node for node in nodes}.get(given.get("parent_id", ""))
    suits = tree.RANKS[min(tree.RANKS.index(above.kind) + 1, len(tree.RANKS) - 1)] if above else tree.RANKS[0]
    return render(
        request,
        "areas/edit.html",
        viewer,
        status=422 if errors else 200,
        here="areas:list",
        area_id=area_id,
        given={"kind": suits, **given},
        errors=errors,
        kinds=tree.RANKS,
        nodes=[node for node in nodes if node.kind != tree.RANKS[-1] and node.id != area_id],
        held=held,
        whole=viewer.area_ids is None,
    )
