"""People: log-in and log-out, adding, listing those who can take a task."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from pwdlib import PasswordHash
from sqlalchemy import select
from sqlalchemy.orm import Session

from server.db.models import User
from server.errors import ConflictError, InvalidError, NotLoggedInError, TooManyError
from server.tasks import kinds
from server.users import reach, sessions
from server.users.roles import LINKS_ONLY, Role
from server.users.throttle import Throttle
from server.users.viewer import Viewer

MINIMUM_PASSWORD: Final = 8
_hasher = PasswordHash.recommended()
_DUMMY_HASH: Final = (
    "$argon2id$v=19$m=65536,t=3,p=4$be6+IOpmW82lSDA9EkeHYQ$KbuFEd9Km4GE2LnQmRMQhs7WBt/roGyN2Wh+eYLskME"
)
"""Of "nobody has this password". Verified where there is no such login, so that the answer takes as long and
tells nothing. Written down, since making it is a tenth of a server's start."""


def log_in(
    session: Session, throttle: Throttle, *, login: str, password: str, client: str, now: datetime
) -> str:
    """A new log-in; returns the cookie's value. Raises TooManyError (wait), NotLoggedInError (wrong)."""
    keys = (f"login {login}", f"client {client}")
    waits = max(throttle.wait(key, now=now) for key in keys)
    if waits:
        raise TooManyError(f"too many wrong passwords: wait {waits.seconds + 1} s", wait_s=waits.seconds + 1)
    user = session.scalar(select(User).where(User.login == login))
    able = user is not None and user.password_hash != "" and user.role not in LINKS_ONLY
    right = _hasher.verify(password, user.password_hash if user and able else _DUMMY_HASH)
    if user is None or not able or not right or user.disabled_at is not None:
        for key in keys:
            throttle.failed(key, now=now)
        raise NotLoggedInError("login or password is wrong")
    throttle.succeeded(keys[0])
    return sessions.begin(session, user, now=now)


def add(
    session: Session, *, login: str, name: str, role: Role, password: str, language: str = "zh", now: datetime
) -> User:
    """A new person. Raises ConflictError (login taken) or InvalidError (password too short)."""
    password_hash = hashed(password)
    if session.scalar(select(User).where(User.login == login)) is not None:
        raise ConflictError(f"the login {login!r} is taken: choose another")
    user = User(
        login=login,
        name=name,
        role=role,
        password_hash=password_hash,
        language=language,
        created_at=now,
    )
    session.add(user)
    session.flush()
    return user


def hashed(password: str) -> str:
    """What is kept of a password. Raises InvalidError for one that is too short."""
    if len(password) < MINIMUM_PASSWORD:
        raise InvalidError(f"the password has {len(password)} characters: at least {MINIMUM_PASSWORD}")
    return _hasher.hash(password)


def is_password(user: User, password: str) -> bool:
    """Whether this is the person's password; who has none has none that fits."""
    return user.password_hash != "" and _hasher.verify(password, user.password_hash)


def by_login(session: Session, login: str) -> User | None:
    """The person with this login."""
    return session.scalar(select(User).where(User.login == login))


def set_language(session: Session, *, user_id: int, language: str) -> None:
    """The language in which this person sees the pages ("zh" or "en"). Raises InvalidError."""
    if language not in ("zh", "en"):
        raise InvalidError(f"there is no language {language!r}: zh or en")
    session.get_one(User, user_id).language = language


def list_all(session: Session) -> Sequence[User]:
    """Everybody, by login."""
    return session.scalars(select(User).order_by(User.login)).all()


def list_assignable(session: Session, viewer: Viewer, kind: str) -> list[User]:
    """Whom this person can give a task of this kind."""
    query = (
        select(User)
        .where(
            User.role.in_(kinds.working_on(session, kind)),
            User.disabled_at.is_(None),
            reach.serving(viewer),
        )
        .order_by(User.name)
    )
    return list(session.scalars(query))
