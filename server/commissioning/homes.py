"""What the states of places in homes mean to people: only what calls help protects somebody."""

from collections.abc import Mapping

from sqlalchemy import select
from sqlalchemy.orm import Session

from firmware_profiles import Catalogue
from server.commissioning.states import Standing, in_home
from server.db.models import Attachment, Device, Position
from server.devices.helping import helps_of


def as_seen(session: Session, found: Mapping[str, Standing], *, catalogue: Catalogue) -> dict[str, Standing]:
    """The states by position, `TESTED` instead of `PROTECTING` for a home's sensor that calls no help."""
    query = (
        select(Position.id, Device.profile)
        .join(Attachment, (Attachment.position_id == Position.id) & Attachment.until.is_(None))
        .join(Device, Device.id == Attachment.device_id)
        .where(Position.resident_id.is_not(None))
    )
    mute = {row[0] for row in session.execute(query) if not helps_of(catalogue.get(row[1]))}
    return {key: in_home(one, helps=key not in mute) for key, one in found.items()}
