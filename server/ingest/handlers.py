"""One message in, the record changed, the acknowledgement out. Synchronous: one transaction a message."""

import structlog
from prometheus_client import Counter
from sqlalchemy.exc import IntegrityError

from gateway.rules.model import TaskKind
from gateway.wire import (
    AckMessage,
    AlarmMessage,
    FoundMessage,
    Health,
    ReplyMessage,
    StateMessage,
    WireError,
    decode,
    parse_topic,
)
from server.alarms import service as alarms
from server.clock import now
from server.commands import service as commands
from server.context import Context
from server.db.opening import seal_key_file
from server.errors import InvalidError, NotFoundError
from server.found import service as found
from server.gateways import service as gateways
from server.ingest import quarantine, refusals
from server.kiosks import visitors
from server.kiosks.policy import KioskPolicy
from server.policies.service import current
from server.supervision import apart

log = structlog.get_logger(__name__)
ALARMS = Counter("sunwell_alarm_messages_total", "Alarm messages by what they led to", ["result"])


def handle_alarm(context: Context, gateway_id: str, topic: str, payload: bytes) -> AckMessage | None:
    """Keeps an alarm message and returns its acknowledgement; None where it has no readable number.

    A message that cannot be used is kept in quarantine, and then acknowledged too: the gateway could do
    nothing better with it. Raises StoreUnavailableError: nothing was kept, and nothing is acknowledged.
    """
    try:
        message: AlarmMessage = alarms.with_possible_time(decode("up/alarm", payload), now=now())
    except WireError as error:
        _refuse(context, gateway_id, topic, "unreadable", str(error), payload)
        return quarantine.acknowledgement("alarm", payload)
    try:
        if message.point is not None and visitors.is_personal([message.point]):
            message = _veiled(context, message)
        result = _record(context, gateway_id, message)
    except InvalidError as error:
        ALARMS.labels("refused").inc()
        _refuse(context, gateway_id, topic, "refused", error.message, payload)
    else:
        ALARMS.labels(result).inc()
        if message.task_kind is TaskKind.PUBLIC_HEALTH and message.event == "occurred":
            visitors.recall(context.database, message.breach)
    return AckMessage(lane="alarm", epoch=message.epoch, seqs=[message.seq])


def handle_state(context: Context, gateway_id: str, topic: str, payload: bytes) -> Health | None:
    """Keeps a gateway's report of itself and returns its condition, if it tells of it. Raises
    StoreUnavailableError."""
    if not payload:
        return None  # a retained message taken away
    try:
        message: StateMessage = decode("up/state", payload)
        with context.database.write() as session:
            gateways.heard_state(
                session, gateway_id=gateway_id, state=message, now=now(), sessions=context.sessions
            )
    except WireError as error:
        _refuse(context, gateway_id, topic, "unreadable", str(error), payload)
    except NotFoundError as error:
        _refuse(context, gateway_id, topic, "unknown_gateway", error.message, payload)
    else:
        return message.health
    return None


def handle_found(context: Context, gateway_id: str, topic: str, payload: bytes) -> None:
    """Keeps what a gateway has found. Raises StoreUnavailableError."""
    try:
        message: FoundMessage = decode("up/found", payload)
        with context.database.write() as session:
            found.hear(
                session, gateway_id=gateway_id, message=message, catalogue=context.catalogue, now=now()
            )
    except WireError as error:
        _refuse(context, gateway_id, topic, "unreadable", str(error), payload)
    except NotFoundError as error:
        _refuse(context, gateway_id, topic, "unknown_gateway", error.message, payload)


def handle_reply(context: Context, gateway_id: str, topic: str, payload: bytes) -> None:
    """Keeps a gateway's reply to a command. Raises StoreUnavailableError."""
    try:
        message: ReplyMessage = decode("up/reply", payload)
        with context.database.write() as session:
            commands.heard(session, gateway_id=gateway_id, reply=message, now=now())
    except WireError as error:
        _refuse(context, gateway_id, topic, "unreadable", str(error), payload)
    except NotFoundError as error:
        _refuse(context, gateway_id, topic, "unknown_command", error.message, payload)


def refuse_topic(context: Context, topic: str, detail: str, payload: bytes) -> None:
    """Keeps a message on a topic that is none of the contract's. Raises StoreUnavailableError."""
    _refuse(context, None, topic, "unknown_topic", detail, payload)


def set_aside(context: Context, topic: str, error: str, payload: bytes) -> None:
    """Keeps a message that our own code failed on, `error` says how. Raises StoreUnavailableError."""
    _refuse(context, parse_topic(topic)[0], topic, "failed", error, payload)


def _veiled(context: Context, message: AlarmMessage) -> AlarmMessage:
    key = visitors.key_in(seal_key_file(context.settings))
    with context.database.read() as session:
        hours = current(session, KioskPolicy).rotate_hours
    return visitors.veiled_alarm(message, key, hours=hours)


def _record(context: Context, gateway_id: str, message: AlarmMessage) -> alarms.Recorded:
    try:
        with context.database.write() as session:
            return alarms.record(session, gateway_id=gateway_id, message=message, now=now())
    except IntegrityError:
        # Another server kept the same message between our look and our insert: the second look finds it.
        with context.database.write() as session:
            return alarms.record(session, gateway_id=gateway_id, message=message, now=now())


def _refuse(
    context: Context, gateway_id: str | None, topic: str, reason: str, detail: str, payload: bytes
) -> None:
    log.warning("message_refused", gateway=gateway_id, reason=reason, bytes=len(payload))
    at = now()
    with context.database.write() as session:
        quarantine.keep(
            session,
            gateway_id=gateway_id,
            topic=topic,
            reason=reason,
            detail=detail,
            payload=payload,
            now=at,
        )
        if gateway_id is not None and parse_topic(topic)[1] == "up/alarm":
            with apart(session, "refused_alarm_not_told", gateway=gateway_id):
                refusals.tell(session, gateway_id, payload, now=at)
