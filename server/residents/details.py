"""Everything that a resident's page shows, gathered. Whoever asks for it has written the look down before."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from firmware_profiles import Catalogue
from server.alarms.texts import RuleTexts
from server.commissioning.repository import standings
from server.commissioning.states import Standing, in_home
from server.coverage.remarks import Remark, remarks
from server.db.models import (
    Absence,
    Attachment,
    AuditEntry,
    Consent,
    Contact,
    Device,
    Position,
    Resident,
    Station,
    User,
    Window,
)
from server.devices.helping import Help, helps_of
from server.places.ground import metres
from server.residents import absences, consents, contacts, erasure, lists
from server.residents.absences import Away
from server.tasks import repository as tasks
from server.tasks.views import TaskView, views
from server.users.viewer import Viewer
from server.windows import repository as windows

TASKS: Final = 30
LOOKS: Final = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A position in the home, the device at it now, and whether it protects."""

    position: Position
    device: Device | None
    standing: Standing | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Details:
    """All of a resident. `people` are names by user id; `looks` who looked at the details, newest first;
    `helps` is by what help can be called from the home, `watched` which sensors of daily life are not heard,
    `works` what is declared there now."""

    resident: Resident
    contacts: Sequence[Contact]
    absences: Sequence[Absence]
    away: Away | None
    consents: Sequence[Consent]
    agreed: bool
    unprotected: tuple[str, ...]
    helps: Collection[Help]
    watched: Remark | None
    works: Sequence[Window]
    places: Sequence[Place]
    attached: Sequence[str]
    tasks: Sequence[TaskView]
    stations: Sequence[tuple[Station, int]]
    looks: Sequence[AuditEntry]
    people: dict[int, str]


def of(
    session: Session,
    viewer: Viewer,
    resident: Resident,
    texts: RuleTexts,
    *,
    catalogue: Catalogue,
    now: datetime,
) -> Details:
    """The details as they are now."""
    key = resident.id
    there = _places(session, key, catalogue=catalogue, now=now)
    past = tasks.listed(session, viewer, tab="all", subject=("resident", key), limit=TASKS)
    return Details(
        resident=resident,
        contacts=contacts.of(session, key),
        absences=absences.of(session, key),
        away=absences.away(session, [key], now).get(key),
        consents=consents.of(session, key),
        agreed=key in consents.given(session, [key]),
        unprotected=lists.causes(session, [key]).get(key, ()),
        helps={
            one for place in there if place.device for one in helps_of(catalogue.get(place.device.profile))
        },
        watched=next(
            iter(remarks(session, viewer, catalogue=catalogue, resident_ids=[key])),
            None,
        ),
        works=windows.at_home(session, key, now=now),
        places=there,
        attached=erasure.attached(session, key),
        tasks=views(session, viewer, past, texts),
        stations=_stations(session, resident),
        looks=session.scalars(
            select(AuditEntry)
            .where(AuditEntry.subject_kind == "resident", AuditEntry.subject_id == key)
            .order_by(AuditEntry.id.desc())
            .limit(LOOKS)
        ).all(),
        people=names(session),
    )


def names(session: Session) -> dict[int, str]:
    """People's names by their ids."""
    found: dict[int, str] = dict(session.execute(select(User.id, User.name)).all())
    return found


def _places(session: Session, resident_id: str, *, catalogue: Catalogue, now: datetime) -> list[Place]:
    query = (
        select(Position, Device)
        .outerjoin(Attachment, (Attachment.position_id == Position.id) & Attachment.until.is_(None))
        .outerjoin(Device, Device.id == Attachment.device_id)
        .where(Position.resident_id == resident_id)
        .order_by(Position.id)
    )
    rows = session.execute(query).all()
    known = standings(session, now=now, position_ids=[position.id for position, _ in rows])
    return [
        Place(position=position, device=device, standing=_standing(known.get(position.id), device, catalogue))
        for position, device in rows
    ]


def _standing(standing: Standing | None, device: Device | None, catalogue: Catalogue) -> Standing | None:
    if standing is None or device is None:
        return standing
    return in_home(standing, helps=bool(helps_of(catalogue.get(device.profile))))


def _stations(session: Session, resident: Resident) -> list[tuple[Station, int]]:
    """The stations whose circle the home lies in, the nearest first, with metres."""
    if resident.latitude is None or resident.longitude is None:
        return []
    here = (resident.latitude, resident.longitude)
    away = [
        (station, round(metres(here, (station.latitude, station.longitude))))
        for station in session.scalars(select(Station))
    ]
    return sorted(
        ((one, far) for one, far in away if far <= one.radius_m), key=lambda pair: (pair[1], pair[0].id)
    )
