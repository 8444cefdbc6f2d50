"""Which rows somebody sees: those of their area, and what they were called to outside it.

Whoever has an area sees and changes what lies in it and in the areas below it; all else is not there for
them, neither in lists nor by id. Two things lie outside: a task that was given to them stays theirs, and
while a task that they have or were told of is open, its subject (home, well, position, gateway) is there
for them too, since nobody helps in a home that they may not look up. Who has only links acts on what they
were told of, whatever their area.

`_ROWS` is the one table of this. Looking is limited by it as a whole (`within`); what is changed is
checked by its address (`server.users.gate`) and by what it refers to (`known`), while what follows from a
change, such as telling people, works on everything.
"""

from collections.abc import Callable
from functools import lru_cache
from typing import Any, Final

from sqlalchemy import ColumnElement, String, and_, cast, exists, or_, select, true
from sqlalchemy.orm import LoaderCriteriaOption, Session, with_loader_criteria

from server.db.base import Base, table_of
from server.db.database import Database
from server.db.models import (
    Absence,
    Alarm,
    Area,
    Attachment,
    AuditEntry,
    Command,
    CommissioningTest,
    Consent,
    Contact,
    Delivery,
    Device,
    FoundDevice,
    Gateway,
    KeyHolder,
    Occurrence,
    Position,
    QuarantinedMessage,
    Resident,
    Rhythm,
    Shift,
    ShiftSwap,
    Station,
    StoredPlaybook,
    Task,
    UnprotectedSpan,
    User,
    Well,
    WellEntry,
    Window,
)
from server.errors import InvalidError
from server.users.roles import Role
from server.users.viewer import Viewer

_VIEWER: Final = "viewer"
Rows = Callable[[Any, Viewer], ColumnElement[bool]]
"""The condition on a table, given its columns (the model, or an alias' `c`)."""


def limits(viewer: Viewer) -> ColumnElement[bool]:
    """The condition on tasks that goes beside the kind's."""
    if viewer.role is Role.RELATIVE:
        theirs = exists().where(Contact.resident_id == Task.subject_id, Contact.user_id == viewer.user_id)
        return and_(Task.subject_kind == "resident", theirs)
    if viewer.role is Role.VOLUNTEER:
        return exists().where(Delivery.task_id == Task.id, Delivery.user_id == viewer.user_id)
    return condition(viewer, Task)


def reaches(session: Session, viewer: Viewer, task: Any) -> bool:
    """Whether the area lets this person see a task of which the row is at hand; what they were told of counts
    at once, though the viewer may be older (an open page's)."""
    if viewer.area_ids is None or task.area_id in viewer.area_ids or task.assignee_id == viewer.user_id:
        return True
    told = select(Delivery.id).where(Delivery.task_id == task.id, Delivery.user_id == viewer.user_id)
    return session.scalar(told.limit(1)) is not None


def condition(viewer: Viewer, model: type[Base], *, changing: bool = False) -> ColumnElement[bool]:
    """The condition on rows of `model`. `changing`: on those that may be changed, where these are fewer."""
    if viewer.area_ids is None:
        return true()
    rows = _CHANGED.get(model) if changing else None
    return (rows or _ROWS[model])(model, viewer)


def serving(viewer: Viewer) -> ColumnElement[bool]:
    """The condition on people whom one may choose from: those of one's area, around it, or of no area."""
    return true() if viewer.area_ids is None else _serving(User, viewer)


def within(database: Database, viewer: Viewer) -> Database:
    """The database as this person sees it."""
    if viewer.area_ids is None:
        return database
    return database.seen(_options(viewer), {_VIEWER: viewer})


def known(session: Session, model: type[Base], key: str | int, *, changing: bool = False) -> bool:
    """Whether there is such a thing to refer to, for whoever works in this session. `changing`: in a way
    that changes what happens there."""
    viewer: Viewer | None = session.info.get(_VIEWER)
    identity: Any = model.id  # type: ignore[attr-defined]  # the models that are referred to all have one
    query = select(identity).where(identity == key)
    if viewer is not None:
        query = query.where(condition(viewer, model, changing=changing or model is Area))
    return session.scalar(query) is not None


def may_place(session: Session, area_id: str | None) -> bool:
    """Whether whoever works in this session may put something there; `None` is everywhere."""
    viewer: Viewer | None = session.info.get(_VIEWER)
    return viewer is None or viewer.area_ids is None or area_id in viewer.area_ids


def require_everywhere(viewer: Viewer, what: str) -> None:
    """Raises InvalidError where somebody with an area changes what counts for all."""
    if viewer.area_ids is not None:
        raise InvalidError(f"{what} count for all areas, and you have one: ask somebody who has none")


@lru_cache(maxsize=256)
def _options(viewer: Viewer) -> dict[str, LoaderCriteriaOption]:
    return {
        model.__tablename__: with_loader_criteria(model, rows(model, viewer), include_aliases=True)
        for model, rows in _ROWS.items()
    }


def _areas(viewer: Viewer) -> frozenset[str]:
    return viewer.area_ids or frozenset()


def _called(viewer: Viewer, kind: str) -> list[str]:
    return sorted(call.subject_id for call in viewer.calls if call.subject_kind == kind)


def _any(*conditions: ColumnElement[bool] | None) -> ColumnElement[bool]:
    return or_(*(each for each in conditions if each is not None))


def _in(column: Any, keys: Any) -> ColumnElement[bool] | None:
    return column.in_(sorted(keys)) if keys else None


def _there(column: Any, model: type[Base], viewer: Viewer, rows: Rows) -> ColumnElement[bool]:
    """That `column` names a row of `model` which is there for this person."""
    other = table_of(model).alias()
    return exists(select(other.c.id).where(other.c.id == column, rows(other.c, viewer)))


def _of(name: str, model: type[Base]) -> Rows:
    """Rows that belong to one of another table, named by the column `name`."""
    return lambda c, viewer: _there(getattr(c, name), model, viewer, _ROWS[model])


def _task(c: Any, viewer: Viewer) -> ColumnElement[bool]:
    called = {call.task_id for call in viewer.calls}
    return _any(c.area_id.in_(_areas(viewer)), c.assignee_id == viewer.user_id, _in(c.id, called))


def _alarm(c: Any, viewer: Viewer) -> ColumnElement[bool]:
    return _any(c.area_id.in_(_areas(viewer)), _in(c.task_id, {call.task_id for call in viewer.calls}))


def _area(c: Any, viewer: Viewer) -> ColumnElement[bool]:
    called = {call.area_id for call in viewer.calls}
    return _any(c.id.in_(_areas(viewer) | viewer.around), _in(c.id, called))


def _resident(c: Any, viewer: Viewer) -> ColumnElement[bool]:
    return _any(c.area_id.in_(_areas(viewer)), _in(c.id, _called(viewer, "resident")))


def _well(c: Any, viewer: Viewer) -> ColumnElement[bool]:
    return _any(c.area_id.in_(_areas(viewer)), _in(c.id, _called(viewer, "well")))


def _position(c: Any, viewer: Viewer) -> ColumnElement[bool]:
    return _any(
        c.area_id.in_(_areas(viewer)),
        _in(c.resident_id, _called(viewer, "resident")),
        _in(c.well_id, _called(viewer, "well")),
        _in(c.id, _called(viewer, "position")),
    )


def _in_area(c: Any, viewer: Viewer) -> ColumnElement[bool]:
    inside: ColumnElement[bool] = c.area_id.in_(_areas(viewer))
    return inside


def _gateway(c: Any, viewer: Viewer) -> ColumnElement[bool]:
    """Those of here and of the areas around, and those of elsewhere that something here is read by."""
    device, held, place = (table_of(model).alias() for model in (Device, Attachment, Position))
    serving = select(device.c.gateway_id).where(
        held.c.device_id == device.c.id,
        held.c.until.is_(None),
        held.c.position_id == place.c.id,
        _position(place.c, viewer),
    )
    return _any(
        c.area_id.in_(_areas(viewer) | viewer.around),
        _in(c.id, _called(viewer, "gateway")),
        c.id.in_(serving),
    )


def _device(c: Any, viewer: Viewer) -> ColumnElement[bool]:
    """By the position that holds it; what is held nowhere, by its gateway."""
    held, place = table_of(Attachment).alias(), table_of(Position).alias()
    here = select(held.c.device_id).where(
        held.c.until.is_(None), held.c.position_id == place.c.id, _position(place.c, viewer)
    )
    anywhere = select(held.c.device_id).where(held.c.until.is_(None))
    gateway = _there(c.gateway_id, Gateway, viewer, _in_area)
    return or_(c.id.in_(here), and_(gateway, c.id.not_in(anywhere)))


def _by_device(c: Any, viewer: Viewer) -> ColumnElement[bool]:
    device = _there(c.device_id, Device, viewer, _device)
    return or_(and_(c.device_id.is_(None), _there(c.gateway_id, Gateway, viewer, _gateway)), device)


def _occurrence(c: Any, viewer: Viewer) -> ColumnElement[bool]:
    alarm = _there(c.alarm_id, Alarm, viewer, _alarm)
    return or_(_there(c.position_id, Position, viewer, _position), alarm)


def _window(c: Any, viewer: Viewer) -> ColumnElement[bool]:
    around = and_(c.scope_kind == "area", c.scope_id.in_(viewer.around))
    return or_(_scoped(c, viewer), around)


def _scoped(c: Any, viewer: Viewer) -> ColumnElement[bool]:
    things: dict[str, type[Base]] = {
        "resident": Resident, "well": Well, "position": Position, "gateway": Gateway
    }  # fmt: skip
    return or_(
        and_(c.scope_kind == "area", c.scope_id.in_(_areas(viewer))),
        *(
            and_(c.scope_kind == kind, _there(c.scope_id, model, viewer, _CHANGED.get(model, _ROWS[model])))
            for kind, model in things.items()
        ),
    )


def _playbook(c: Any, viewer: Viewer) -> ColumnElement[bool]:
    return or_(c.resident_id.is_(None), _there(c.resident_id, Resident, viewer, _resident))


def _serving(c: Any, viewer: Viewer) -> ColumnElement[bool]:
    return or_(c.area_id.is_(None), c.area_id.in_(_areas(viewer) | viewer.around), c.id == viewer.user_id)


def _person(c: Any, viewer: Viewer) -> ColumnElement[bool]:
    return or_(c.area_id.in_(_areas(viewer)), c.id == viewer.user_id)


def _shift(c: Any, viewer: Viewer) -> ColumnElement[bool]:
    return _there(c.user_id, User, viewer, _serving)


def _shift_changed(c: Any, viewer: Viewer) -> ColumnElement[bool]:
    """A shift for an area or a station of here, and one's own; one for everywhere counts for others too."""
    return or_(
        c.area_id.in_(_areas(viewer)),
        _there(c.station_id, Station, viewer, _in_area),
        c.user_id == viewer.user_id,
    )


def _swap_changed(c: Any, viewer: Viewer) -> ColumnElement[bool]:
    return or_(_there(c.shift_id, Shift, viewer, _shift_changed), c.to_id == viewer.user_id)


def _audit(c: Any, viewer: Viewer) -> ColumnElement[bool]:
    """What somebody did oneself, and what was done to things that are here: people's are not."""
    things: dict[str, type[Base]] = {
        "resident": Resident, "well": Well, "position": Position, "gateway": Gateway, "device": Device,
        "station": Station,
    }  # fmt: skip
    tasks = table_of(Task).alias()
    seen = exists(select(tasks.c.id).where(cast(tasks.c.id, String) == c.subject_id, _task(tasks.c, viewer)))
    return or_(
        c.user_id == viewer.user_id,
        and_(c.subject_kind == "task", seen),
        *(
            and_(c.subject_kind == kind, _there(c.subject_id, model, viewer, _ROWS[model]))
            for kind, model in things.items()
        ),
    )


_ROWS: Final[dict[type[Base], Rows]] = {
    Task: _task,
    Alarm: _alarm,
    Area: _area,
    Resident: _resident,
    Well: _well,
    Position: _position,
    Station: _in_area,
    Gateway: _gateway,
    Device: _device,
    Command: _by_device,
    FoundDevice: _by_device,
    QuarantinedMessage: _of("gateway_id", Gateway),
    Occurrence: _occurrence,
    Window: _window,
    CommissioningTest: _of("position_id", Position),
    WellEntry: _of("well_id", Well),
    UnprotectedSpan: _of("resident_id", Resident),
    Absence: _of("resident_id", Resident),
    Consent: _of("resident_id", Resident),
    Contact: _of("resident_id", Resident),
    KeyHolder: _of("resident_id", Resident),
    Rhythm: _of("resident_id", Resident),
    StoredPlaybook: _playbook,
    Shift: _shift,
    ShiftSwap: _of("shift_id", Shift),
    AuditEntry: _audit,
}
_CHANGED: Final[dict[type[Base], Rows]] = {
    Area: lambda c, viewer: c.id.in_(_areas(viewer)),
    Gateway: _in_area,
    Window: _scoped,
    User: _person,
    Shift: _shift_changed,
    ShiftSwap: _swap_changed,
}
"""Where less may be changed, or referred to, than is seen: what stands around counts for others too."""
