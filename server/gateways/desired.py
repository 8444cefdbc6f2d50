"""What a gateway should do, compiled from the devices attached to it and their profiles.

The document changes only when something in it changes; its version then goes up by one and it is published
(retained) after the commit. Applying differences is the gateway's part.
"""

from collections.abc import Iterable, Sequence
from typing import Any

import msgspec
from sqlalchemy import Row
from sqlalchemy.orm import Session

from firmware_profiles import Catalogue, Profile
from gateway.rules.model import Condition, Rule, Severity, TaskKind
from gateway.wire import DesiredDevice, DesiredMessage
from server.db.database import Change, announce
from server.db.models import Device, Gateway, Position
from server.devices import repository
from server.rhythm.signs import signs_of


def refresh(session: Session, gateway_id: str, catalogue: Catalogue) -> bool:
    """Compiles the gateway's document anew; says whether it changed. To be called in the transaction that
    changed devices, positions or profiles."""
    session.flush()
    gateway = session.get_one(Gateway, gateway_id, with_for_update=True)
    document = msgspec.to_builtins(
        compile_document(repository.attached(session, gateway_id=gateway_id), catalogue)
    )
    del document["version"]
    # The order counts too: a profile's frames are tried in the order in which they stand.
    if msgspec.json.encode(document) == msgspec.json.encode(gateway.desired):
        return False
    gateway.desired = document
    gateway.desired_version += 1
    announce(session, Change("desired", gateway_id))
    return True


def compile_document(
    attached: Sequence[Row[Device, Position]] | Sequence[tuple[Device, Position]], catalogue: Catalogue
) -> DesiredMessage:
    """The document for these devices, without a version of its own (0). Devices whose profile is not in the
    catalogue are left out: registration refuses them, so this is a profile that was taken away."""
    known = [
        (device, position, catalogue[device.profile])
        for device, position in attached
        if device.profile in catalogue
    ]
    return DesiredMessage(
        version=0,
        devices=[
            DesiredDevice(
                id=device.id,
                position=position.id,
                profile=device.profile,
                driver=device.driver,
                address=device.address,
                parameters=device.parameters,
            )
            for device, position, _ in known
        ],
        rules=[
            rule
            for device, position, profile in known
            for rule in rules_of(profile, position.id, device.parameters)
            if position.resident_id is None or rule.id not in _of_doors(profile)
        ],
        profiles={profile.id: profile.document() for profile in _distinct(p for _, _, p in known)},
    )


def _of_doors(profile: Profile) -> set[str]:
    """The rules that an open door breaks: over a well it is an alarm, in somebody's home it is daily life."""
    doors = {sign.point for sign in signs_of(profile) if sign.kind == "door"}
    return {rule.key for rule in profile.rule_templates() if rule.point in doors}


def rules_of(profile: Profile, position: str, parameters: dict[str, float]) -> list[Rule]:
    """A profile's rules, written and derived, at one position; limits may depend on the unit's parameters."""
    values = profile.parameter_values(parameters)
    return [
        Rule(
            id=template.key,
            position=position,
            severity=Severity(template.severity),
            task_kind=TaskKind(template.task),
            when=msgspec.convert(template.condition(values), Condition),
        )
        for template in profile.rule_templates()
    ]


def message(gateway: Gateway) -> DesiredMessage:
    """The document as it goes on the wire."""
    stored: dict[str, Any] = {**gateway.desired, "version": gateway.desired_version}
    return msgspec.convert(stored, DesiredMessage)


def _distinct(profiles: Iterable[Profile]) -> Iterable[Profile]:
    return {profile.id: profile for profile in profiles}.values()
