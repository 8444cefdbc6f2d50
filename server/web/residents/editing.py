"""`/residents/new`, `…/edit` and `…/erase`."""

from collections.abc import Mapping
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import RedirectResponse, Response
from pydantic import ValidationError
from sqlalchemy import select
from starlette.concurrency import run_in_threadpool

from server.audit import service as audit
from server.clock import now
from server.context import Context
from server.db.models import Contact, Resident, User
from server.dependencies import GetContext, GetViewer
from server.errors import ConflictError, InvalidError, ServerError
from server.places import lists as places
from server.places.service import found, put_resident, require_free
from server.residents import contacts, erasure, looking, retention
from server.users import reach
from server.users.roles import Right
from server.users.viewer import Viewer
from server.web.rendering import render
from server.web.residents import form
from server.web.residents.routes import HERE, back

router = APIRouter(include_in_schema=False)


@router.get("/residents/new", name="residents:new")
def new(request: Request, context: GetContext, viewer: GetViewer) -> Response:
    """The form of a new resident."""
    viewer.require(Right.EDIT_RESIDENTS)
    return _form(request, context, viewer, "", {"risk": "normal"}, [], {})


@router.post("/residents/new", name="residents:create")
async def create(request: Request, context: GetContext, viewer: GetViewer) -> Response:
    """Adds a resident."""
    viewer.require(Right.EDIT_RESIDENTS)
    fields = {name: value for name, value in (await request.form()).items() if isinstance(value, str)}
    return await run_in_threadpool(_save, request, context, viewer, "", fields)


@router.get("/residents/{resident_id}/edit", name="residents:edit")
def edit(request: Request, context: GetContext, viewer: GetViewer, resident_id: str) -> Response:
    """The form; it shows the details, so they have to be open, and the look is written down."""
    viewer.require(Right.EDIT_RESIDENTS)
    moment = now()
    with context.database.write() as session:
        reason = looking.is_open(session, viewer, resident_id, now=moment)
        if reason is None:
            return back(request, resident_id)
        row = looking.read_again(session, viewer, resident_id, reason=reason, now=moment)
        known = [_contact(one) for one in contacts.of(session, resident_id)]
        columns = Resident.__mapper__.column_attrs
        given = {
            column.key: "" if (value := getattr(row, column.key)) is None else str(value)
            for column in columns
        }
    return _form(request, context, viewer, resident_id, given, known, {})


@router.post("/residents/{resident_id}/edit", name="residents:save")
async def save(request: Request, context: GetContext, viewer: GetViewer, resident_id: str) -> Response:
    """Corrects a resident."""
    viewer.require(Right.EDIT_RESIDENTS)
    fields = {name: value for name, value in (await request.form()).items() if isinstance(value, str)}
    return await run_in_threadpool(_save, request, context, viewer, resident_id, fields)


@router.get("/residents/{resident_id}/erase", name="residents:erase")
def ask(request: Request, context: GetContext, viewer: GetViewer, resident_id: str) -> Response:
    """Asks whether it is meant, and says what goes and what stays."""
    viewer.require(Right.PRIVACY)
    return _ask(request, context, viewer, resident_id)


@router.post("/residents/{resident_id}/erase", name="residents:erase_now")
async def erase(request: Request, context: GetContext, viewer: GetViewer, resident_id: str) -> Response:
    """Erases for good what makes the resident a person."""
    viewer.require(Right.PRIVACY)
    confirm = (await request.form()).get("confirm", "")

    def act() -> Response:
        if confirm != resident_id:
            wrong = InvalidError("write the id exactly as it stands above", where="confirm")
            return _ask(request, context, viewer, resident_id, wrong)
        try:
            with context.database.write() as session:
                names = erasure.erase(session, viewer, resident_id, now=now())
        except ConflictError as error:
            return _ask(request, context, viewer, resident_id, error)
        retention.forget_files(context.settings.effective_photos, names)
        return RedirectResponse(str(request.app.url_path_for(HERE)), 303)

    return await run_in_threadpool(act)


def _save(
    request: Request, context: Context, viewer: Viewer, resident_id: str, fields: Mapping[str, str]
) -> Response:
    key = resident_id or fields.get("id", "").strip()
    errors: dict[str, str] = {}
    try:
        wanted = form.resident(fields)
        with context.database.write() as session:
            if not resident_id:
                require_free(session, Resident, key)
            put_resident(session, key, wanted, now=now())
            audit.write(session, viewer, action="write", subject=("resident", key), now=now())
    except ValidationError as error:
        errors = form.wrong(error)
    except (ConflictError, InvalidError) as error:
        errors = {str(error.details.get("where", "id")): error.message}
    if not errors:
        return back(request, key)
    rows: list[Mapping[str, str]] = [
        {
            name: fields.get(f"{name}_{row}", "")
            for name in ("relation", "name", "phone", "holds_key", "user_id")
        }
        for row in range(form.CONTACTS)
        if fields.get(f"name_{row}")
    ]
    return _form(request, context, viewer, resident_id, fields, rows, errors)


def _contact(row: Contact) -> Mapping[str, str]:
    return {
        "relation": row.relation,
        "name": row.name,
        "phone": row.phone,
        "holds_key": "1" if row.holds_key else "",
        "user_id": str(row.user_id or ""),
    }


def _form(
    request: Request,
    context: Context,
    viewer: Viewer,
    resident_id: str,
    given: Mapping[str, str],
    known: list[Mapping[str, str]],
    errors: Mapping[str, str],
) -> Response:
    with context.database.read() as session:
        areas = places.areas(session)
        people = session.execute(
            select(User.id, User.name)
            .where(User.disabled_at.is_(None), reach.serving(viewer))
            .order_by(User.name)
        ).all()
    values: dict[str, Any] = {
        "resident_id": resident_id,
        "given": given,
        "rows": form.contact_rows(known),
        "errors": errors,
        "areas": areas,
        "people": [(str(row.id), row.name) for row in people],
    }
    return render(request, "residents/edit.html", viewer, status=422 if errors else 200, here=HERE, **values)


def _ask(
    request: Request,
    context: Context,
    viewer: Viewer,
    resident_id: str,
    problem: ServerError | None = None,
) -> Response:
    with context.database.read() as session:
        name = found(session, Resident, resident_id).name
        still = erasure.attached(session, resident_id)
    return render(
        request,
        "residents/erase.html",
        viewer,
        status=problem.status if problem else 200,
        here=HERE,
        resident_id=resident_id,
        name=name,
        still=still,
        problem=problem.message if problem else "",
    )
