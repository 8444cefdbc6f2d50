"""`/api/v1/gateways/{id}/commands`, `/api/v1/devices/{id}/commands`, `/api/v1/commands/{id}`."""

from typing import Annotated

from fastapi import APIRouter, Query

from server.clock import now
from server.commands import asking, repository
from server.commands.schemas import CommandIn, CommandOut
from server.db.models import Command
from server.dependencies import GetContext, GetViewer
from server.errors import NotFoundError
from server.users.roles import Right

router = APIRouter(tags=["commands"])
Limit = Annotated[int, Query(ge=1, le=500)]


@router.post("/gateways/{key}/commands", status_code=202)
def command_gateway(context: GetContext, viewer: GetViewer, key: str, body: CommandIn) -> CommandOut:
    """Asks a gateway for something of its own: identify, test, locate, restart, log_level."""
    return CommandOut.model_validate(asking.gateway(context, viewer, key, body, now=now()))


@router.post("/devices/{key}/commands", status_code=202)
def command_device(context: GetContext, viewer: GetViewer, key: str, body: CommandIn) -> CommandOut:
    """Tells a device one of the commands of its profile."""
    return CommandOut.model_validate(asking.device(context, viewer, key, body, now=now()))


@router.get("/gateways/{key}/commands")
def gateway_commands(context: GetContext, viewer: GetViewer, key: str, limit: Limit = 50) -> list[CommandOut]:
    """What was asked of a gateway and its devices, newest first."""
    viewer.require(Right.VIEW_DEVICES)
    with context.database.read() as session:
        rows = repository.listed(session, gateway_id=key, limit=limit)
        return [CommandOut.model_validate(row) for row in rows]


@router.get("/devices/{key}/commands")
def device_commands(context: GetContext, viewer: GetViewer, key: str, limit: Limit = 50) -> list[CommandOut]:
    """What was asked of a device, newest first."""
    viewer.require(Right.VIEW_DEVICES)
    with context.database.read() as session:
        rows = repository.listed(session, device_id=key, limit=limit)
        return [CommandOut.model_validate(row) for row in rows]


@router.get("/commands/{command_id}")
def one_command(context: GetContext, viewer: GetViewer, command_id: str) -> CommandOut:
    """One command and how far it has come."""
    viewer.require(Right.VIEW_DEVICES)
    with context.database.read() as session:
        row = session.get(Command, command_id)
        if row is None:
            raise NotFoundError(f"there is no command {command_id!r}")
        return CommandOut.model_validate(row)
