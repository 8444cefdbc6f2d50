"""Keeping what gateways find, following changes of name, and adopting.

A registered device is known again by its topic once, and by its hardware from then on. When its name changes,
its address follows, so that readings go on; the audit log says so.
"""

import re
from collections.abc import Mapping
from datetime import datetime
from functools import lru_cache
from hashlib import sha256
from typing import Any, Final

import msgspec
from sqlalchemy.orm import Session

from firmware_profiles import Catalogue, Profile, ProfileErrors, parse_profile
from firmware_profiles.generate.approved import ApprovedValue, with_values
from firmware_profiles.generate.draft import NotUsableError
from gateway.wire import FoundDevice as Told
from gateway.wire import FoundMessage
from server.db.database import Change, announce
from server.db.models import AuditEntry, Device, FoundDevice, Gateway, StoredProfile
from server.devices import service as devices
from server.devices.schemas import DeviceIn
from server.errors import ConflictError, InvalidError, NotFoundError
from server.found import repository
from server.found.schemas import AdoptIn
from server.gateways import desired

GENERATED: Final = "generated-"
MOST_KEPT: Final = 5_000
"""Found devices of one gateway, gone ones included."""
_LONGEST: Final[Mapping[str, int]] = {"id": 256, "topic": 256, "base": 256, "reason": 500, "note": 500}


def hear(
    session: Session, *, gateway_id: str, message: FoundMessage, catalogue: Catalogue, now: datetime
) -> None:
    """Keeps what a gateway has found; the same message again changes nothing. Raises NotFoundError for a
    gateway that nobody registered."""
    if session.get(Gateway, gateway_id, with_for_update=True) is None:
        raise NotFoundError(f"gateway {gateway_id!r} is not registered")
    rows = {(row.source, row.key): row for row in repository.of_gateway(session, gateway_id=gateway_id)}
    registered = list(repository.in_service(session, gateway_id=gateway_id))
    was_at = {key: row.topic for key, row in rows.items() if row.gone_at is None}
    told: dict[tuple[str, str], Told] = {}
    for one in message.devices:
        key = (_text(one.source), _text(one.id, 256))
        if key in rows or len(rows) + len(told) < MOST_KEPT:
            told[key] = one
    for key, one in told.items():
        if key not in rows:
            source, name = key
            rows[key] = FoundDevice(gateway_id=gateway_id, source=source, key=name, first_at=now)
            session.add(rows[key])
        _update(rows[key], one, message.profiles, now)
    heard = set(message.sources)
    for key, row in rows.items():
        if key not in told and row.gone_at is None and f"{row.source}/{row.base}" in heard:
            row.gone_at = now
    session.flush()
    present = [row for key, row in rows.items() if key in told]
    changed = [_follow(session, row, registered, was_at, now) for row in present]
    if any(changed):
        desired.refresh(session, gateway_id, catalogue)
    for row in present:
        if row.device_id is not None and row.firmware:
            devices.told_firmware(
                session, row.device_id, row.firmware, gateway_id=gateway_id, catalogue=catalogue, now=now
            )
    announce(session, Change("found", gateway_id))


def adopt(session: Session, found_id: int, given: AdoptIn, *, catalogue: Catalogue, now: datetime) -> Device:
    """Registers a found device at a position; its gateway gets it at once.

    Raises NotFoundError, ConflictError where it is adopted already or the position is taken, InvalidError
    with every mistake in `details["errors"]`.
    """
    row = session.get(FoundDevice, found_id, with_for_update=True)
    if row is None:
        raise NotFoundError(f"there is no found device {found_id}")
    if row.device_id is not None and given.device_id not in (None, row.device_id):
        raise ConflictError(f"it is registered already, as device {row.device_id!r}", where="device_id")
    if given.values:
        profile = _approve(session, row, given, catalogue, now)
    else:
        profile = given.profile or (known.id if (known := profile_of(row, catalogue)) else "")
    if not profile:
        raise InvalidError(
            f"no profile can read it ({row.reason or 'none was made'}): choose one", where="profile"
        )
    if profile not in catalogue:
        _store_profile(session, row, profile, catalogue, now)
    address: dict[str, Any] = {"topic": row.topic}
    if row.source == "zigbee2mqtt":
        address["ieee_address"] = row.key
    device = devices.register(
        session,
        given.device_id or row.device_id or device_id_of(row),
        DeviceIn(
            gateway_id=row.gateway_id,
            position_id=given.position_id,
            profile=profile,
            address=address,
            parameters=given.parameters,
            serial=row.key[:100],
            firmware=row.firmware,
        ),
        catalogue=catalogue,
        now=now,
    )
    row.device_id = device.id
    announce(session, Change("found", row.gateway_id))
    return device


def profile_of(row: FoundDevice, catalogue: Catalogue) -> Profile | None:
    """The profile that a found device would be read with. One of this server's own for its model goes before
    one that was made: it may be newer than the gateway. None where there is none, or it cannot be read."""
    if row.profile and not row.profile.startswith(GENERATED):
        return catalogue.get(row.profile)
    for known in catalogue.find(row.vendor, row.model):
        if known.transport == row.source and not known.id.startswith(GENERATED):
            return known
    if row.profile in catalogue:
        return catalogue[row.profile]
    made = _parsed(msgspec.json.encode(row.document, order="deterministic")) if row.document else None
    return made if made is not None and made.id == row.profile else None


@lru_cache(maxsize=500)
def _parsed(document: bytes) -> Profile | None:
    try:
        return parse_profile(msgspec.json.decode(document))
    except ProfileErrors:
        return None


def device_id_of(row: FoundDevice) -> str:
    """The id of the hardware: its address, in the letters that an id may have."""
    words = re.sub(r"[^A-Za-z0-9]+", "-", row.key).strip("-")[:40]
    if row.source == "zigbee2mqtt":
        return f"zigbee-{words}"
    return f"found-{words}-{sha256(row.key.encode()).hexdigest()[:8]}"


def _update(row: FoundDevice, one: Told, profiles: Mapping[str, dict[str, Any]], now: datetime) -> None:
    for name in ("base", "name", "topic", "vendor", "model", "firmware", "profile", "note"):
        setattr(row, name, _text(getattr(one, name), _LONGEST.get(name, 100)))
    row.reason = _text(one.reason or "", 500)
    row.document = dict(profiles.get(one.profile, {}))
    row.last_at = now
    row.gone_at = None


def _follow(
    session: Session,
    row: FoundDevice,
    registered: list[Device],
    was_at: Mapping[tuple[str, str], str],
    now: datetime,
) -> bool:
    """Finds the registered device that this is, and moves its topic along; says whether anything changed."""
    device = next((one for one in registered if one.id == row.device_id), None)
    if device is None:
        device = next((one for one in registered if one.address.get("topic") == row.topic), None)
        if device is None or (row.device_id is not None and row.device_id != device.id):
            return False
        row.device_id = device.id
    address = {**device.address, "topic": row.topic}
    if row.source == "zigbee2mqtt":
        address["ieee_address"] = row.key
    before = device.address.get("topic")
    moved = before != row.topic
    if moved and before != was_at.get((row.source, row.key), before):
        return False  # somebody has given it another topic by hand
    if address == device.address:
        return False
    device.address = address
    session.add(
        AuditEntry(
            at=now,
            user_id=None,
            action="rename" if moved else "recognise",
            subject_kind="device",
            subject_id=device.id,
            reason="its source says so",
            detail={"from": before, "to": row.topic},
        )
    )
    return True


def _store_profile(
    session: Session, row: FoundDevice, profile_id: str, catalogue: Catalogue, now: datetime
) -> None:
    if profile_id != row.profile or not profile_id.startswith(GENERATED):
        raise InvalidError(f"there is no profile {profile_id!r}", where="profile")
    try:
        profile = parse_profile(row.document)
    except ProfileErrors as error:
        raise InvalidError(f"its generated profile cannot be read: {error}", where="profile") from error
    if profile.id != profile_id:
        raise InvalidError(f"its generated profile calls itself {profile.id!r}", where="profile")
    stored = session.get(StoredProfile, profile_id)
    if stored is None:
        session.add(StoredProfile(id=profile_id, document=row.document, created_at=now))
        session.flush()
    catalogue.add(profile)
    announce(session, Change("profile", profile_id))


def _approve(session: Session, row: FoundDevice, given: AdoptIn, catalogue: Catalogue, now: datetime) -> str:
    """A profile of its own with the values that a person approved, kept for all servers; its id."""
    if row.source != "home_assistant" or given.profile is not None:
        raise InvalidError("values are added to what Home Assistant's discovery says alone", where="values")
    values = [ApprovedValue(**value.model_dump()) for value in given.values]
    try:
        document = with_values(row.document or None, row.vendor, row.model or row.name, values)
        profile = parse_profile(document)
    except (NotUsableError, ProfileErrors) as error:
        raise InvalidError(str(error), where="values") from error
    if session.get(StoredProfile, profile.id) is None:
        session.add(StoredProfile(id=profile.id, document=document, created_at=now))
        session.flush()
    catalogue.add(profile)
    announce(session, Change("profile", profile.id))
    return profile.id


def _text(text: str, length: int = 100) -> str:
    """Peer text, printable and cut (PostgreSQL takes no NUL)."""
    return "".join(letter for letter in text[:length] if letter.isprintable())
