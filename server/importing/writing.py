"""Writing what was checked, in one transaction: few statements for many rows, since on SQLite everybody else
waits meanwhile."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from firmware_profiles import Catalogue
from server.db.models import Attachment, Device, Position, Resident, Station, Well
from server.devices import service as registry
from server.errors import ServerError
from server.gateways import desired
from server.importing import areas, duty
from server.importing.care import write_absences, write_contacts, write_people
from server.importing.tables import KINDS, RowError
from server.places import upstream
from server.places.policy import PlacesPolicy
from server.places.schemas import ResidentIn
from server.policies.service import current
from server.residents import contacts
from server.users.viewer import Viewer

_PLAIN: Final[Mapping[str, type[Any]]] = {
    "stations": Station,
    "residents": Resident,
    "wells": Well,
    "positions": Position,
}


@dataclass(frozen=True, slots=True)
class Entry:
    """A row that was checked: what it is known by, and what it says."""

    kind: str
    sheet: str
    row: int
    id: str
    body: Any


class RefusedError(Exception):
    """Something changed between the check and the writing: nothing was written."""

    def __init__(self, row: RowError) -> None:
        super().__init__(row.what)
        self.row = row


def write(
    session: Session, viewer: Viewer, entries: Sequence[Entry], catalogue: Catalogue, now: datetime
) -> None:
    """Writes all of it. Raises RefusedError, IntegrityError where something has changed meanwhile."""
    by_kind = {kind: [entry for entry in entries if entry.kind == kind] for kind in KINDS}
    areas.write(session, {entry.id: entry.body for entry in by_kind["areas"]})
    for kind, model in _PLAIN.items():
        _write_plain(session, model, by_kind[kind], now)
    write_people(session, viewer, {entry.id: entry.body for entry in by_kind["people"]}, now=now)
    duty.write(session, [entry.body for entry in by_kind["shifts"]], by=viewer.user_id, now=now)
    for entry in by_kind["residents"]:
        if isinstance(entry.body, ResidentIn) and "contact" in entry.body.model_fields_set:
            contacts.write(session, entry.id, contacts.parse(entry.body.contact))
    write_contacts(session, [entry.body for entry in by_kind["contacts"]])
    write_absences(session, [entry.body for entry in by_kind["absences"]], by=viewer.user_id, now=now)
    for entry in by_kind["wells"]:
        if "upstream" in entry.body.model_fields_set:
            upstream.put(session, entry.id, entry.body.upstream)
    _write_devices(session, by_kind["devices"], catalogue, now)


def _write_plain(session: Session, model: type[Any], entries: Sequence[Entry], now: datetime) -> None:
    there = {str(row.id): row for row in session.scalars(select(model))} if entries else {}
    only_new = {"created_at": now} if model in (Position, Resident) else {}
    radius = current(session, PlacesPolicy).station_radius_m if model is Station else None
    for entry in entries:
        values = entry.body.model_dump(exclude={"contact", "contacts", "upstream"})
        if model is Station:
            values["radius_m"] = values["radius_m"] or radius
        row = there.get(entry.id)
        if row is None:
            session.add(model(id=entry.id, **values, **only_new))
        for name, value in values.items() if row is not None else ():
            setattr(row, name, value)
    session.flush()


def _write_devices(session: Session, entries: Sequence[Entry], catalogue: Catalogue, now: datetime) -> None:
    if not entries:
        return
    known = {row.id: row.gateway_id for row in session.execute(select(Device.id, Device.gateway_id))}
    taken = set(session.scalars(select(Attachment.position_id).where(Attachment.until.is_(None))))
    gateways = {entry.body.gateway_id for entry in entries}
    new = {
        entry.id: entry.body
        for entry in entries
        if entry.id not in known and entry.body.position_id not in taken
    }
    for entry in entries:
        if entry.id in new:
            continue
        gateways |= {known[entry.id]} if entry.id in known else set()
        try:
            registry.register(session, entry.id, entry.body, catalogue=catalogue, now=now, tell=False)
        except ServerError as error:
            row = RowError(entry.sheet, entry.row, "", error.message, "check the file again")
            raise RefusedError(row) from error
    registry.register_new(session, new, catalogue=catalogue, now=now)
    for gateway_id in sorted(gateways):
        desired.refresh(session, gateway_id, catalogue)
