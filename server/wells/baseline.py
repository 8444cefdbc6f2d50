"""The angle at which a cover was installed: measured once its test is signed, renewed by who sees it.

It is a parameter of the device at the position, so that the gateway judges by it with the line cut. A new one
reaches the gateway with its desired state.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import exists, select
from sqlalchemy.orm import Session

from firmware_profiles import Catalogue, Profile
from server.commissioning.repository import SIGNED
from server.db.database import Change, announce
from server.db.models import AuditEntry, CommissioningTest, Device, Gateway, Position
from server.devices import repository as devices
from server.errors import ConflictError, InvalidError, NotFoundError
from server.gateways import desired
from server.timeseries.store import LatestValue
from server.users.roles import Right
from server.users.viewer import Viewer

ACTION: Final = "baseline"
WITHIN: Final = timedelta(days=7)
"""A device that has not said twice where it lies by then will not: its page says so."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pending:
    """A signed position whose angle is still to be measured, by point and parameter, from `since` on."""

    position_id: str
    family: str
    since: datetime
    points: Mapping[str, str]


def points_of(profile: Profile) -> dict[str, str]:
    """The points that are judged against an installed angle, each with its parameter."""
    return {
        rule.point: rule.baseline
        for rule in profile.rule_templates()
        if rule.baseline is not None and rule.point is not None
    }


def pending(session: Session, *, catalogue: Catalogue, now: datetime) -> list[Pending]:
    """Positions that were signed for lately and not measured since."""
    measured = exists().where(
        AuditEntry.action == ACTION,
        AuditEntry.subject_kind == "position",
        AuditEntry.subject_id == CommissioningTest.position_id,
        AuditEntry.at >= CommissioningTest.ended_at,
    )
    rows = session.execute(
        select(CommissioningTest.position_id, CommissioningTest.ended_at, Device.profile)
        .join(Device, Device.id == CommissioningTest.device_id)
        .join(Position, Position.id == CommissioningTest.position_id)
        .where(
            CommissioningTest.ended == SIGNED,
            CommissioningTest.ended_at > now - WITHIN,
            Position.well_id.is_not(None),
            Device.retired_at.is_(None),
            ~measured,
        )
    )
    found: dict[str, Pending] = {}
    for position_id, since, profile_id in rows:
        profile = catalogue.get(profile_id)
        points = points_of(profile) if profile is not None else {}
        if profile is not None and points and since is not None:
            one = Pending(position_id=position_id, family=profile.family, since=since, points=points)
            found[position_id] = max(found.get(position_id, one), one, key=lambda each: each.since)
    return list(found.values())


def put(
    session: Session,
    position_id: str,
    angles: Mapping[str, float],
    *,
    user_id: int | None,
    catalogue: Catalogue,
    now: datetime,
) -> dict[str, float]:
    """Writes the installed angles (by point) of the device at the position. Gives them by parameter.

    Raises NotFoundError; ConflictError where nothing is installed; InvalidError for an angle that no cover
    lies at.
    """
    attached = devices.attachment_at(session, position_id=position_id)
    if attached is None:
        raise ConflictError(f"nothing is installed at position {position_id!r}")
    gateway_id = session.scalar(select(Device.gateway_id).where(Device.id == attached.device_id))
    session.get_one(Gateway, gateway_id, with_for_update=True)  # before the device, as everywhere
    device = session.get_one(Device, attached.device_id, with_for_update=True)
    profile = catalogue.get(device.profile)
    names = points_of(profile) if profile is not None else {}
    if profile is None or not names:
        raise ConflictError(f"the device at {position_id!r} is not judged by an installed angle")
    values: dict[str, float] = {}
    for point, angle in angles.items():
        if point not in names:
            raise InvalidError(f"the profile {profile.id} judges no angle {point!r}", where=point)
        limits = profile.parameters[names[point]].range
        if limits is not None and not limits[0] <= angle <= limits[1]:
            raise InvalidError(
                f"{angle:g} degrees: a cover lies at {limits[0]:g} to {limits[1]:g}; seat it, then measure",
                where=point,
            )
        values[names[point]] = angle
    device.parameters = {**device.parameters, **values}
    session.add(
        AuditEntry(
            at=now,
            user_id=user_id,
            action=ACTION,
            subject_kind="position",
            subject_id=position_id,
            reason="" if user_id is not None else "settled after the test",
            detail={"device": device.id, **values},
        )
    )
    desired.refresh(session, device.gateway_id, catalogue)
    announce(session, Change("position", position_id, ACTION))
    return values


def renew(
    session: Session,
    viewer: Viewer,
    position_id: str,
    *,
    seated: bool,
    newest: Sequence[LatestValue],
    catalogue: Catalogue,
    now: datetime,
) -> dict[str, float]:
    """Takes the newest angles for the installed ones; `seated`: this person sees that the cover lies right.

    Raises as `put` does, and InvalidError without `seated` or without a reading.
    """
    viewer.require(Right.REGISTER)
    if session.get(Position, position_id) is None:
        raise NotFoundError(f"there is no position {position_id!r}")
    if not seated:
        raise InvalidError("look at the cover first: it has to be seated and locked", where="seated")
    attached = devices.attached(session, position_ids=[position_id])
    profile = catalogue.get(attached[0][0].profile) if attached else None
    names = points_of(profile) if profile is not None else {}
    angles = {
        value.field: value.value
        for value in newest
        if value.field in names and isinstance(value.value, float | int)
    }
    if names and not angles:
        raise InvalidError("the device has told no angle yet: wait for its next report", where="angle")
    return put(session, position_id, angles, user_id=viewer.user_id, catalogue=catalogue, now=now)
