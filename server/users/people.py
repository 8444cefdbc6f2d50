"""What managers write of people: role, area, station, skills, telephone, duty, volunteering, log-in."""

import secrets
from collections.abc import Sequence
from datetime import datetime
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, SecretStr, model_validator
from sqlalchemy import delete, or_, select
from sqlalchemy.orm import Session

from server.audit import service as audit
from server.db.models import ApiToken, Area, Responder, Skill, Station, User, WebSession
from server.errors import ConflictError, ForbiddenError, InvalidError, NotFoundError
from server.users import reach, service
from server.users.roles import LINKS_ONLY, Right, Role
from server.users.viewer import Viewer

LOGIN = r"^[\w.@-]+$"
SkillName = Annotated[str, Field(min_length=1, max_length=40, pattern=r"^[\w-]+$")]


class PersonIn(BaseModel):
    """A person as managers write them. Without `login` one is made; without `password` nobody logs in with
    it, or (of a person who is there) it stays as it is."""

    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True)

    name: Annotated[str, Field(min_length=1, max_length=60)]
    role: Role
    login: Annotated[str, Field(max_length=40, pattern=LOGIN)] | None = None
    password: SecretStr | None = None
    logs_in: bool = True
    language: Annotated[str, Field(pattern="^(zh|en)$")] = "zh"
    phone: Annotated[str, Field(max_length=40, pattern=r"^[\d +()-]*$")] = ""
    area_id: str | None = None
    station_id: str | None = None
    skills: Annotated[list[SkillName], Field(max_length=20)] = []
    on_duty: bool = False
    volunteer: bool = False
    latitude: Annotated[float, Field(ge=-90, le=90)] | None = None
    longitude: Annotated[float, Field(ge=-180, le=180)] | None = None
    disabled: bool = False

    @model_validator(mode="after")
    def _fits(self) -> "PersonIn":
        if (self.latitude is None) != (self.longitude is None):
            raise ValueError("latitude and longitude belong together")
        if self.volunteer and self.latitude is None:
            raise ValueError("a volunteer needs a place: latitude and longitude")
        if self.role in LINKS_ONLY and self.password is not None:
            raise ValueError(f"a {self.role} has no log-in: messages bring them links")
        return self


class Person(PersonIn):
    """A person as they are. `password` is never told; `logs_in` says whether there is one."""

    id: int


def listed(session: Session, viewer: Viewer, *, q: str = "", role: str = "") -> list[Person]:
    """Everybody, those who still work here first, by name; those whose name or login holds `q`."""
    viewer.require(Right.EDIT_PEOPLE)
    query = select(User).order_by(User.disabled_at.is_not(None), User.name, User.id)
    query = query.where(reach.condition(viewer, User, changing=True))
    if q:
        query = query.where(
            or_(User.name.contains(q, autoescape=True), User.login.contains(q, autoescape=True))
        )
    if role:
        query = query.where(User.role == role)
    return _people(session, session.scalars(query).all())


def one(session: Session, viewer: Viewer, user_id: int) -> Person:
    """One person. Raises NotFoundError."""
    viewer.require(Right.EDIT_PEOPLE)
    user = session.get(User, user_id)
    if user is None:
        raise NotFoundError(f"there is no person {user_id}")
    return _people(session, [user])[0]


def add(session: Session, viewer: Viewer, wanted: PersonIn, *, now: datetime) -> Person:
    """Adds a person. Raises ForbiddenError, ConflictError (login taken), InvalidError."""
    viewer.require(Right.EDIT_PEOPLE)
    _check(session, viewer, wanted, wanted.role)
    login = wanted.login or f"p-{secrets.token_hex(4)}"
    if service.by_login(session, login) is not None:
        raise ConflictError(f"the login {login!r} is taken: choose another")
    user = User(login=login, name=wanted.name, role=wanted.role, password_hash="", created_at=now)
    session.add(user)
    session.flush()
    _write(session, viewer, user, wanted, now=now)
    audit.write(
        session, viewer, action="person_added", subject=("user", str(user.id)), now=now, role=wanted.role
    )
    return _people(session, [user])[0]


def edit(session: Session, viewer: Viewer, user_id: int, wanted: PersonIn, *, now: datetime) -> Person:
    """Writes a person anew. Who is disabled, loses the password or gets another is logged out everywhere.

    Raises NotFoundError, ForbiddenError (an administrator is for administrators), ConflictError (login
    taken), InvalidError (yourself, an unknown place).
    """
    viewer.require(Right.EDIT_PEOPLE)
    user = session.get(User, user_id, with_for_update=True)
    if user is None:
        raise NotFoundError(f"there is no person {user_id}")
    _check(session, viewer, wanted, Role(user.role))
    if user.id == viewer.user_id and (wanted.disabled or wanted.role != user.role or not wanted.logs_in):
        raise InvalidError("you can't take your own log-in or role away: ask another manager")
    if wanted.login and wanted.login != user.login:
        if service.by_login(session, wanted.login) is not None:
            raise ConflictError(f"the login {wanted.login!r} is taken: choose another")
        user.login = wanted.login
    before = (user.role, user.area_id, user.station_id, user.disabled_at is not None)
    _write(session, viewer, user, wanted, now=now)
    after = (user.role, user.area_id, user.station_id, user.disabled_at is not None)
    audit.write(
        session,
        viewer,
        action="person_changed",
        subject=("user", str(user.id)),
        now=now,
        before=list(before),
        after=list(after),
        password=wanted.password is not None,
    )
    return _people(session, [user])[0]


def end_log_ins(session: Session, user_id: int, *, now: datetime) -> None:
    """Ends all log-ins of a person and takes back the API tokens that act as them."""
    session.execute(delete(WebSession).where(WebSession.user_id == user_id))
    tokens = select(ApiToken).where(ApiToken.user_id == user_id, ApiToken.revoked_at.is_(None))
    for token in session.scalars(tokens):
        token.revoked_at = now


def skills(session: Session) -> Sequence[str]:
    """The skills that anybody has, by name."""
    return session.scalars(select(Skill.skill).distinct().order_by(Skill.skill)).all()


def _check(session: Session, viewer: Viewer, wanted: PersonIn, before: Role) -> None:
    if Role.ADMINISTRATOR in (wanted.role, before) and not viewer.may(Right.MANAGE_USERS):
        raise ForbiddenError("administrators are added and changed by administrators alone")
    if wanted.area_id and not reach.known(session, Area, wanted.area_id):
        raise InvalidError(f"there is no area {wanted.area_id!r}")
    if not wanted.area_id and viewer.area_ids is not None:
        raise InvalidError("choose an area: people for all areas are added by who has none")
    if wanted.station_id and not reach.known(session, Station, wanted.station_id):
        raise InvalidError(f"there is no station {wanted.station_id!r}")


def _write(session: Session, viewer: Viewer, user: User, wanted: PersonIn, *, now: datetime) -> None:
    user.name, user.role, user.language, user.phone = (
        wanted.name,
        wanted.role,
        wanted.language,
        wanted.phone,
    )
    user.area_id, user.station_id = wanted.area_id or None, wanted.station_id or None
    if wanted.disabled != (user.disabled_at is not None):
        user.disabled_at = now if wanted.disabled else None
    ends = wanted.disabled
    if wanted.role in LINKS_ONLY or not wanted.logs_in:
        user.password_hash, ends = "", True
    elif wanted.password is not None:
        user.password_hash, ends = service.hashed(wanted.password.get_secret_value()), True
    if ends and user.id != viewer.user_id:
        end_log_ins(session, user.id, now=now)
    row = session.get(Responder, user.id)
    if row is None:
        row = Responder(user_id=user.id)
        session.add(row)
    row.on_duty, row.volunteer = wanted.on_duty, wanted.volunteer
    row.latitude, row.longitude = wanted.latitude, wanted.longitude
    session.execute(delete(Skill).where(Skill.user_id == user.id))
    session.add_all(Skill(user_id=user.id, skill=skill) for skill in sorted(set(wanted.skills)))
    session.flush()


def _people(session: Session, users: Sequence[User]) -> list[Person]:
    ids = [user.id for user in users]
    rows = {row.user_id: row for row in session.scalars(select(Responder).where(Responder.user_id.in_(ids)))}
    able: dict[int, list[str]] = {}
    for skill in session.scalars(select(Skill).where(Skill.user_id.in_(ids)).order_by(Skill.skill)):
        able.setdefault(skill.user_id, []).append(skill.skill)
    return [_person(user, rows.get(user.id), able.get(user.id, [])) for user in users]


def _person(user: User, row: Responder | None, able: list[str]) -> Person:
    # What was written before there were rules for it is shown as it is, not checked again.
    return Person.model_construct(
        id=user.id,
        name=user.name,
        role=Role(user.role),
        login=user.login,
        password=None,
        logs_in=user.password_hash != "",
        language=user.language,
        phone=user.phone,
        area_id=user.area_id,
        station_id=user.station_id,
        skills=able,
        on_duty=row is not None and row.on_duty,
        volunteer=row is not None and row.volunteer,
        latitude=row.latitude if row is not None else None,
        longitude=row.longitude if row is not None else None,
        disabled=user.disabled_at is not None,
    )
