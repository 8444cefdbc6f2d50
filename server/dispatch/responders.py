"""How people can be called: duty, volunteering, where they usually are, whose keys they hold."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, model_validator
from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from server.audit import service as audit
from server.db.models import KeyHolder, Resident, Responder, User
from server.errors import InvalidError, NotFoundError
from server.users import reach
from server.users.roles import WORKERS, Right, Role
from server.users.viewer import Viewer


class ResponderIn(BaseModel):
    """What is written of one person. `keys_of` are residents' ids."""

    model_config = ConfigDict(extra="forbid")

    on_duty: bool = False
    volunteer: bool = False
    latitude: Annotated[float, Field(ge=-90, le=90)] | None = None
    longitude: Annotated[float, Field(ge=-180, le=180)] | None = None
    keys_of: Annotated[list[str], Field(max_length=500)] = []

    @model_validator(mode="after")
    def _whole(self) -> "ResponderIn":
        if (self.latitude is None) != (self.longitude is None):
            raise ValueError("latitude and longitude belong together")
        if self.volunteer and self.latitude is None:
            raise ValueError("a volunteer needs a place: latitude and longitude")
        return self


def put(session: Session, viewer: Viewer, user_id: int, wanted: ResponderIn, *, now: datetime) -> None:
    """Writes how a person can be called. Raises NotFoundError; InvalidError for unknown residents."""
    viewer.require(Right.PLAYBOOKS)
    if session.get(User, user_id) is None:
        raise NotFoundError(f"there is no user {user_id}")
    keys = sorted(set(wanted.keys_of))
    known = set(
        session.scalars(select(Resident.id).where(Resident.id.in_(keys), reach.condition(viewer, Resident)))
    )
    if missing := [key for key in keys if key not in known]:
        raise InvalidError(f"there is no resident {missing[0]!r}")
    row = session.get(Responder, user_id, with_for_update=True)
    if row is None:
        row = Responder(user_id=user_id)
        session.add(row)
    row.on_duty, row.volunteer = wanted.on_duty, wanted.volunteer
    row.latitude, row.longitude = wanted.latitude, wanted.longitude
    theirs = select(Resident.id).where(reach.condition(viewer, Resident))
    session.execute(delete(KeyHolder).where(KeyHolder.user_id == user_id, KeyHolder.resident_id.in_(theirs)))
    session.add_all(KeyHolder(resident_id=key, user_id=user_id) for key in keys)
    audit.write(
        session,
        viewer,
        action="responder_changed",
        subject=("user", str(user_id)),
        now=now,
        on_duty=wanted.on_duty,
        volunteer=wanted.volunteer,
        keys=len(keys),
    )


def listed(session: Session, viewer: Viewer) -> Sequence[tuple[User, ResponderIn]]:
    """Everybody who works on tasks, and how they can be called, by id."""
    roles = [*WORKERS, Role.VOLUNTEER, Role.RELATIVE]
    users = session.scalars(
        select(User)
        .where(User.disabled_at.is_(None), User.role.in_(roles), reach.serving(viewer))
        .order_by(User.id)
    ).all()
    rows: Mapping[int, Responder] = {row.user_id: row for row in session.scalars(select(Responder))}
    keys: dict[int, list[str]] = {}
    for holder in session.scalars(select(KeyHolder).order_by(KeyHolder.resident_id)):
        keys.setdefault(holder.user_id, []).append(holder.resident_id)
    return [(user, _as_in(rows.get(user.id), keys.get(user.id, []))) for user in users]


def _as_in(row: Responder | None, keys: list[str]) -> ResponderIn:
    if row is None:
        return ResponderIn(keys_of=keys)
    return ResponderIn(
        on_duty=row.on_duty,
        volunteer=row.volunteer,
        latitude=row.latitude,
        longitude=row.longitude,
        keys_of=keys,
    )
