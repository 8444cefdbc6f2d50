"""SQL of windows: those that run, and what an alarm lies in."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Final

from sqlalchemy import bindparam, exists, or_, select
from sqlalchemy.orm import Session

from server.db.models import Attachment, Device, Position, TaskEvent, Window
from server.users import areas
from server.windows.core import WORK, Declared, Place

_NOW = (Window.since <= bindparam("now"), Window.until > bindparam("now"), Window.ended_at.is_(None))
_RUNNING = select(
    Window.id, Window.kind, Window.scope_kind, Window.scope_id, Window.until, Window.reason
).where(*_NOW)
RUNS = exists().where(*_NOW)
"""Whether any window runs at the parameter `now`: a part of the one look-up before an alarm is recorded."""
_OF_POSITION = (
    select(Position.resident_id, Position.well_id, Device.gateway_id)
    .outerjoin(Attachment, (Attachment.position_id == Position.id) & Attachment.until.is_(None))
    .outerjoin(Device, Device.id == Attachment.device_id)
    .where(Position.id == bindparam("id"))
)


DURING_WORK: Final = "during_work"
"""The line on the timeline of a task whose first step asks whoever declared the work."""


def running(session: Session, *, now: datetime) -> list[Declared]:
    """The windows that run now."""
    return [
        Declared(
            id=row.id,
            kind=row.kind,
            scope=(row.scope_kind, row.scope_id),
            until=row.until,
            reason=row.reason,
        )
        for row in session.connection().execute(_RUNNING, {"now": now})
    ]


def place_of(
    session: Session, *, area_id: str, source: tuple[str, str], subject: tuple[str, str] | None = None
) -> Place:
    """Everything that an alarm of `source` lies in."""
    found = {source} | ({subject} if subject is not None else set())
    found |= {("area", key) for key in areas.path(session, area_id)}
    if source[0] == "position":
        row = session.connection().execute(_OF_POSITION, {"id": source[1]}).one_or_none()
        if row is not None:
            named = (("resident", row.resident_id), ("well", row.well_id), ("gateway", row.gateway_id))
            found |= {(kind, key) for kind, key in named if key is not None}
    return frozenset(found)


def reasons(session: Session, task_ids: Collection[int]) -> dict[int, str]:
    """What work these tasks were opened during, by task: they are muted, or whoever declared it was asked."""
    if not task_ids:
        return {}
    query = (
        select(TaskEvent.task_id, TaskEvent.detail)
        .where(TaskEvent.task_id.in_(task_ids), TaskEvent.action.in_(("muted", DURING_WORK)))
        .order_by(TaskEvent.id)
    )
    return {row.task_id: str(row.detail.get("reason", "")) for row in session.execute(query)}


def listed(session: Session, *, ended_after: datetime, limit: int = 200) -> Sequence[Window]:
    """Windows that run, are to come, or ended after `ended_after`; the newest first."""
    lasts = or_(Window.ended_at.is_(None), Window.ended_at > ended_after)
    query = select(Window).where(Window.until > ended_after, lasts)
    return session.scalars(query.order_by(Window.since.desc(), Window.id.desc()).limit(limit)).all()


def at_home(session: Session, resident_id: str, *, now: datetime) -> Sequence[Window]:
    """The work that is declared now at a resident's home, or at a place in it; what ends last first."""
    places = select(Position.id).where(Position.resident_id == resident_id)
    query = select(Window).where(
        Window.kind == WORK,
        or_(
            (Window.scope_kind == "resident") & (Window.scope_id == resident_id),
            (Window.scope_kind == "position") & Window.scope_id.in_(places),
        ),
        Window.since <= now,
        Window.until > now,
        Window.ended_at.is_(None),
    )
    return session.scalars(query.order_by(Window.until.desc())).all()
