"""`/api/v1/people`: what managers write of people; `/api/v1/me`: what everybody changes of themselves."""

from typing import Annotated

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field, SecretStr

from server.clock import now
from server.dependencies import GetContext, GetViewer
from server.users import own, people
from server.users.people import Person, PersonIn

router = APIRouter(tags=["people"])


class OwnIn(BaseModel):
    """What somebody changes of themselves; what is left out stays. A new password needs the old one."""

    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True)

    language: Annotated[str, Field(pattern="^(zh|en)$")] | None = None
    phone: Annotated[str, Field(max_length=40, pattern=r"^[\d +()-]*$")] | None = None
    old_password: SecretStr | None = None
    new_password: SecretStr | None = None


@router.get("/people")
def list_people(context: GetContext, viewer: GetViewer, q: str = "", role: str = "") -> list[Person]:
    """Everybody, those who still work here first."""
    with context.database.read() as session:
        return people.listed(session, viewer, q=q, role=role)


@router.get("/people/{user_id}")
def get_person(context: GetContext, viewer: GetViewer, user_id: int) -> Person:
    """One person."""
    with context.database.read() as session:
        return people.one(session, viewer, user_id)


@router.post("/people", status_code=201)
def add_person(context: GetContext, viewer: GetViewer, body: PersonIn) -> Person:
    """Adds a person, with or without a log-in."""
    with context.database.write() as session:
        return people.add(session, viewer, body, now=now())


@router.put("/people/{user_id}")
def put_person(context: GetContext, viewer: GetViewer, user_id: int, body: PersonIn) -> Person:
    """Writes a person anew."""
    with context.database.write() as session:
        return people.edit(session, viewer, user_id, body, now=now())


@router.patch("/me", status_code=204)
def change_me(context: GetContext, viewer: GetViewer, body: OwnIn) -> None:
    """Your language, telephone, password."""
    with context.database.write() as session:
        own.change(
            session,
            viewer,
            language=body.language,
            phone=body.phone,
            old_password=body.old_password.get_secret_value() if body.old_password else "",
            new_password=body.new_password.get_secret_value() if body.new_password else "",
            now=now(),
        )
