"""SQL of devices and attachments."""

from collections.abc import Collection, Sequence

from sqlalchemy import Row, select
from sqlalchemy.orm import Session

from server.db.models import Attachment, Device, Position


def attached(
    session: Session,
    *,
    gateway_id: str | None = None,
    position_ids: Sequence[str] | None = None,
    in_wells: bool = False,
    well_ids: Collection[str] | None = None,
    after: str = "",
    limit: int | None = None,
) -> Sequence[Row[Device, Position]]:
    """Devices in service with the positions that they are at now, by position; `after` the id of one, at most
    `limit`."""
    query = (
        select(Device, Position)
        .join(Attachment, Attachment.device_id == Device.id)
        .join(Position, Position.id == Attachment.position_id)
        .where(Attachment.until.is_(None), Device.retired_at.is_(None))
        .order_by(Position.id)
        .limit(limit)
    )
    if after:
        query = query.where(Position.id > after)
    if gateway_id is not None:
        query = query.where(Device.gateway_id == gateway_id)
    if in_wells:
        query = query.where(Position.well_id.is_not(None))
    if well_ids is not None:
        query = query.where(Position.well_id.in_(well_ids))
    if position_ids is not None:
        query = query.where(Position.id.in_(position_ids))
    return session.execute(query).all()


def attachment_of(session: Session, *, device_id: str) -> Attachment | None:
    """Where the device is now."""
    return session.scalar(
        select(Attachment).where(Attachment.device_id == device_id, Attachment.until.is_(None))
    )


def attachment_at(session: Session, *, position_id: str) -> Attachment | None:
    """What is at the position now."""
    return session.scalar(
        select(Attachment).where(Attachment.position_id == position_id, Attachment.until.is_(None))
    )
