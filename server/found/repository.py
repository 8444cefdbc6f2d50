"""SQL of found devices."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Select, func, or_, select
from sqlalchemy.orm import Session

from server.db.models import Device, FoundDevice


def of_gateway(session: Session, *, gateway_id: str) -> Sequence[FoundDevice]:
    """All that the gateway ever found."""
    return session.scalars(select(FoundDevice).where(FoundDevice.gateway_id == gateway_id)).all()


def in_service(session: Session, *, gateway_id: str) -> Sequence[Device]:
    """The gateway's registered devices that speak on a topic."""
    query = select(Device).where(
        Device.gateway_id == gateway_id, Device.driver == "mqtt", Device.retired_at.is_(None)
    )
    return session.scalars(query).all()


def listed(session: Session, *, pending: bool) -> Sequence[FoundDevice]:
    """Found devices by gateway and name; `pending` leaves out those that are adopted or gone."""
    query = select(FoundDevice).order_by(FoundDevice.gateway_id, FoundDevice.name, FoundDevice.id)
    return session.scalars(_pending(query) if pending else query).all()


def count_pending(session: Session) -> int:
    """How many wait to be adopted."""
    return int(session.scalar(_pending(select(func.count(FoundDevice.id)))) or 0)


def _pending(query: Select[Any]) -> Select[Any]:
    """Present, and not registered: never, or taken out of service."""
    return query.outerjoin(Device, Device.id == FoundDevice.device_id).where(
        FoundDevice.gone_at.is_(None),
        or_(FoundDevice.device_id.is_(None), Device.retired_at.is_not(None)),
    )
