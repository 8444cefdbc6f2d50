"""Who is protected through a gateway: nobody while it or a driver of it is down; and one of them called
where a call for help came from a place that is not registered."""

from collections.abc import Collection
from dataclasses import dataclass, replace

from sqlalchemy import select
from sqlalchemy.orm import Session

from server.alarms.texts import CALL_REFUSED, GATEWAY_DRIVER, GATEWAY_OFFLINE
from server.db.models import Alarm, Area, Attachment, Device, Occurrence, Position, Resident
from server.tasks.views import MASK
from server.users.roles import Role
from server.users.viewer import Viewer


@dataclass(frozen=True, slots=True, kw_only=True)
class Dependent:
    """A resident, as this person may see them: name, address and telephone only for those who care."""

    id: str
    name: str
    area: str
    risk: str
    address: str = ""
    phone: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Dependents:
    """All of them, those at high risk first; a wall is told only how many. `called`: one of them may have
    called for help; they are unprotected otherwise."""

    count: int
    listed: tuple[Dependent, ...]
    called: bool = False


def of_gateway(
    session: Session, viewer: Viewer, gateway_id: str, *, drivers: Collection[str] = ()
) -> Dependents:
    """The residents with a device on the gateway now; only those of these drivers, if any are named."""
    query = (
        select(Resident, Area.name)
        .join(Position, Position.resident_id == Resident.id)
        .join(Attachment, (Attachment.position_id == Position.id) & Attachment.until.is_(None))
        .join(Device, Device.id == Attachment.device_id)
        .join(Area, Area.id == Resident.area_id)
        .where(Device.gateway_id == gateway_id, Device.retired_at.is_(None))
        .distinct()
    )
    if drivers:
        query = query.where(Device.driver.in_(drivers))
    rows = session.execute(query).all()
    found = sorted(
        (_seen(viewer, resident, area) for resident, area in rows),
        key=lambda one: (one.risk != "high", one.area, one.name, one.id),
    )
    return Dependents(count=len(found), listed=() if viewer.role is Role.WALL else tuple(found))


def of_faults(
    session: Session,
    viewer: Viewer,
    gateway_id: str,
    alarms: Collection[Alarm],
    occurrences: Collection[Occurrence],
) -> Dependents | None:
    """Whom the open ones of these faults of a gateway leave unprotected, or in doubt; None where nobody."""
    rules = {alarm.rule for alarm in alarms if alarm.cleared_at is None}
    if CALL_REFUSED in rules:
        return replace(of_gateway(session, viewer, gateway_id), called=True)
    if GATEWAY_OFFLINE in rules:
        return of_gateway(session, viewer, gateway_id)
    if GATEWAY_DRIVER not in rules:
        return None
    drivers = {
        name
        for one in occurrences
        if one.rule == GATEWAY_DRIVER and one.breach in {alarm.breach for alarm in alarms}
        for name in one.value.get("drivers", ())
    }
    return of_gateway(session, viewer, gateway_id, drivers=drivers)


def _seen(viewer: Viewer, resident: Resident, area: str) -> Dependent:
    if not viewer.unmasked:
        return Dependent(id=resident.id, name=resident.name[:1] + MASK, area=area, risk=resident.risk)
    return Dependent(
        id=resident.id,
        name=resident.name,
        area=area,
        risk=resident.risk,
        address=resident.address,
        phone=resident.phone,
    )
