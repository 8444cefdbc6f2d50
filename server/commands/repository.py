"""The table of commands."""

from collections.abc import Iterable, Sequence

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from server.commands.states import CommandState
from server.db.models import Command


def listed(
    session: Session, *, gateway_id: str | None = None, device_id: str | None = None, limit: int
) -> Sequence[Command]:
    """Commands of a gateway, or of a device, newest first."""
    query = select(Command).order_by(Command.created_at.desc(), Command.id).limit(limit)
    if gateway_id is not None:
        query = query.where(Command.gateway_id == gateway_id)
    if device_id is not None:
        query = query.where(Command.device_id == device_id)
    return session.scalars(query).all()


def in_states(session: Session, states: Iterable[CommandState]) -> Sequence[Command]:
    """Commands in any of these states, oldest first."""
    query = select(Command).where(Command.state.in_([*states])).order_by(Command.created_at)
    return session.scalars(query).all()


def count(session: Session, *, gateway_id: str, states: Iterable[CommandState]) -> int:
    """How many commands of a gateway are in any of these states."""
    query = select(func.count(Command.id)).where(
        Command.gateway_id == gateway_id, Command.state.in_([*states])
    )
    return session.scalar(query) or 0
