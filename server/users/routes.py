"""`/api/v1/users`."""

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field, SecretStr
from sqlalchemy import select

from server.audit import service as audit
from server.clock import now
from server.db.models import User
from server.dependencies import GetContext, GetViewer
from server.errors import NotFoundError
from server.users import reach, service, sessions
from server.users.roles import Right, Role

router = APIRouter(prefix="/users", tags=["users"])


class UserIn(BaseModel):
    """A new person."""

    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True)

    login: Annotated[str, Field(min_length=2, max_length=40, pattern=r"^[\w.@-]+$")]
    name: Annotated[str, Field(min_length=1, max_length=60)]
    role: Role
    password: SecretStr
    language: str = "zh"


class UserOut(BaseModel):
    """A person."""

    model_config = ConfigDict(from_attributes=True)

    id: int
    login: str
    name: str
    role: Role
    language: str
    created_at: datetime
    disabled_at: datetime | None


class TokenIn(BaseModel):
    """A new API token for a person."""

    model_config = ConfigDict(extra="forbid")

    name: Annotated[str, Field(min_length=1, max_length=60)]
    expires_at: datetime | None = None


class TokenOut(BaseModel):
    """The token, shown this once."""

    token: str


@router.get("/me")
def who_am_i(context: GetContext, viewer: GetViewer) -> UserOut:
    """Whom you act as."""
    with context.database.read() as session:
        return UserOut.model_validate(session.get_one(User, viewer.user_id))


@router.get("")
def list_users(context: GetContext, viewer: GetViewer) -> list[UserOut]:
    """Everybody."""
    viewer.require(Right.MANAGE_USERS)
    with context.database.read() as session:
        mine = select(User).where(reach.condition(viewer, User, changing=True)).order_by(User.login)
        return [UserOut.model_validate(user) for user in session.scalars(mine)]


@router.post("", status_code=201)
def add_user(context: GetContext, viewer: GetViewer, body: UserIn) -> UserOut:
    """Adds a person."""
    viewer.require(Right.MANAGE_USERS)
    reach.require_everywhere(viewer, "people who are added without an area")
    with context.database.write() as session:
        user = service.add(
            session,
            login=body.login,
            name=body.name,
            role=body.role,
            password=body.password.get_secret_value(),
            language=body.language,
            now=now(),
        )
        audit.write(session, viewer, action="add", subject=("user", body.login), role=body.role, now=now())
        return UserOut.model_validate(user)


@router.post("/{login}/tokens", status_code=201)
def add_token(context: GetContext, viewer: GetViewer, login: str, body: TokenIn) -> TokenOut:
    """A new API token that acts as this person."""
    viewer.require(Right.MANAGE_USERS)
    with context.database.write() as session:
        user = service.by_login(session, login)
        if user is None:
            raise NotFoundError(f"there is no user {login!r}")
        token = sessions.new_token(session, user, name=body.name, expires_at=body.expires_at, now=now())
        audit.write(session, viewer, action="add_token", subject=("user", login), name=body.name, now=now())
        return TokenOut(token=token)
