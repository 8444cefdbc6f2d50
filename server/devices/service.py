"""Registering devices, attaching them to positions, taking them out of service."""

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any

from pydantic import ValidationError
from sqlalchemy.orm import Session

from firmware_profiles import Catalogue, Profile
from server.db.models import Attachment, AuditEntry, Device, Gateway, Position
from server.devices import repository
from server.devices.schemas import ADDRESSES, LONGEST_FIRMWARE, DeviceIn
from server.errors import ConflictError, InvalidError, NotFoundError
from server.gateways import desired
from server.places.schemas import check_id
from server.users import reach


def register(
    session: Session,
    device_id: str,
    device: DeviceIn,
    *,
    catalogue: Catalogue,
    now: datetime,
    tell: bool = True,
) -> Device:
    """Creates or corrects a device and attaches it to its position; its gateway gets it at once. Its profile
    becomes the variant for the firmware version that is stated; with an unknown version it stays as given.
    Without `tell` the caller has to refresh the gateways' desired states: once after many devices.

    Raises InvalidError with every mistake in `details["errors"]` ({"where", "message"}), or ConflictError
    where another device is at that position.
    """
    checked = check(session, device_id, device, catalogue)
    row = session.get(Device, device_id)
    if row is not None and row.profile == checked.id:
        device = _with_baselines(device, row, checked)
    gateways = {device.gateway_id} | ({row.gateway_id} if row else set())
    values = _columns(device, checked)
    if row is None:
        row = Device(id=device_id, created_at=now, **values)
        session.add(row)
    else:
        for name, value in values.items():
            setattr(row, name, value)
    session.flush()
    _attach(session, device_id=device_id, position_id=device.position_id, now=now)
    for gateway_id in sorted(gateways) if tell else ():
        desired.refresh(session, gateway_id, catalogue)
    return row


def register_new(
    session: Session, devices: Mapping[str, DeviceIn], *, catalogue: Catalogue, now: datetime
) -> None:
    """Creates many devices at once, each new and at a free position: the caller has checked every one, and
    the indices refuse the rest. The gateways' desired states are the caller's to refresh."""
    for device_id, device in devices.items():
        checked = catalogue.variant(device.profile, device.firmware).profile
        session.add(Device(id=device_id, created_at=now, **_columns(device, checked)))
    session.flush()
    session.add_all(
        Attachment(device_id=device_id, position_id=device.position_id, since=now)
        for device_id, device in devices.items()
    )
    session.flush()


def take_out(session: Session, position_id: str, *, catalogue: Catalogue, now: datetime) -> Device:
    """Takes the device at the position out of service, to make room for its successor; what it was there for
    stays with the position. Raises NotFoundError, ConflictError where nothing is there."""
    if session.get(Position, position_id, with_for_update=True) is None:
        raise NotFoundError(f"there is no position {position_id!r}")
    attachment = repository.attachment_at(session, position_id=position_id)
    if attachment is None:
        raise ConflictError(f"nothing is installed at position {position_id!r}", where="position_id")
    return retire(session, attachment.device_id, catalogue=catalogue, now=now)


def told_firmware(
    session: Session, device_id: str, version: str, *, gateway_id: str, catalogue: Catalogue, now: datetime
) -> bool:
    """Keeps the version that a device reports, and reads it with the variant for it from then on; says
    whether anything changed. A variant that needs parameters which nobody has given is not taken: its rules
    could not be made. The device's page says so."""
    version = version.strip()[:LONGEST_FIRMWARE]
    row = session.get(Device, device_id)
    if row is None or row.retired_at is not None or row.gateway_id != gateway_id or row.firmware == version:
        return False
    # Locked before the device, in the order in which found devices are kept.
    session.get_one(Gateway, gateway_id, with_for_update=True)
    before, row.firmware = row.firmware, version
    profile = catalogue.get(row.profile)
    variant = catalogue.variant(profile.id, version).profile if profile else None
    detail = {"from": before, "to": version}
    if variant is not None and variant.id != row.profile and not _missing(variant, row.parameters):
        detail["profile"] = row.profile = variant.id
        desired.refresh(session, gateway_id, catalogue)
    session.add(
        AuditEntry(
            at=now,
            user_id=None,
            action="firmware",
            subject_kind="device",
            subject_id=device_id,
            reason="the device reports it",
            detail=detail,
        )
    )
    return True


def _missing(profile: Profile, parameters: Mapping[str, float]) -> set[str]:
    return set(profile.parameters) - set(profile.parameter_values(parameters))


def retire(session: Session, device_id: str, *, catalogue: Catalogue, now: datetime) -> Device:
    """Takes a device out of service; its history and its position's stay. Raises NotFoundError."""
    row = session.get(Device, device_id)
    if row is None:
        raise NotFoundError(f"there is no device {device_id!r}")
    row.retired_at = now
    attachment = repository.attachment_of(session, device_id=device_id)
    if attachment is not None:
        attachment.until = now
    desired.refresh(session, row.gateway_id, catalogue)
    return row


def _attach(session: Session, *, device_id: str, position_id: str, now: datetime) -> None:
    there = repository.attachment_at(session, position_id=position_id)
    if there is not None and there.device_id != device_id:
        raise ConflictError(
            f"position {position_id!r} holds device {there.device_id!r}: take that out of service first",
            where="position_id",
        )
    if there is not None:
        return
    elsewhere = repository.attachment_of(session, device_id=device_id)
    if elsewhere is not None:
        elsewhere.until = now
        session.flush()
    session.add(Attachment(device_id=device_id, position_id=position_id, since=now))
    session.flush()


def _with_baselines(device: DeviceIn, row: Device, profile: Profile) -> DeviceIn:
    """Installed angles are measured, not written: a correction that does not speak of them leaves them."""
    kept = {
        rule.baseline: row.parameters[rule.baseline]
        for rule in profile.rule_templates()
        if rule.baseline is not None and rule.baseline in row.parameters
    }
    return device.model_copy(update={"parameters": {**kept, **device.parameters}})


def _columns(device: DeviceIn, profile: Profile) -> dict[str, Any]:
    return {
        "gateway_id": device.gateway_id,
        "profile": profile.id,
        "driver": profile.driver,
        "address": ADDRESSES[profile.driver].model_validate(device.address).model_dump(exclude_none=True),
        "parameters": device.parameters,
        "serial": device.serial,
        "firmware": device.firmware,
        "retired_at": None,
    }


def check(
    session: Session,
    device_id: str,
    device: DeviceIn,
    catalogue: Catalogue,
    *,
    coming: Collection[str] = (),
) -> Profile:
    """The profile that the device would be read with. `coming` are positions that are not there yet but will
    be. Raises InvalidError with every mistake, as `register` does."""
    errors: list[dict[str, str]] = []
    try:
        check_id(device_id)
    except ValueError as error:
        errors.append({"where": "id", "message": str(error)})
    for where, model, key in (
        ("gateway_id", Gateway, device.gateway_id),
        ("position_id", Position, device.position_id),
    ):
        if not reach.known(session, model, key) and not (model is Position and key in coming):
            errors.append({"where": where, "message": f"there is no {where.removesuffix('_id')} {key!r}"})
    given = catalogue.get(device.profile)
    profile = catalogue.variant(given.id, device.firmware).profile if given is not None else None
    if profile is None:
        errors.append({"where": "profile", "message": f"there is no profile {device.profile!r}"})
    else:
        errors += _address_errors(profile, device) + _parameter_errors(profile, device)
    if errors or profile is None:
        text = "; ".join(f"{error['where']}: {error['message']}" for error in errors)
        raise InvalidError(text, errors=errors)
    return profile


def _address_errors(profile: Profile, device: DeviceIn) -> list[dict[str, str]]:
    try:
        ADDRESSES[profile.driver].model_validate(device.address)
    except ValidationError as error:
        return [
            {"where": "address." + ".".join(map(str, e["loc"])), "message": e["msg"]} for e in error.errors()
        ]
    return []


def _parameter_errors(profile: Profile, device: DeviceIn) -> list[dict[str, str]]:
    unknown = set(device.parameters) - set(profile.parameters)
    missing = _missing(profile, device.parameters)
    return [
        {"where": f"parameters.{name}", "message": f"the profile {profile.id} has no parameter {name!r}"}
        for name in sorted(unknown)
    ] + [
        {"where": f"parameters.{name}", "message": f"{profile.parameters[name].name.en}: a number is needed"}
        for name in sorted(missing)
    ]
