"""Asking gateways and devices for something: rows that are sent, sent again, answered, or given up.

A gateway does nothing twice for one id, so a command may be published as often as it takes: after the commit,
every ten seconds while it is unanswered, and with each new connection to the broker, when replies may have
been missed.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import uuid4

import msgspec
from sqlalchemy.orm import Session

from firmware_profiles import Catalogue, CommandRefusedError, order_of
from gateway.wire import CommandMessage, ReplyMessage
from server.clock import to_ms
from server.commands import offered, repository
from server.commands.schemas import CommandIn
from server.commands.states import OPEN, UNANSWERED, CommandState, follows
from server.db.database import Change, announce
from server.db.models import Command, Device, Gateway
from server.errors import InvalidError, NotFoundError, TooManyError

AGAIN: Final = timedelta(seconds=10)
ANSWER: Final = timedelta(seconds=35)
"""After its expiry an answer may still come: a gateway gives a command 30 s."""
KEPT_BY_NETWORK: Final = timedelta(days=7)
"""A gateway forgets a command this long after its expiry; a device that was silent so long is lost anyway."""
MOST_OPEN: Final = 100
SILENCE_S: Final = 3_600
"""A siren sounds no longer than this; until then it is worth silencing."""
DETAIL_LENGTH: Final = 500
_STAGES: Final = {
    "queued": CommandState.QUEUED,
    "transmitted": CommandState.TRANSMITTED,
    "done": CommandState.DONE,
}


def ask_gateway(
    session: Session, gateway_id: str, given: CommandIn, *, user_id: int, now: datetime
) -> Command:
    """Asks a gateway for something of its own. Raises NotFoundError, InvalidError or TooManyError."""
    if session.get(Gateway, gateway_id) is None:
        raise NotFoundError(f"there is no gateway {gateway_id!r}")
    offer = next((one for one in offered.GATEWAY if one.name == given.name), None)
    if offer is None:
        names = ", ".join(one.name for one in offered.GATEWAY)
        raise InvalidError(f"a gateway does not know {given.name!r}, but {names}", where="name")
    wrong = offered.wrong_arguments(offer, given.arguments)
    if wrong:
        raise InvalidError("; ".join(f"{one['where']} {one['message']}" for one in wrong), errors=wrong)
    return _enter(session, gateway_id, None, given, user_id=user_id, now=now)


def ask_silence(
    session: Session, gateway_id: str, breaches: Sequence[str], *, user_id: int, now: datetime
) -> Command:
    """Asks a gateway to silence just these breaches. Raises TooManyError."""
    arguments: dict[str, Any] = {"breaches": list(breaches)}  # a list, which people cannot give
    given = CommandIn.model_construct(name="silence", arguments=arguments, expires_in_s=SILENCE_S)
    return _enter(session, gateway_id, None, given, user_id=user_id, now=now)


def ask_device(
    session: Session,
    device_id: str,
    given: CommandIn,
    *,
    catalogue: Catalogue,
    user_id: int,
    now: datetime,
) -> Command:
    """Tells a device one of its profile's commands. Raises NotFoundError, InvalidError or TooManyError."""
    device = session.get(Device, device_id)
    if device is None or device.retired_at is not None:
        raise NotFoundError(f"there is no device {device_id!r} in service")
    profile = catalogue.get(device.profile)
    if profile is None:
        raise InvalidError(f"its profile {device.profile!r} is not known here", where="name")
    try:
        order_of(profile, given.name, given.arguments)
    except CommandRefusedError as error:
        wrong = [{"where": reason.split(":")[0], "message": reason} for reason in error.reasons]
        raise InvalidError(str(error), errors=wrong) from error
    return _enter(session, device.gateway_id, device_id, given, user_id=user_id, now=now)


def heard(session: Session, *, gateway_id: str, reply: ReplyMessage, now: datetime) -> None:
    """Keeps a gateway's reply; the same one again changes nothing. Raises NotFoundError for a command that
    this gateway was not asked for."""
    command = session.get(Command, reply.id, with_for_update=True)
    if command is None or command.gateway_id != gateway_id:
        raise NotFoundError(f"gateway {gateway_id!r} was not asked for a command {reply.id[:60]!r}")
    state = CommandState.FAILED
    if reply.ok:
        state = CommandState.DONE if reply.stage is msgspec.UNSET else _STAGES[reply.stage]
    if follows(CommandState(command.state), state):
        command.state = state
        command.detail = "".join(letter for letter in reply.detail[:DETAIL_LENGTH] if letter.isprintable())
        command.changed_at = now
        _tell(command)


def due(session: Session, *, now: datetime, everything: bool = False) -> list[tuple[str, CommandMessage]]:
    """What is to be published now, marked as sent, by gateway; `everything` after a new connection, when
    replies may have been missed."""
    messages: list[tuple[str, CommandMessage]] = []
    for command in repository.in_states(session, OPEN):
        if everything or _waits(command, now):
            messages.append((command.gateway_id, message(command)))
            command.sent_at = now
            if command.state == CommandState.NEW:
                command.state = CommandState.SENT
                command.changed_at = now
                _tell(command)
    return messages


def give_up(session: Session, *, now: datetime) -> None:
    """Marks what nobody has answered in time as expired."""
    for command in repository.in_states(session, OPEN):
        if _over(command, now):
            command.state = CommandState.EXPIRED
            command.changed_at = now
            _tell(command)


def message(command: Command) -> CommandMessage:
    """The command as it goes on the wire."""
    arguments: Mapping[str, Any] = command.arguments
    if command.device_id is not None:
        arguments = {"device": command.device_id, "command": command.name, "arguments": arguments}
    stored = {
        "id": command.id,
        "name": command.name if command.device_id is None else "device",
        "expires_ms": to_ms(command.expires_at),
        "arguments": arguments,
    }
    return msgspec.convert(stored, CommandMessage)


def _enter(
    session: Session, gateway_id: str, device_id: str | None, given: CommandIn, *, user_id: int, now: datetime
) -> Command:
    if repository.count(session, gateway_id=gateway_id, states=OPEN) >= MOST_OPEN:
        raise TooManyError(f"{MOST_OPEN} commands of gateway {gateway_id!r} are still open: wait for them")
    command = Command(
        id=str(uuid4()),
        gateway_id=gateway_id,
        device_id=device_id,
        name=given.name,
        arguments=dict(given.arguments),
        state=CommandState.NEW,
        detail="",
        user_id=user_id,
        created_at=now,
        expires_at=now + timedelta(seconds=given.expires_in_s),
        sent_at=None,
        changed_at=now,
    )
    session.add(command)
    session.flush()
    announce(session, Change("command", command.gateway_id, "new"))
    return command


def _over(command: Command, now: datetime) -> bool:
    grace = ANSWER if command.state in UNANSWERED else KEPT_BY_NETWORK
    return now >= command.expires_at + grace


def _waits(command: Command, now: datetime) -> bool:
    return command.state in UNANSWERED and (command.sent_at is None or now - command.sent_at >= AGAIN)


def _tell(command: Command) -> None:
    session = Session.object_session(command)
    assert session is not None
    announce(session, Change("command", command.gateway_id))
