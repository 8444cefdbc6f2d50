"""What a person sees of gateways."""

from dataclasses import dataclass
from datetime import datetime

import msgspec
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from gateway.wire import Health
from server.clock import from_ms
from server.db.models import Area, Device, Gateway
from server.errors import NotFoundError


@dataclass(frozen=True, slots=True, kw_only=True)
class GatewayView:
    """A gateway, with its last own report. `health` is None until it has sent one."""

    id: str
    name: str
    area: str
    online: bool
    changed_at: datetime | None
    seen_at: datetime | None
    software: str
    desired_version: int
    applied_version: int
    refused_version: int | None
    refused_reason: str | None
    devices: int
    health: Health | None
    health_at: datetime | None


def listed(session: Session) -> list[GatewayView]:
    """All gateways: those that are away first, then by name."""
    gateways = session.scalars(select(Gateway)).all()
    areas: dict[str, str] = dict(session.execute(select(Area.id, Area.name)).all())
    counts: dict[str, int] = dict(
        session.execute(
            select(Device.gateway_id, func.count(Device.id))
            .where(Device.retired_at.is_(None))
            .group_by(Device.gateway_id)
        ).all()
    )
    found = [_view(gateway, areas, counts) for gateway in gateways]
    return sorted(found, key=lambda view: (view.online, view.name, view.id))


def one(session: Session, gateway_id: str) -> GatewayView:
    """One gateway. Raises NotFoundError."""
    found = next((view for view in listed(session) if view.id == gateway_id), None)
    if found is None:
        raise NotFoundError(f"there is no gateway {gateway_id!r}")
    return found


def _health(gateway: Gateway) -> Health | None:
    """Its last report; None where there is none, or an older server has stored one that cannot be."""
    try:
        return msgspec.convert(gateway.health, Health) if gateway.health else None
    except msgspec.ValidationError:
        return None


def _view(gateway: Gateway, areas: dict[str, str], counts: dict[str, int]) -> GatewayView:
    health = _health(gateway)
    return GatewayView(
        id=gateway.id,
        name=gateway.name,
        area=areas.get(gateway.area_id, ""),
        online=gateway.online,
        changed_at=gateway.changed_at,
        seen_at=gateway.seen_at,
        software=gateway.software,
        desired_version=gateway.desired_version,
        applied_version=gateway.applied_version,
        refused_version=gateway.refused_version,
        refused_reason=gateway.refused_reason,
        devices=counts.get(gateway.id, 0),
        health=health,
        health_at=from_ms(health.at_ms) if health else None,
    )
