"""What the record says of the places in homes: the facts that coverage is judged by."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Row, Select, select
from sqlalchemy.orm import Session

from firmware_profiles import Catalogue
from server.alarms.texts import GATEWAY_DRIVER, GATEWAY_OFFLINE
from server.clock import nearest
from server.commissioning.repository import standings
from server.coverage.core import Place, Work
from server.db.models import Alarm, Attachment, Device, Gateway, Position, Resident, Window
from server.devices.battery import BatteryState, battery_of
from server.devices.freshness import SILENT_FLOOR, freshness, rhythm, telling
from server.devices.helping import Help, helps_of
from server.rhythm.signs import signs_of
from server.timeseries.store import LatestValue
from server.windows.core import WORK

SILENT = "silent"
"""The rule by which gateways tell that a device is silent (`firmware_profiles`)."""
Values = Mapping[str, Sequence[LatestValue]]


def residents(session: Session, ids: Collection[str] | None = None) -> dict[str, datetime | None]:
    """Who is looked after now, with when they were first written down: all, or those of `ids`."""
    query = select(Resident.id, Resident.created_at).where(
        Resident.left_at.is_(None), Resident.erased_at.is_(None)
    )
    if ids is not None:
        query = query.where(Resident.id.in_(ids))
    return dict(session.execute(query).all())


def places(
    session: Session,
    *,
    catalogue: Catalogue,
    values: Values,
    now: datetime,
    resident_ids: Collection[str] | None = None,
) -> dict[str, list[Place]]:
    """The places of all residents, or of these, by resident; `values` are the newest readings."""
    rows = session.execute(_attached(resident_ids)).all()
    tested = standings(
        session, now=now, position_ids=None if resident_ids is None else [row.position_id for row in rows]
    )
    gateways = _Gateways(session, now)
    models = _Models(catalogue)
    silences: dict[str, datetime] = dict(
        session.execute(
            select(Alarm.source_id, Alarm.began_at).where(
                Alarm.source_kind == "position", Alarm.rule == SILENT, Alarm.cleared_at.is_(None)
            )
        ).all()
    )
    removed = _removed(session, resident_ids)
    found: dict[str, list[Place]] = {}
    for row in rows:
        if row.device_id is None:
            profile_id, removed_at = removed.get(row.position_id, (None, None))
            place = Place(
                resident_id=row.resident_id,
                position_id=row.position_id,
                created_at=row.created_at,
                helps=models.helps(profile_id),
                removed_at=removed_at,
            )
        else:
            standing = tested[row.position_id]
            place = Place(
                resident_id=row.resident_id,
                position_id=row.position_id,
                created_at=row.created_at,
                helps=models.helps(row.profile),
                tells=models.tells(row.profile),
                device_id=row.device_id,
                attached_at=row.since,
                silence_said_at=silences.get(row.position_id),
                signed_at=standing.signed_at,
                due_at=standing.due_at,
                **gateways.of(row),
                **_said(catalogue, row, values.get(row.position_id, ()), now),
            )
        found.setdefault(row.resident_id, []).append(place)
    return found


def _attached(resident_ids: Collection[str] | None) -> Select[*tuple[Any, ...]]:
    query = (
        select(
            Position.id.label("position_id"),
            Position.resident_id,
            Position.created_at,
            Device.id.label("device_id"),
            Device.profile,
            Device.driver,
            Device.gateway_id,
            Attachment.since,
        )
        .outerjoin(Attachment, (Attachment.position_id == Position.id) & Attachment.until.is_(None))
        .outerjoin(Device, (Device.id == Attachment.device_id) & Device.retired_at.is_(None))
        .where(Position.resident_id.is_not(None))
    )
    return query if resident_ids is None else query.where(Position.resident_id.in_(resident_ids))


def _removed(
    session: Session, resident_ids: Collection[str] | None
) -> dict[str, tuple[str | None, datetime | None]]:
    """The profile of the last device, and until when it was there, of places that have none now."""
    current = select(Attachment.position_id).where(Attachment.until.is_(None))
    query = (
        select(Attachment.position_id, Device.profile, Attachment.until)
        .join(Device, Device.id == Attachment.device_id)
        .join(Position, Position.id == Attachment.position_id)
        .where(Position.resident_id.is_not(None), Attachment.position_id.not_in(current))
        .order_by(Attachment.until)
    )
    if resident_ids is not None:
        query = query.where(Position.resident_id.in_(resident_ids))
    return {row.position_id: (row.profile, row.until) for row in session.execute(query)}


def _said(
    catalogue: Catalogue, row: Row[Any], values: Sequence[LatestValue], now: datetime
) -> dict[str, Any]:
    """What the sensor last said; what was heard before it was put up is another's."""
    profile = catalogue.get(row.profile)
    own = [value for value in values if value.time >= row.since]
    last_at = max((value.time for value in own), default=None)
    state = telling(profile, own)
    fresh = freshness(profile, last_at, now=now, state=state)
    battery = battery_of(profile, own, fresh, now=now)
    return {
        "last_at": None if last_at is None else min(last_at, now),
        "silent_after": max(rhythm(profile, state)[1], SILENT_FLOOR),
        "battery": battery.state if own else BatteryState.UNKNOWN,
        "battery_at": battery.at,
    }


def works(session: Session, places: Iterable[Place], *, now: datetime) -> dict[str, list[Work]]:
    """By resident: the work that is declared now at their home, or at one of these places."""
    owner = {place.position_id: place.resident_id for place in places}
    query = select(Window.id, Window.scope_kind, Window.scope_id, Window.since).where(
        Window.kind == WORK,
        Window.scope_kind.in_(("resident", "position")),
        Window.since <= now,
        Window.until > now,
        Window.ended_at.is_(None),
    )
    found: dict[str, list[Work]] = {}
    for row in session.execute(query):
        position_id = row.scope_id if row.scope_kind == "position" else None
        resident_id = row.scope_id if position_id is None else owner.get(position_id)
        if resident_id is not None:
            work = Work(window_id=row.id, since=row.since, position_id=position_id)
            found.setdefault(resident_id, []).append(work)
    return found


class _Models:
    """What device models mean to somebody's home, each looked at once."""

    def __init__(self, catalogue: Catalogue) -> None:
        self._catalogue = catalogue
        self._known: dict[str, tuple[frozenset[Help], bool]] = {}

    def helps(self, profile_id: str | None) -> frozenset[Help]:
        """By what a device of this model calls help."""
        return frozenset() if profile_id is None else self._of(profile_id)[0]

    def tells(self, profile_id: str) -> bool:
        """Whether it tells of daily life."""
        return self._of(profile_id)[1]

    def _of(self, profile_id: str) -> tuple[frozenset[Help], bool]:
        if profile_id not in self._known:
            profile = self._catalogue.get(profile_id)
            self._known[profile_id] = (helps_of(profile), profile is not None and bool(signs_of(profile)))
        return self._known[profile_id]


class _Gateways:
    """Which gateways, and which of their drivers, are away, and until when each was heard."""

    def __init__(self, session: Session, now: datetime) -> None:
        query = select(Alarm.source_id, Alarm.rule, Alarm.began_at).where(
            Alarm.source_kind == "gateway",
            Alarm.rule.in_((GATEWAY_OFFLINE, GATEWAY_DRIVER)),
            Alarm.cleared_at.is_(None),
        )
        self._away: dict[str, datetime] = {}
        self._deaf: dict[str, datetime] = {}
        for source, rule, began_at in session.execute(query):
            (self._away if rule == GATEWAY_OFFLINE else self._deaf)[source] = began_at
        self._drivers: dict[str, set[str]] = {}
        self._heard_to: dict[str, datetime] = {}
        for gateway_id, health in session.execute(select(Gateway.id, Gateway.health)):
            away = {one["name"] for one in health.get("drivers", ()) if one.get("away") is not None}
            self._drivers[gateway_id] = away
            oldest = health.get("data_oldest_ms")
            self._heard_to[gateway_id] = now if oldest is None else min(now, nearest(oldest))

    def of(self, row: Row[Any]) -> dict[str, Any]:
        """What they mean to one device."""
        gateway = row.gateway_id
        deaf = gateway in self._deaf and row.driver in self._drivers[gateway]
        return {
            "gateway_id": gateway,
            "gateway_away_since": self._away.get(gateway),
            "driver_away_since": self._deaf[gateway] if deaf else None,
            "heard_to": self._heard_to[gateway],
        }
