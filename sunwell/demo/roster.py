"""The demo's roster: a carer and a dispatcher at any hour, by day and by night, for some weeks ahead.

Whoever tries the demo logs in as the first of each role: it is theirs to be on duty at the hour at which the
demo is started for the first time, whether by day or by night, and a colleague's at the other. Each start
adds the weeks that have become due; what was changed in the pages stays.
"""

from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from server.db.database import Database
from server.db.models import Shift
from server.rosters import service
from server.rosters.core import LOCAL, week_of
from server.users import service as users
from server.users.roles import Role
from server.users.viewer import Viewer
from sunwell.demo.people import COLLEAGUES, PEOPLE

WEEKS: Final = 4
ENOUGH: Final = timedelta(weeks=3)
"""A week of running, the week that the page looks ahead, and one more."""
HALF_DAY: Final = timedelta(hours=12)
BEGINS: Final = timedelta(hours=8)


def settle(database: Database, writer: Viewer, *, now: datetime) -> None:
    """Writes the shifts that are missing of the coming weeks; at first also those of this week's days that
    have passed."""
    with database.write() as session:
        for role in COLLEAGUES:
            last = session.scalar(select(func.max(Shift.ends_at)).where(Shift.role == role))
            if last is None:
                begin = week_of(now.astimezone(LOCAL).date()).starts_at + BEGINS - HALF_DAY
            elif last < now + ENOUGH:
                begin = _slot(max(last, now))
            else:
                continue
            for turn in range(14):
                _enter(session, writer, role, begin + turn * HALF_DAY, now=now)


def _enter(session: Session, writer: Viewer, role: Role, begin: datetime, *, now: datetime) -> None:
    own, colleague = (_id(session, login) for login, _ in (PEOPLE[role], COLLEAGUES[role]))
    known = session.scalar(
        select(Shift.starts_at).where(Shift.role == role, Shift.user_id == own).order_by(Shift.id).limit(1)
    )
    at = _slot(known or now)
    is_own = (begin - at) % (2 * HALF_DAY) == timedelta(0)
    wanted = service.ShiftIn(
        user_id=own if is_own else colleague,
        role=role,
        starts_at=begin,
        ends_at=begin + HALF_DAY,
        weeks=WEEKS,
    )
    service.enter(session, writer, wanted, now=now)


def _slot(at: datetime) -> datetime:
    """The beginning of the half day, eight to eight, in which `at` is."""
    day = at.astimezone(LOCAL).replace(hour=0, minute=0, second=0, microsecond=0) + BEGINS
    return day + (at - day) // HALF_DAY * HALF_DAY


def _id(session: Session, login: str) -> int:
    user = users.by_login(session, login)
    assert user is not None
    return user.id
