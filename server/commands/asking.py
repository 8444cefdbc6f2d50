"""Asking on somebody's behalf: their right, the command, the line in the audit log, in one transaction."""

from datetime import datetime

from sqlalchemy.orm import Session

from server.audit import service as audit
from server.commands import service
from server.commands.schemas import CommandIn
from server.context import Context
from server.db.models import Command
from server.users.roles import Right
from server.users.viewer import Viewer


def gateway(context: Context, viewer: Viewer, gateway_id: str, given: CommandIn, *, now: datetime) -> Command:
    """Asks a gateway. Raises ForbiddenError, and what `service.ask_gateway` raises."""
    viewer.require(Right.COMMAND)
    with context.database.write() as session:
        command = service.ask_gateway(session, gateway_id, given, user_id=viewer.user_id, now=now)
        return _audited(session, viewer, ("gateway", gateway_id), command, now)


def device(context: Context, viewer: Viewer, device_id: str, given: CommandIn, *, now: datetime) -> Command:
    """Tells a device. Raises ForbiddenError, and what `service.ask_device` raises."""
    viewer.require(Right.COMMAND)
    with context.database.write() as session:
        command = service.ask_device(
            session, device_id, given, catalogue=context.catalogue, user_id=viewer.user_id, now=now
        )
        return _audited(session, viewer, ("device", device_id), command, now)


def _audited(
    session: Session, viewer: Viewer, subject: tuple[str, str], command: Command, now: datetime
) -> Command:
    audit.write(
        session,
        viewer,
        action="command",
        subject=subject,
        now=now,
        command=command.id,
        name=command.name,
        arguments=command.arguments,
    )
    return command
