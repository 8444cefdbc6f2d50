"""Who has to know of a well's task without having to go: the stations near an open cover, the desk of a crew
in danger.

A cover that is open near a vulnerable resident's home, or near a station, is told to that station's people,
once for a task and station; where nobody is set for it, to the dispatchers. No name of a resident leaves:
well crews and messages are told how many homes there are.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from math import cos, radians
from typing import Any, Final

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from gateway.rules.model import TaskKind
from server.alarms.texts import AIR_CHECK_OVERDUE, LEAVE_THE_WELL
from server.db.models import Alarm, Position, Resident, Shift, Station, Task, TaskEvent, User, Well
from server.dispatch.people import everybody
from server.places.ground import Place, metres
from server.policies import service as policies
from server.users.roles import Role
from server.wells.policy import WellPolicy

STATION_TOLD: Final = "station_told"
DESK_TOLD: Final = "desk_told"
CREW_IN_DANGER: Final = frozenset({AIR_CHECK_OVERDUE, LEAVE_THE_WELL})
METRES_PER_DEGREE: Final = 111_000
"""A little less than there are, so that the box holds the circle."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Near:
    """A station that has to know of an open cover: how far the cover is from it and from the nearest of its
    homes at risk, and how many of these there are."""

    station_id: str
    name: str
    metres: int
    homes: int = 0
    home_metres: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What lies near an open cover. `homes` counts those at risk, whichever station looks after them;
    `stations` is empty where none does."""

    homes: int
    stations: tuple[Near, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """People to be told, and the line on the timeline that says so."""

    action: str
    people: tuple[User, ...]
    detail: dict[str, Any] = field(default_factory=dict)


def concerns(session: Session, kind: str, rule: str) -> bool:
    """Whether an alarm of this rule, under a task of this kind, may concern people who need not go."""
    if kind != TaskKind.WELL:
        return False
    return rule in CREW_IN_DANGER or rule in policies.current(session, WellPolicy).cover_rules


def people(session: Session, task: Task, *, now: datetime) -> Iterator[Told]:
    """Whom to tell now. The caller holds the task: what it writes down is not told again."""
    open_rules = set(
        session.scalars(select(Alarm.rule).where(Alarm.task_id == task.id, Alarm.cleared_at.is_(None)))
    )
    if open_rules & CREW_IN_DANGER:
        yield Told(action=DESK_TOLD, people=tuple(_desk(session, task, now=now)))
    policy = policies.current(session, WellPolicy)
    if task.muted or not open_rules.intersection(policy.cover_rules):
        return
    told = {
        detail.get("station")
        for detail in session.scalars(
            select(TaskEvent.detail).where(TaskEvent.task_id == task.id, TaskEvent.action == STATION_TOLD)
        )
    }
    found = around(session, task, policy)
    for near in found.stations:
        if near.station_id in told:
            continue
        staff = _staff(session, near.station_id, now=now)
        yield Told(
            action=STATION_TOLD,
            people=tuple(staff or _desk(session, task, now=now)),
            detail={
                "station": near.station_id,
                "homes": near.homes,
                "metres": near.metres,
                "desk": not staff,
            },
        )
    if found.homes and not found.stations and "" not in told:
        yield Told(
            action=STATION_TOLD,
            people=tuple(_desk(session, task, now=now)),
            detail={"station": "", "homes": found.homes, "desk": True},
        )


def around(session: Session, task: Task, policy: WellPolicy) -> Surroundings:
    """What lies within the policy's distance of the task's well."""
    place = place_of(session, task)
    if place is None:
        return Surroundings(homes=0, stations=())
    stations = list(session.scalars(select(Station).order_by(Station.id)))
    homes = _homes_at_risk(session, place, policy.near_m)
    of_station: dict[str, list[float]] = {
        station.id: []
        for station in stations
        if metres(place, (station.latitude, station.longitude)) <= policy.near_m
    }
    for home in homes:
        looks_after = _looks_after(stations, home)
        if looks_after is not None:
            of_station.setdefault(looks_after.id, []).append(metres(place, home))
    return Surroundings(
        homes=len(homes),
        stations=tuple(
            Near(
                station_id=station.id,
                name=station.name,
                metres=round(metres(place, (station.latitude, station.longitude))),
                homes=len(of_station[station.id]),
                home_metres=round(min(of_station[station.id])) if of_station[station.id] else None,
            )
            for station in stations
            if station.id in of_station
        ),
    )


def place_of(session: Session, task: Task) -> Place | None:
    """Where the task's well is: as registered, or else where its alarms' positions are."""
    well = session.get(Well, task.subject_id) if task.subject_kind == "well" else None
    positions: Sequence[Position] = session.scalars(
        select(Position)
        .join(Alarm, (Alarm.source_id == Position.id) & (Alarm.source_kind == "position"))
        .where(Alarm.task_id == task.id)
        .order_by(Position.id)
    ).all()
    for one in (well, *positions):
        if one is not None and one.latitude is not None and one.longitude is not None:
            return one.latitude, one.longitude
    return None


def _homes_at_risk(session: Session, place: Place, within_m: float) -> list[Place]:
    high = within_m / METRES_PER_DEGREE
    wide = high / max(cos(radians(place[0])), 0.01)
    rows = session.execute(
        select(Resident.latitude, Resident.longitude).where(
            Resident.risk == "high",
            Resident.left_at.is_(None),
            Resident.erased_at.is_(None),
            Resident.latitude.between(place[0] - high, place[0] + high),
            Resident.longitude.between(place[1] - wide, place[1] + wide),
        )
    )
    homes = [(row.latitude, row.longitude) for row in rows]
    return [home for home in homes if metres(place, home) <= within_m]


def _looks_after(stations: Sequence[Station], home: Place) -> Station | None:
    """The nearest station in whose circle the home lies."""
    away = [(metres((one.latitude, one.longitude), home), one.id, one) for one in stations]
    return next((one for far, _, one in sorted(away, key=lambda each: each[:2]) if far <= one.radius_m), None)


def _staff(session: Session, station_id: str, *, now: datetime) -> list[User]:
    on_duty = select(Shift.user_id).where(
        Shift.station_id == station_id,
        Shift.starts_at <= now,
        Shift.ends_at > now,
        Shift.cancelled_at.is_(None),
    )
    query = select(User).where(
        User.disabled_at.is_(None),
        User.role != Role.WALL,
        or_(User.station_id == station_id, User.id.in_(on_duty)),
    )
    return list(session.scalars(query.order_by(User.id)))


def _desk(session: Session, task: Task, *, now: datetime) -> list[User]:
    """The dispatchers; where there are none, all who work on such tasks."""
    query = select(User).where(User.disabled_at.is_(None), User.role == Role.DISPATCHER)
    return list(session.scalars(query.order_by(User.id))) or everybody(session, task, now=now)
