"""Hardware at a position: finding what a code names, installing what was found, replacing what is broken."""

import re
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import Text, cast, or_, select
from sqlalchemy.orm import Session

from firmware_profiles import Catalogue
from server.audit import service as audit
from server.commissioning import repository
from server.commissioning.codes import Code, CodeKind, parse
from server.db.database import Change, announce
from server.db.models import Attachment, Device, FoundDevice, Position
from server.devices import repository as devices
from server.devices import service as registry
from server.devices.schemas import DeviceIn
from server.errors import ConflictError, InvalidError, NotFoundError
from server.found import service as found
from server.found.schemas import AdoptIn
from server.places.schemas import Id
from server.users.roles import Right
from server.users.viewer import Viewer

_RADIO: Final = frozenset({CodeKind.LORAWAN, CodeKind.ZIGBEE, CodeKind.EUI})
_EUI: Final = re.compile(r"(?:0x)?[0-9A-Fa-f]{16}")
Reason = Literal["broken", "battery", "damaged", "lost", "other"]


class HardwareIn(BaseModel):
    """The hardware that goes to a position: a found device (`found_id`), or what its code says (`code`). A
    code alone is enough for the successor of a device that is reached by such an id; otherwise `address`,
    and where there was none before it `profile` and `gateway_id`, have to be given."""

    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True)

    found_id: int | None = None
    code: Annotated[str, Field(max_length=512)] = ""
    device_id: Id | None = None
    profile: Id | None = None
    gateway_id: Id | None = None
    address: dict[str, Any] | None = None
    parameters: dict[str, float] | None = None


class SwapIn(HardwareIn):
    """The successor, and why the old one goes."""

    reason: Reason = "broken"


@dataclass(frozen=True, slots=True)
class Named:
    """What a code names of all that is known here; empty where it is new."""

    position_id: str | None = None
    device_id: str | None = None
    found_id: int | None = None


def look_up(session: Session, code: Code) -> Named:
    """Finds what the code names: a position, a registered device (with its position), or a found one."""
    if code.kind is CodeKind.POSITION:
        return Named(position_id=code.id) if session.get(Position, code.id) is not None else Named()
    row = _found(session, code)
    device = _device(session, code) or (
        session.get(Device, row.device_id) if row is not None and row.device_id is not None else None
    )
    attachment = devices.attachment_of(session, device_id=device.id) if device is not None else None
    return Named(
        attachment.position_id if attachment is not None else None,
        device.id if device is not None and device.retired_at is None else None,
        row.id if row is not None else None,
    )


def install(
    session: Session,
    viewer: Viewer,
    position_id: str,
    given: HardwareIn,
    *,
    catalogue: Catalogue,
    now: datetime,
) -> Device:
    """Puts hardware at an empty position. Raises NotFoundError, ConflictError where the position is taken or
    the hardware is in service elsewhere, InvalidError with every mistake."""
    viewer.require(Right.REGISTER)
    if session.get(Position, position_id, with_for_update=True) is None:
        raise NotFoundError(f"there is no position {position_id!r}")
    if devices.attachment_at(session, position_id=position_id) is not None:
        raise ConflictError(
            f"position {position_id!r} holds a device already: replace it", where="position_id"
        )
    device = _put(session, position_id, given, None, catalogue=catalogue, now=now)
    audit.write(
        session, viewer, action="install", subject=("position", position_id), now=now, device=device.id
    )
    announce(session, Change("position", position_id, "installed"))
    return device


def swap(
    session: Session,
    viewer: Viewer,
    position_id: str,
    given: SwapIn,
    *,
    catalogue: Catalogue,
    now: datetime,
) -> Device:
    """Replaces the hardware at the position. Position, resident, rules, tasks and history stay as they are;
    the old device is out of service from `now` on, the new one untested. Raises as `install` does, and
    ConflictError while a test runs there."""
    viewer.require(Right.REGISTER)
    if session.get(Position, position_id, with_for_update=True) is None:
        raise NotFoundError(f"there is no position {position_id!r}")
    if (test := repository.running(session, position_id=position_id)) is not None and test.expires_at > now:
        raise ConflictError("a test is running at this position: end it first")
    old = registry.take_out(session, position_id, catalogue=catalogue, now=now)
    device = _put(session, position_id, given, old, catalogue=catalogue, now=now)
    audit.write(
        session,
        viewer,
        action="swap",
        subject=("position", position_id),
        reason=given.reason,
        now=now,
        old=old.id,
        device=device.id,
    )
    announce(session, Change("position", position_id, "swapped"))
    return device


def successor_address(old: Device, code: Code) -> dict[str, Any] | None:
    """Where the successor of a device is reached, as far as its code tells: the same place on a bus, the same
    topic or sender with its own id in it. None where that cannot be known (a Zigbee device's topic)."""
    address = dict(old.address)
    if old.driver == "modbus":
        return address
    if old.driver == "http":
        return {**address, "identity": code.serial or code.id} if "identity" in address else None
    topic = str(address.get("topic", ""))
    if "ieee_address" in address or code.kind not in _RADIO or not _EUI.search(topic):
        return None
    address["topic"] = _EUI.sub(lambda was: code.id.upper() if was[0].isupper() else code.id, topic, count=1)
    return address


def _put(
    session: Session,
    position_id: str,
    given: HardwareIn,
    old: Device | None,
    *,
    catalogue: Catalogue,
    now: datetime,
) -> Device:
    code = parse(given.code) if given.code else None
    named = look_up(session, code) if code is not None else Named()
    parameters = given.parameters if given.parameters is not None else (old.parameters if old else {})
    found_id = given.found_id if given.found_id is not None else named.found_id
    taken = named.device_id
    if found_id is not None and taken is None:
        row = session.get(FoundDevice, found_id)
        taken = row.device_id if row is not None and _in_service(session, row.device_id) else None
    if taken is not None:
        where = f" at {named.position_id}" if named.position_id else ""
        raise ConflictError(f"this is device {taken!r}, in service{where}: take another one", where="code")
    if found_id is not None:
        profile = given.profile
        if old is not None and profile is None:
            row = session.get(FoundDevice, found_id)
            profile = None if row is None or found.profile_of(row, catalogue) is not None else old.profile
        kept = _for_profile(session, found_id, profile, parameters, catalogue)
        asked = AdoptIn(position_id=position_id, device_id=given.device_id, profile=profile, parameters=kept)
        return found.adopt(session, found_id, asked, catalogue=catalogue, now=now)
    if code is None:
        raise InvalidError("scan or type the new device's code, or choose a found one", where="code")
    address = given.address or (successor_address(old, code) if old is not None else None)
    profile_id = given.profile or (old.profile if old is not None else None)
    gateway_id = given.gateway_id or (old.gateway_id if old is not None else None)
    if address is None or profile_id is None or gateway_id is None:
        raise InvalidError(
            "this device is not known yet: let it join (it then waits among the found devices), "
            "or give its profile, gateway and address",
            where="address",
        )
    body = DeviceIn(
        gateway_id=gateway_id,
        position_id=position_id,
        profile=profile_id,
        address=address,
        parameters=parameters,
        serial=(code.serial or code.id)[:100],
    )
    device_id = given.device_id or new_id(session, position_id)
    if session.get(Device, device_id) is not None:
        raise ConflictError(f"there was a device {device_id!r} already: choose another id", where="device_id")
    return registry.register(session, device_id, body, catalogue=catalogue, now=now)


def new_id(session: Session, position_id: str) -> str:
    """An id for the next device of a position: "dev-home-3", then "dev-home-3.2" and so on."""
    used = session.query(Attachment).filter(Attachment.position_id == position_id).count()
    number = used + 1
    while session.get(Device, name := f"dev-{position_id}"[:58] + (f".{number}" if number > 1 else "")):
        number += 1
    return name


def _for_profile(
    session: Session,
    found_id: int,
    profile: str | None,
    parameters: dict[str, float],
    catalogue: Catalogue,
) -> dict[str, float]:
    """Of the predecessor's parameters those that the new profile asks for too."""
    row = session.get(FoundDevice, found_id)
    known = catalogue.get(profile) if profile else (found.profile_of(row, catalogue) if row else None)
    return {name: value for name, value in parameters.items() if known is None or name in known.parameters}


def _in_service(session: Session, device_id: str | None) -> bool:
    device = session.get(Device, device_id) if device_id is not None else None
    return device is not None and device.retired_at is None


def _found(session: Session, code: Code) -> FoundDevice | None:
    keys = {code.id, f"0x{code.id}"} if code.kind in _RADIO else {code.id}
    return session.scalar(
        select(FoundDevice)
        .where(FoundDevice.key.in_(keys), FoundDevice.gone_at.is_(None))
        .order_by(FoundDevice.last_at.desc())
        .limit(1)
    )


def _device(session: Session, code: Code) -> Device | None:
    if code.kind is CodeKind.DEVICE:
        return session.get(Device, code.id)
    query = select(Device).where(Device.retired_at.is_(None))
    if code.kind in _RADIO:
        text = cast(Device.address, Text)
        query = query.where(
            or_(text.icontains(code.id, autoescape=True), Device.serial.icontains(code.id, autoescape=True))
        )
    else:
        query = query.where(or_(Device.serial == code.id, Device.id == code.id))
    return session.scalar(query.order_by(Device.id).limit(1))
