"""`/people`: who works here and who helps; `/me`: what everybody changes of themselves."""

from collections.abc import Mapping
from typing import Annotated, Any, Final

from fastapi import APIRouter, Form, Request
from fastapi.responses import RedirectResponse, Response
from pydantic import ValidationError
from sqlalchemy import select

from server.clock import now
from server.context import Context
from server.db.models import Area, Station, User
from server.dependencies import GetContext, GetViewer
from server.errors import ConflictError, ForbiddenError, InvalidError
from server.notify.channels import AddressBook
from server.users import own, people, sessions
from server.users.people import Person, PersonIn
from server.users.roles import Right, Role
from server.users.viewer import Viewer
from server.web.rendering import render

router = APIRouter(include_in_schema=False)
_WRONG: Final = 422
FIELDS: Final = (
    "name",
    "role",
    "login",
    "language",
    "phone",
    "area_id",
    "station_id",
    "latitude",
    "longitude",
)
TICKS: Final = ("logs_in", "on_duty", "volunteer", "disabled")


@router.get("/people", name="people:list")
def listed(request: Request, context: GetContext, viewer: GetViewer, q: str = "", role: str = "") -> Response:
    """Everybody, by name."""
    with context.database.read() as session:
        found = people.listed(session, viewer, q=q.strip(), role=role)
        known = AddressBook.of(context.settings).known(session)
    return render(
        request,
        "people/list.html",
        viewer,
        here="people:list",
        people=found,
        unreachable={
            each.id for each in found if not each.disabled and not known.ways(each.login or "", each.role)
        },
        links=known.links,
        places=_places(context),
        q=q,
        role=role,
        roles=list(Role),
    )


@router.get("/people/new", name="people:new")
def new(request: Request, context: GetContext, viewer: GetViewer) -> Response:
    """The empty form."""
    viewer.require(Right.EDIT_PEOPLE)
    fields = dict.fromkeys(FIELDS, "") | {"role": Role.CARER, "language": "zh", "logs_in": "1"}
    return _form(request, context, viewer, None, fields)


@router.get("/people/{user_id:int}", name="people:edit")
def edit(request: Request, context: GetContext, viewer: GetViewer, user_id: int) -> Response:
    """The form of one person."""
    with context.database.read() as session:
        person = people.one(session, viewer, user_id)
    return _form(request, context, viewer, user_id, _fields(person))


@router.post("/people/new", name="people:add")
async def add(request: Request, context: GetContext, viewer: GetViewer) -> Response:
    """Adds a person."""
    return await _save(request, context, viewer, None)


@router.post("/people/{user_id:int}", name="people:save")
async def save(request: Request, context: GetContext, viewer: GetViewer, user_id: int) -> Response:
    """Writes a person anew."""
    return await _save(request, context, viewer, user_id)


@router.get("/me", name="people:me")
def me(request: Request, context: GetContext, viewer: GetViewer) -> Response:
    """Your own telephone, language and password."""
    return _me(request, context, viewer)


@router.post("/me", name="people:own")
def change_me(
    request: Request,
    context: GetContext,
    viewer: GetViewer,
    language: Annotated[str, Form()] = "",
    phone: Annotated[str, Form(max_length=40)] = "",
    old: Annotated[str, Form()] = "",
    new_password: Annotated[str, Form()] = "",
) -> Response:
    """Saves them. After a new password one logs in again."""
    try:
        with context.database.write() as session:
            own.change(
                session,
                viewer,
                language=language or None,
                phone=phone.strip(),
                old_password=old,
                new_password=new_password,
                now=now(),
            )
    except InvalidError as error:
        return _me(request, context, viewer, [error.message])
    if not new_password:
        return _me(request, context, viewer, saved=True)
    response = RedirectResponse(str(request.app.url_path_for("login:form")), 303)
    response.delete_cookie(sessions.COOKIE)
    return response


async def _save(request: Request, context: Context, viewer: Viewer, user_id: int | None) -> Response:
    viewer.require(Right.EDIT_PEOPLE)
    form = await request.form()
    fields = {name: value.strip() for name, value in form.items() if isinstance(value, str)}
    try:
        wanted = PersonIn.model_validate(_document(fields))
        with context.database.write() as session:
            if user_id is None:
                people.add(session, viewer, wanted, now=now())
            else:
                people.edit(session, viewer, user_id, wanted, now=now())
    except ValidationError as error:
        problems = [
            f"{'.'.join(map(str, each['loc']))}: {each['msg'].removeprefix('Value error, ')}"
            for each in error.errors(include_url=False, include_input=False)
        ]
        return _form(request, context, viewer, user_id, fields, problems)
    except (ConflictError, ForbiddenError, InvalidError) as error:
        return _form(request, context, viewer, user_id, fields, [error.message])
    return RedirectResponse(str(request.app.url_path_for("people:list")), 303)


def _document(fields: Mapping[str, str]) -> dict[str, Any]:
    words = fields.get("skills", "").replace("，", " ").replace(",", " ").split()
    return {
        **{name: fields[name] for name in FIELDS if fields.get(name)},
        **{name: name in fields for name in TICKS},
        "password": fields.get("password") or None,
        "skills": words,
    }


def _fields(person: Person) -> dict[str, str]:
    values = person.model_dump()
    found = {name: "" if values[name] is None else str(values[name]) for name in FIELDS}
    found |= {name: "1" for name in TICKS if values[name]}
    return found | {"skills": " ".join(person.skills)}


def _form(
    request: Request,
    context: Context,
    viewer: Viewer,
    user_id: int | None,
    fields: Mapping[str, str],
    problems: list[str] | None = None,
) -> Response:
    with context.database.read() as session:
        skills = people.skills(session)
        areas = session.execute(
            select(Area.id, Area.name, Area.kind).order_by(Area.kind.desc(), Area.name)
        ).all()
        stations = session.execute(select(Station.id, Station.name).order_by(Station.name)).all()
    return render(
        request,
        "people/edit.html",
        viewer,
        status=_WRONG if problems else 200,
        here="people:list",
        user_id=user_id,
        fields=fields,
        skills=skills,
        areas=areas,
        stations=stations,
        roles=[role for role in Role if role is not Role.ADMINISTRATOR or viewer.may(Right.MANAGE_USERS)],
        problems=problems or [],
    )


def _me(
    request: Request,
    context: Context,
    viewer: Viewer,
    problems: list[str] | None = None,
    *,
    saved: bool = False,
) -> Response:
    with context.database.read() as session:
        user = session.get_one(User, viewer.user_id)
    return render(
        request,
        "people/me.html",
        viewer,
        here="people:me",
        status=_WRONG if problems else 200,
        user=user,
        problems=problems or [],
        saved=saved,
    )


def _places(context: Context) -> dict[str, str]:
    with context.database.read() as session:
        return {row.id: row.name for row in session.execute(select(Area.id, Area.name))} | {
            row.id: row.name for row in session.execute(select(Station.id, Station.name))
        }
