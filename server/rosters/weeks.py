"""The roster as a page shows it: by day and duty, who is there when, and when nobody is."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from server.db.models import Area, Shift, Station, User
from server.policies import service as policies
from server.rosters.core import Span, cut, days, gaps, week_of
from server.rosters.policy import RosterPolicy
from server.rosters.service import running
from server.users import areas

LOOK_BACK = timedelta(days=28)
"""An area that had somebody of a role on duty in this time is expected to have somebody."""


@dataclass(frozen=True, slots=True)
class Duty:
    """A role somewhere: in an area, at a station, or (neither) everywhere. `place` is its name."""

    role: str
    area_id: str | None
    station_id: str | None
    place: str


@dataclass(frozen=True, slots=True)
class Gap:
    """From when to when nobody is on duty: everybody with the role is told then."""

    duty: Duty
    starts_at: datetime
    ends_at: datetime


@dataclass(frozen=True, slots=True)
class OnShift:
    """One shift, with the person's name."""

    id: int
    user_id: int
    name: str
    starts_at: datetime
    ends_at: datetime


@dataclass(frozen=True, slots=True)
class Line:
    """One duty on one day: who is there, and the gaps."""

    duty: Duty
    shifts: tuple[OnShift, ...]
    gaps: tuple[Span, ...]


@dataclass(frozen=True, slots=True)
class Day:
    """One day of the roster."""

    day: date
    lines: tuple[Line, ...]


def week(session: Session, day: date) -> list[Day]:
    """The seven days, Monday first, of the week in which `day` is."""
    whole = week_of(day)
    plan = _Plan(session, whole)
    return [Day(date_, tuple(plan.line(duty, hours) for duty in plan.duties)) for date_, hours in days(whole)]


def ahead(session: Session, *, now: datetime) -> list[Gap]:
    """The times from now on, as far as the policy looks, in which nobody would be on duty; soonest first."""
    until = now + timedelta(days=policies.current(session, RosterPolicy).ahead_days)
    whole = Span(now, until)
    plan = _Plan(session, whole)
    found = [Gap(duty, gap.starts_at, gap.ends_at) for duty in plan.duties for gap in plan.gaps(duty, whole)]
    return sorted(found, key=lambda gap: (gap.starts_at, gap.duty.role, gap.duty.place))


class _Plan:
    """The shifts around a time, and what they mean for each duty."""

    def __init__(self, session: Session, whole: Span) -> None:
        people = session.execute(select(User.id, User.name).where(User.disabled_at.is_(None)))
        self._names = {row.id: row.name for row in people}
        ever = running(session, Span(whole.starts_at - LOOK_BACK, whole.ends_at))
        shifts = [shift for shift in ever if shift.user_id in self._names]
        self._session = session
        self._shifts = [shift for shift in shifts if shift.ends_at > whole.starts_at]
        wanted = policies.current(session, RosterPolicy).roles
        self.duties = self._duties(shifts, wanted)
        self._watched = frozenset(wanted)
        self._paths = {
            area_id: areas.path(session, area_id)
            for area_id in {duty.area_id for duty in self.duties if duty.area_id is not None}
        }

    def line(self, duty: Duty, hours: Span) -> Line:
        """What one day shows of one duty."""
        shifts = tuple(
            OnShift(shift.id, shift.user_id, self._names[shift.user_id], shift.starts_at, shift.ends_at)
            for shift in self._shifts
            if self._is_of(duty, shift) and hours.overlaps(Span(shift.starts_at, shift.ends_at))
        )
        return Line(duty, shifts, tuple(self.gaps(duty, hours)))

    def gaps(self, duty: Duty, whole: Span) -> list[Span]:
        """When nobody covers this duty. Everywhere is looked at only where no area has its own."""
        elsewhere = any(other.role == duty.role and other.place for other in self.duties)
        if duty.role not in self._watched or (not duty.place and elsewhere):
            return []
        spans = [Span(shift.starts_at, shift.ends_at) for shift in self._shifts if self._covers(shift, duty)]
        return gaps(whole, cut(spans, whole))

    def _covers(self, shift: Shift, duty: Duty) -> bool:
        if shift.role != duty.role:
            return False
        everywhere = shift.area_id is None and shift.station_id is None
        around = shift.area_id is not None and shift.area_id in self._paths.get(duty.area_id or "", ())
        return everywhere or around or (shift.station_id is not None and shift.station_id == duty.station_id)

    @staticmethod
    def _is_of(duty: Duty, shift: Shift) -> bool:
        return (shift.role, shift.area_id, shift.station_id) == (duty.role, duty.area_id, duty.station_id)

    def _duties(self, shifts: Sequence[Shift], wanted: Sequence[str]) -> list[Duty]:
        keys = {(shift.role, shift.area_id, shift.station_id) for shift in shifts}
        keys |= {(role, None, None) for role in wanted if role not in {key[0] for key in keys}}
        places: dict[str | None, str] = {None: ""}
        for model in (Area, Station):
            places |= {row.id: row.name for row in self._session.execute(select(model.id, model.name))}
        found = [
            Duty(role, area_id, station_id, places.get(area_id or station_id, ""))
            for role, area_id, station_id in keys
        ]
        order = {role: number for number, role in enumerate(wanted)}
        return sorted(found, key=lambda duty: (order.get(duty.role, len(order)), duty.role, duty.place))
