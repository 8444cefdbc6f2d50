"""By what each resident can get help now: what hangs in their home, whether or not it works."""

from collections.abc import Collection

from sqlalchemy import select
from sqlalchemy.orm import Session

from firmware_profiles import Catalogue
from server.db.models import Attachment, Device, Position
from server.devices.helping import Help, helps_of


def helps(
    session: Session, resident_ids: Collection[str], *, catalogue: Catalogue
) -> dict[str, tuple[Help, ...]]:
    """By resident, in the order of `Help`; residents without any are left out."""
    query = (
        select(Position.resident_id, Device.profile)
        .join(Attachment, (Attachment.position_id == Position.id) & Attachment.until.is_(None))
        .join(Device, (Device.id == Attachment.device_id) & Device.retired_at.is_(None))
        .where(Position.resident_id.in_(resident_ids))
        .distinct()
    )
    found: dict[str, frozenset[Help]] = {}
    for resident_id, profile in session.execute(query):
        assert resident_id is not None
        found[resident_id] = found.get(resident_id, frozenset()) | helps_of(catalogue.get(profile))
    return {
        resident_id: tuple(one for one in Help if one in each) for resident_id, each in found.items() if each
    }
