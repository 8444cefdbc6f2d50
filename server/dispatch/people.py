"""Who a step means today, from what is known of people: roles, duty, volunteers' places, key holders.

Only people who work on tasks of this kind are ever told: nobody else may see what it is about.
"""

from collections.abc import Callable, Sequence
from typing import Final

from sqlalchemy import Select, select
from sqlalchemy.orm import Session

from server.db.models import KeyHolder, Position, Resident, Responder, Task, User, Well
from server.dispatch.core import Who, WhoKind
from server.places.ground import Place, metres
from server.tasks import kinds


def found(session: Session, task: Task, who: Who) -> list[User]:
    """The people that `who` means for this task; the nearest first where distance counts."""
    return _FIND[who.kind](session, task, who.value)


def everybody(session: Session, task: Task) -> list[User]:
    """All who work on tasks of this kind."""
    return list(session.scalars(_workers(session, task)))


def _workers(session: Session, task: Task) -> Select[User]:
    roles = kinds.working_on(session, task.kind)
    return select(User).where(User.disabled_at.is_(None), User.role.in_(roles)).order_by(User.id)


def _role(session: Session, task: Task, value: str) -> list[User]:
    return list(session.scalars(_workers(session, task).where(User.role == value)))


def _duty(session: Session, task: Task, value: str) -> list[User]:
    with_role = _workers(session, task).where(User.role == value)
    on_duty = with_role.join(Responder, Responder.user_id == User.id).where(Responder.on_duty)
    return list(session.scalars(on_duty)) or list(session.scalars(with_role))


def _person(session: Session, task: Task, value: str) -> list[User]:
    return list(session.scalars(_workers(session, task).where(User.login == value)))


def _nearby(session: Session, task: Task, value: str) -> list[User]:
    home = _place(session, task)
    if home is None:
        return []
    rows = session.execute(
        _workers(session, task)
        .join(Responder, Responder.user_id == User.id)
        .where(Responder.volunteer, Responder.latitude.is_not(None), Responder.longitude.is_not(None))
        .add_columns(Responder.latitude, Responder.longitude)
    )
    away = [(metres(home, (row.latitude, row.longitude)), row.User) for row in rows]
    return [user for far, user in sorted(away, key=lambda pair: pair[0]) if far <= int(value)]


def _key_holder(session: Session, task: Task, _value: str) -> list[User]:
    resident_id = _resident_id(session, task)
    if resident_id is None:
        return []
    query = _workers(session, task).join(KeyHolder, KeyHolder.user_id == User.id)
    return list(session.scalars(query.where(KeyHolder.resident_id == resident_id)))


def _resident_id(session: Session, task: Task) -> str | None:
    if task.subject_kind == "resident":
        return task.subject_id
    position = session.get(Position, task.subject_id) if task.subject_kind == "position" else None
    return None if position is None else position.resident_id


def _place(session: Session, task: Task) -> Place | None:
    places: Sequence[Resident | Well | Position | None] = (
        session.get(Resident, _resident_id(session, task) or ""),
        session.get(Well, task.subject_id) if task.subject_kind == "well" else None,
        session.get(Position, task.subject_id) if task.subject_kind == "position" else None,
    )
    for place in places:
        if place is not None and place.latitude is not None and place.longitude is not None:
            return place.latitude, place.longitude
    return None


_FIND: Final[dict[WhoKind, Callable[[Session, Task, str], list[User]]]] = {
    WhoKind.ROLE: _role,
    WhoKind.DUTY: _duty,
    WhoKind.PERSON: _person,
    WhoKind.NEARBY: _nearby,
    WhoKind.KEY_HOLDER: _key_holder,
}
