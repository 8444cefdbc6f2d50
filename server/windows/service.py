"""Declaring a time, ending it early, and what of the past counts as tests."""

from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from server.audit import service as audit
from server.commissioning.repository import SIGNED
from server.db.base import Base
from server.db.database import Change, announce
from server.db.models import (
    Area,
    CommissioningTest,
    Gateway,
    Occurrence,
    Position,
    Resident,
    Task,
    Well,
    Window,
)
from server.errors import ConflictError, ForbiddenError, InvalidError, NotFoundError
from server.policies.service import current
from server.users import reach
from server.users.roles import Right
from server.users.viewer import Viewer
from server.windows import muting
from server.windows.core import DRILL
from server.windows.policy import WindowPolicy
from server.windows.schemas import TestsOut, WindowIn

_SCOPES: Final[dict[str, type[Base]]] = {
    "area": Area,
    "resident": Resident,
    "well": Well,
    "position": Position,
    "gateway": Gateway,
}


def declare(session: Session, viewer: Viewer, wanted: WindowIn, *, now: datetime) -> Window:
    """Writes a window down. Raises ForbiddenError, NotFoundError (no such place), InvalidError (it ends
    before it begins, or lasts too long)."""
    _require(session, viewer, kind=wanted.kind, scope=(wanted.scope_kind, wanted.scope_id))
    if not reach.known(session, _SCOPES[wanted.scope_kind], wanted.scope_id, changing=True):
        raise NotFoundError(f"there is no {wanted.scope_kind} {wanted.scope_id!r}")
    since = max(wanted.since or now, now)
    if wanted.until <= since:
        raise InvalidError("the end is not after the beginning, or is past already")
    longest = _longest(session, wanted)
    if wanted.until - since > longest:
        hours = round(longest.total_seconds() / 3_600)
        raise InvalidError(
            f"this lasts longer than {hours} h: declare less, and again when it goes on",
            say="windows.too_long",
            count=hours,
        )
    window = Window(
        kind=wanted.kind,
        scope_kind=wanted.scope_kind,
        scope_id=wanted.scope_id,
        since=since,
        until=wanted.until,
        reason=wanted.reason,
        created_at=now,
        created_by=viewer.user_id,
    )
    session.add(window)
    session.flush()
    _written(session, viewer, window, "window_declared", now=now)
    return window


def end(session: Session, viewer: Viewer, window_id: int, *, now: datetime) -> Window:
    """Ends a window now: what it kept quiet and still stands is told at once. Raises NotFoundError,
    ForbiddenError, ConflictError where it is over."""
    window = session.get(Window, window_id, with_for_update=True)
    if window is None:
        raise NotFoundError(f"there is no window {window_id}")
    _require(session, viewer, kind=window.kind, scope=(window.scope_kind, window.scope_id))
    if window.ended_at is not None or window.until <= now:
        raise ConflictError(f"window {window_id} is over already")
    window.ended_at, window.ended_by = now, viewer.user_id
    session.flush()
    muting.sweep(session, now=now)
    _written(session, viewer, window, "window_ended", now=now)
    return window


def tests_since(session: Session, since: datetime) -> TestsOut:
    """What counts as tests since then, and not in the figures."""
    drills = select(func.count()).where(Task.test.is_(True), Task.created_at >= since)
    presses = (
        select(func.count())
        .select_from(Occurrence)
        .join(CommissioningTest, CommissioningTest.id == Occurrence.test_id)
        .where(
            Occurrence.alarm_id.is_(None),
            Occurrence.event == "occurred",
            Occurrence.server_at >= since,
            CommissioningTest.ended == SIGNED,
        )
    )
    return TestsOut(since=since, drills=session.scalar(drills) or 0, presses=session.scalar(presses) or 0)


def _require(session: Session, viewer: Viewer, *, kind: str, scope: tuple[str, str]) -> None:
    """Dispatchers and managers declare anything; whoever works on the hardware declares work at it, but not
    at a resident's."""
    if viewer.may(Right.ASSIGN_TASKS):
        return
    viewer.require(Right.COMMAND)
    at_home = False
    if scope[0] == "position":
        position = session.get(Position, scope[1])
        at_home = position is not None and position.resident_id is not None
    if kind == DRILL or at_home or scope[0] not in ("well", "position", "gateway"):
        raise ForbiddenError("ask a dispatcher: this time concerns residents or a whole area")


def _longest(session: Session, wanted: WindowIn) -> timedelta:
    policy = current(session, WindowPolicy)
    if wanted.kind == DRILL:
        return timedelta(hours=policy.drill_hours)
    position = session.get(Position, wanted.scope_id) if wanted.scope_kind == "position" else None
    at_home = wanted.scope_kind == "resident" or (position is not None and position.resident_id is not None)
    return timedelta(hours=policy.home_hours if at_home else policy.work_hours)


def _written(session: Session, viewer: Viewer, window: Window, action: str, *, now: datetime) -> None:
    audit.write(
        session,
        viewer,
        action=action,
        subject=(window.scope_kind, window.scope_id),
        now=now,
        window=window.id,
        kind=window.kind,
    )
    announce(session, Change("window", str(window.id)))
