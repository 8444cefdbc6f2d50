"""`/api/v1/found`: what gateways have found, and adopting it."""

from datetime import datetime

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict

from server.audit import service as audit
from server.clock import now
from server.dependencies import GetContext, GetViewer
from server.devices.routes import DeviceOut
from server.found import repository, service
from server.found.schemas import AdoptIn
from server.users.roles import Right

router = APIRouter(tags=["devices"])


class FoundOut(BaseModel):
    """A found device. `profile` is what it would be read with, `points` what that gives; `reason` says why it
    cannot be used."""

    model_config = ConfigDict(from_attributes=True)

    id: int
    gateway_id: str
    source: str
    key: str
    name: str
    topic: str
    vendor: str
    model: str
    firmware: str
    profile: str
    points: list[str]
    reason: str
    note: str
    device_id: str | None
    first_at: datetime
    last_at: datetime
    gone_at: datetime | None


@router.get("/found")
def list_found(context: GetContext, viewer: GetViewer, *, everything: bool = False) -> list[FoundOut]:
    """What waits to be adopted; with `everything` also what is adopted or gone."""
    viewer.require(Right.VIEW_DEVICES)
    found: list[FoundOut] = []
    with context.database.read() as session:
        for row in repository.listed(session, pending=not everything):
            profile = service.profile_of(row, context.catalogue)
            columns = {name: getattr(row, name) for name in FoundOut.model_fields if hasattr(row, name)}
            columns["profile"] = profile.id if profile else ""
            found.append(FoundOut(**columns, points=sorted(profile.points) if profile else []))
    return found


@router.post("/found/{found_id}/adopt")
def adopt(context: GetContext, viewer: GetViewer, found_id: int, body: AdoptIn) -> DeviceOut:
    """Registers it at a position; its gateway starts reading it at once."""
    viewer.require(Right.REGISTER)
    with context.database.write() as session:
        device = service.adopt(session, found_id, body, catalogue=context.catalogue, now=now())
        audit.write(session, viewer, action="adopt", subject=("device", device.id), now=now(), found=found_id)
        columns = {name: getattr(device, name) for name in DeviceOut.model_fields if name != "position_id"}
        return DeviceOut(position_id=body.position_id, **columns)
