"""`/api/v1/devices`, `/api/v1/profiles` and `/api/v1/quarantine`."""

from datetime import datetime
from typing import Annotated, Any
from urllib.parse import urlencode

from fastapi import APIRouter, Query, Response
from pydantic import BaseModel, ConfigDict

from server.audit import service as audit
from server.clock import now
from server.dependencies import GetContext, GetViewer
from server.devices import repository, service
from server.devices.schemas import DeviceIn
from server.ingest import quarantine
from server.users.roles import Right

router = APIRouter(tags=["devices"])


class DeviceOut(BaseModel):
    """A device and where it is now."""

    model_config = ConfigDict(from_attributes=True)

    id: str
    gateway_id: str
    position_id: str | None
    profile: str
    driver: str
    address: dict[str, Any]
    parameters: dict[str, Any]
    serial: str
    firmware: str
    created_at: datetime
    retired_at: datetime | None


class ProfileOut(BaseModel):
    """A device model that Sunwell knows, in short."""

    id: str
    family: str
    vendor: str
    model: str
    driver: str
    name: dict[str, str]
    points: list[str]
    rules: list[str]


class QuarantinedOut(BaseModel):
    """A refused message. `payload` is hexadecimal, its first 512 bytes."""

    id: int
    at: datetime
    gateway_id: str | None
    topic: str
    reason: str
    detail: str
    size: int
    payload: str


@router.get("/devices")
def list_devices(
    context: GetContext,
    viewer: GetViewer,
    response: Response,
    after: Annotated[str, Query(max_length=200)] = "",
    limit: Annotated[int, Query(ge=1, le=5000)] = 1000,
) -> list[DeviceOut]:
    """Devices in service, by position. Where there are more, the header `Link` (rel="next") has the address
    of the next ones: those after the last position."""
    viewer.require(Right.VIEW_DEVICES)
    with context.database.read() as session:
        rows = repository.attached(session, after=after, limit=limit + 1)
    if len(rows) > limit:
        asked = urlencode({"after": rows[limit - 1][1].id, "limit": limit})
        response.headers["Link"] = f'</api/v1/devices?{asked}>; rel="next"'
    return [_out(device, position.id) for device, position in rows[:limit]]


@router.put("/devices/{key}")
def put_device(context: GetContext, viewer: GetViewer, key: str, body: DeviceIn) -> DeviceOut:
    """Registers or corrects a device; its gateway starts reading it at once."""
    viewer.require(Right.REGISTER)
    with context.database.write() as session:
        device = service.register(session, key, body, catalogue=context.catalogue, now=now())
        audit.write(session, viewer, action="register", subject=("device", key), now=now())
        return _out(device, body.position_id)


@router.delete("/devices/{key}")
def retire_device(context: GetContext, viewer: GetViewer, key: str) -> DeviceOut:
    """Takes a device out of service; its history stays."""
    viewer.require(Right.REGISTER)
    with context.database.write() as session:
        device = service.retire(session, key, catalogue=context.catalogue, now=now())
        audit.write(session, viewer, action="retire", subject=("device", key), now=now())
        return _out(device, None)


@router.get("/profiles")
def list_profiles(context: GetContext, viewer: GetViewer) -> list[ProfileOut]:
    """The device models that Sunwell knows."""
    viewer.require(Right.VIEW_TASKS)
    return [
        ProfileOut(
            id=profile.id,
            family=profile.family,
            vendor=profile.vendor,
            model=profile.model,
            driver=profile.driver,
            name={"zh": profile.name.zh, "en": profile.name.en},
            points=sorted(profile.points),
            rules=[template.key for template in profile.rule_templates()],
        )
        for profile in context.catalogue.values()
    ]


@router.get("/quarantine")
def list_quarantine(
    context: GetContext,
    viewer: GetViewer,
    before_id: int | None = None,
    limit: Annotated[int, Query(ge=1, le=500)] = 100,
) -> list[QuarantinedOut]:
    """Messages that could not be used, newest first, with the reason."""
    viewer.require(Right.REGISTER)
    with context.database.read() as session:
        return [
            QuarantinedOut(
                id=row.id,
                at=row.at,
                gateway_id=row.gateway_id,
                topic=row.topic,
                reason=row.reason,
                detail=row.detail,
                size=row.size,
                payload=row.payload[:512].hex(),
            )
            for row in quarantine.listed(session, limit=limit, before_id=before_id)
        ]


def _out(device: Any, position_id: str | None) -> DeviceOut:
    columns = {name: getattr(device, name) for name in DeviceOut.model_fields if name != "position_id"}
    return DeviceOut(position_id=position_id, **columns)
