"""Log-ins of people and tokens of programs: random secrets, of which only the SHA-256 is kept."""

import hashlib
import secrets
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import delete, or_, select
from sqlalchemy.orm import Session

from server.db.models import ApiToken, Delivery, Task, User, WebSession
from server.errors import NotLoggedInError
from server.tasks import kinds
from server.users import areas
from server.users.roles import LINKS_ONLY, Role
from server.users.viewer import Call, Viewer

COOKIE: Final = "sunwell_session"
SESSION_LIFE: Final = timedelta(hours=12)
"""A shift and a half: nobody is logged out in the middle of one, and a lost telephone is out the next day."""
WALL_LIFE: Final = timedelta(days=90)
"""A wall screen shows masked things only, and must not stand at a log-in page in the morning."""


def begin(session: Session, user: User, *, now: datetime) -> str:
    """A new log-in of `user`; returns the cookie's value."""
    token = secrets.token_urlsafe(32)
    session.execute(delete(WebSession).where(WebSession.expires_at < now))
    life = WALL_LIFE if user.role == Role.WALL else SESSION_LIFE
    session.add(WebSession(token_hash=_hash(token), user_id=user.id, created_at=now, expires_at=now + life))
    return token


def end(session: Session, token: str) -> None:
    """Ends a log-in."""
    session.execute(delete(WebSession).where(WebSession.token_hash == _hash(token)))


def viewer_of_cookie(session: Session, token: str, *, now: datetime) -> Viewer:
    """Who is logged in with this cookie. Raises NotLoggedInError."""
    query = (
        select(User)
        .join(WebSession, WebSession.user_id == User.id)
        .where(WebSession.token_hash == _hash(token), WebSession.expires_at > now)
    )
    return _viewer(session, session.scalar(query), "the log-in is over: log in again")


def viewer_of_token(session: Session, token: str, *, now: datetime) -> Viewer:
    """Whom this API token acts as. Raises NotLoggedInError."""
    query = (
        select(User)
        .join(ApiToken, ApiToken.user_id == User.id)
        .where(
            ApiToken.token_hash == _hash(token),
            ApiToken.revoked_at.is_(None),
            (ApiToken.expires_at.is_(None)) | (ApiToken.expires_at > now),
        )
    )
    return _viewer(session, session.scalar(query), "this API token is not valid: make a new one")


def new_token(session: Session, user: User, *, name: str, expires_at: datetime | None, now: datetime) -> str:
    """A new API token acting as `user`. It is shown this once."""
    token = "sw_" + secrets.token_urlsafe(32)
    session.add(
        ApiToken(token_hash=_hash(token), name=name, user_id=user.id, created_at=now, expires_at=expires_at)
    )
    return token


def viewer_of(session: Session, user: User) -> Viewer:
    """The person as whoever asks, with the kinds of task that they see now."""
    role = Role(user.role)
    viewer = Viewer(
        user_id=user.id,
        name=user.name,
        role=role,
        language=user.language,
        kinds=kinds.seen_by(session, role),
    )
    if not user.area_id:
        return viewer
    inside = areas.subtree(session, user.area_id)
    return replace(
        viewer,
        area_ids=inside,
        around=frozenset(areas.path(session, user.area_id)[1:]),
        calls=_calls(session, user.id, inside),
    )


def _viewer(session: Session, user: User | None, otherwise: str) -> Viewer:
    if user is None or user.disabled_at is not None or user.role in LINKS_ONLY:
        raise NotLoggedInError(otherwise)
    return viewer_of(session, user)


def _calls(session: Session, user_id: int, inside: frozenset[str]) -> frozenset[Call]:
    told = select(Delivery.task_id).where(Delivery.user_id == user_id)
    query = select(Task.id, Task.area_id, Task.subject_kind, Task.subject_id).where(
        Task.closed_at.is_(None),
        Task.area_id.not_in(inside),
        or_(Task.assignee_id == user_id, Task.id.in_(told)),
    )
    return frozenset(Call(*row) for row in session.execute(query))


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
