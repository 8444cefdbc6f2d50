"""What a person sees of positions and their tests. Residents appear by an initial only."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from firmware_profiles import Catalogue, Point, Profile
from server.commissioning import repository, service
from server.commissioning.states import Protection, Standing, in_home
from server.commissioning.trial import whole
from server.db.models import Area, CommissioningTest, Device, Occurrence, Position, Resident, User, Well
from server.devices.helping import helps_of
from server.errors import NotFoundError
from server.tasks.views import MASK

ORDER = (
    Protection.RETEST_DUE,
    Protection.UNTESTED,
    Protection.NOT_INSTALLED,
    Protection.TESTED,
    Protection.PROTECTING,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class PositionView:
    """A position with its state."""

    id: str
    name: str
    place: str
    area: str
    standing: Standing
    model: str
    is_home: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class TrialView:
    """One test. `asked` says by language what to do, `points` what is known of what was measured. `held` are
    its occurrences that are no alarm, `real` those of the device that became one; `standing` says that a
    condition it raised has not ended. `seconds` is from the press to the server."""

    test: CommissioningTest
    asked: Mapping[str, str]
    points: Mapping[str, Point]
    profile: Profile | None
    position: PositionView
    state: str
    seconds: float | None
    since_start: float | None
    battery: tuple[str, Any] | None
    signal: tuple[tuple[str, Any], ...]
    held: tuple[Occurrence, ...]
    real: tuple[Occurrence, ...]
    standing: bool
    by: str


def positions(
    session: Session, *, catalogue: Catalogue, now: datetime, ids: Sequence[str] | None = None
) -> list[PositionView]:
    """All positions (or these): those where somebody is needed first."""
    standings = repository.standings(session, now=now, position_ids=ids)
    query = select(Position, Area.name, Resident.name, Well.name)
    query = query.join(Area, Area.id == Position.area_id)
    query = query.outerjoin(Resident, Resident.id == Position.resident_id)
    query = query.outerjoin(Well, Well.id == Position.well_id)
    devices = select(Device.id, Device.profile).where(Device.retired_at.is_(None))
    if ids is not None:
        query = query.where(Position.id.in_(ids))
        devices = devices.where(Device.id.in_([one.device_id for one in standings.values() if one.device_id]))
    models: dict[str, str] = dict(session.execute(devices).all())
    found = []
    for position, area, resident, well in session.execute(query):
        standing = standings[position.id]
        profile_id = models.get(standing.device_id or "", "")
        profile = catalogue.get(profile_id)
        if position.resident_id is not None:
            standing = in_home(standing, helps=bool(helps_of(profile)))
        found.append(
            PositionView(
                id=position.id,
                name=position.name,
                place=resident[:1] + MASK if resident is not None else well or "",
                area=area,
                standing=standing,
                model=f"{profile.vendor} {profile.model}" if profile else profile_id,
                is_home=position.resident_id is not None,
            )
        )
    return sorted(found, key=lambda view: (ORDER.index(view.standing.state), view.area, view.place, view.id))


def position(session: Session, position_id: str, *, catalogue: Catalogue, now: datetime) -> PositionView:
    """One position. Raises NotFoundError."""
    found = positions(session, catalogue=catalogue, now=now, ids=[position_id])
    if not found:
        raise NotFoundError(f"there is no position {position_id!r}")
    return found[0]


def trial(session: Session, test_id: int, *, catalogue: Catalogue, now: datetime) -> TrialView:
    """One test. Raises NotFoundError."""
    row = service.found(session, test_id)
    asked = whole(row.trial)
    device = session.get(Device, row.device_id)  # none: by now it is held elsewhere, out of sight
    events = repository.events_of(session, row)
    held = tuple(one for one in events if one.test_id == row.id and one.alarm_id is None)
    held = tuple(one for one in held if one.event == "occurred")
    by = session.get(User, row.started_by) if row.started_by is not None else None
    profile = catalogue.get(device.profile) if device is not None else None
    battery = profile.battery.point if profile is not None and profile.battery is not None else None
    signals = [name for name in asked["watch"] if name != battery and name in row.measured]
    over = row.ended_at is None and row.expires_at <= now
    return TrialView(
        test=row,
        asked=asked["name"],
        points=profile.points if profile is not None else {},
        profile=profile,
        position=position(session, row.position_id, catalogue=catalogue, now=now),
        state=row.ended or ("expired" if over else "seen" if row.seen_at is not None else "waiting"),
        seconds=_seconds(row.pressed_at, row.seen_at),
        since_start=_seconds(row.started_at, row.seen_at),
        battery=(battery, row.measured[battery]) if battery in row.measured else None,
        signal=tuple((name, row.measured[name]) for name in signals),
        held=held,
        real=tuple(one for one in events if one.alarm_id is not None and one.event == "occurred"),
        standing=any(service.stands(session, one) for one in held),
        by=by.name if by is not None else "",
    )


def _seconds(start: datetime | None, end: datetime | None) -> float | None:
    if start is None or end is None:
        return None
    return round((end - start).total_seconds(), 2)
