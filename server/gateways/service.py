"""What gateways say of themselves, and the fault when one of them says nothing any more."""

from datetime import datetime, timedelta
from typing import Final

import msgspec
from sqlalchemy import select
from sqlalchemy.orm import Session, defer

from gateway.wire import StateMessage
from server.alarms import folding
from server.alarms import service as alarms
from server.alarms.repository import is_recorded
from server.alarms.texts import GATEWAY_OFFLINE
from server.clock import to_ms
from server.db.database import Change, Database, announce
from server.db.models import Alarm, Gateway
from server.enrolment import repository as enrolment
from server.errors import NotFoundError
from server.gateways import faults
from server.supervision import survived

QUIET: Final = timedelta(seconds=75)
"""A connected gateway with nothing to read tells its health every 30 s: two and a half reports missed."""
_EPOCH: Final = "server"
_OFFLINE: Final = (
    Alarm.source_kind == "gateway",
    Alarm.rule == GATEWAY_OFFLINE,
    Alarm.cleared_at.is_(None),
)
_WITHOUT_DESIRED: Final = defer(Gateway.desired)
"""The document of a whole house of devices: read by whoever sends it, not by each report and round."""


def heard_state(
    session: Session,
    *,
    gateway_id: str,
    state: StateMessage,
    now: datetime,
    sessions: faults.Sessions | None = None,
) -> None:
    """Keeps a gateway's report of itself, and raises what it says is wrong. `sessions` are those heard
    before, to notice two gateways with one identity. Raises NotFoundError where nobody registered it."""
    gateway = _known(session, gateway_id)
    if not state.online and gateway.session not in (None, state.session):
        return  # the last will of a session that has already been followed by another
    if state.online and enrolment.is_revoked(session, gateway_id):
        return  # what the broker retained from before
    if gateway.online != state.online:
        gateway.changed_at = now
    gateway.online = state.online
    gateway.session = state.session
    gateway.applied_version = state.applied
    gateway.refused_version = state.refused
    gateway.refused_reason = state.reason
    gateway.software = state.software
    if state.health is not None:
        gateway.health = msgspec.to_builtins(state.health)
    if state.online:
        gateway.seen_at = now
        if state.health is not None:
            twin_at = sessions.hear(gateway_id, state.session, now) if sessions is not None else None
            faults.judge(session, gateway, state.health, twin_at=twin_at, now=now)
    announce(session, Change("gateway", gateway_id))


def heard_data(session: Session, *, gateway_id: str, now: datetime) -> None:
    """Notes that readings came from the gateway: alive follows data, not an open socket."""
    gateway = session.get(Gateway, gateway_id, options=[_WITHOUT_DESIRED])
    if gateway is not None:
        gateway.seen_at = now


def sweep(database: Database, *, grace: timedelta, started: datetime, now: datetime) -> None:
    """Raises a fault for each gateway that has been away for longer than `grace`, and ends it when it is
    back: a short transaction each, so that no alarm waits for all of them. Within `grace` of the server's own
    start nothing is judged: a restart pages nobody."""
    if now - started < grace:
        return
    with database.read() as session:
        missed = set(session.scalars(select(Alarm.source_id).where(*_OFFLINE)))
        looked_at = [
            gateway.id
            for gateway in session.scalars(select(Gateway).options(_WITHOUT_DESIRED).order_by(Gateway.id))
            if _is_news(session, gateway, gateway.id in missed, grace=grace, now=now)
        ]
    for gateway_id in looked_at:
        with (
            survived("gateway_not_judged", outages=False, gateway=gateway_id),
            database.write() as session,
        ):
            _judge(session, _known(session, gateway_id), grace=grace, now=now)
    folding.unfold(database, now=now)


def _is_news(session: Session, gateway: Gateway, missed: bool, *, grace: timedelta, now: datetime) -> bool:
    """Whether there is anything to write: looking is cheap, and hundreds may be away for long."""
    away_since = _away_since(gateway, grace=grace, now=now)
    if away_since is None:
        return missed
    seq = to_ms(away_since)
    return now - away_since >= grace and not is_recorded(
        session, gateway_id=gateway.id, epoch=_EPOCH, seq=seq
    )


def _judge(session: Session, gateway: Gateway, *, grace: timedelta, now: datetime) -> None:
    away_since = _away_since(gateway, grace=grace, now=now)
    if away_since is None:
        alarms.end_alarm(
            session,
            source_kind="gateway",
            source_id=gateway.id,
            rule=GATEWAY_OFFLINE,
            by="server",
            now=now,
        )
    elif now - away_since >= grace:
        faults.raise_fault(session, gateway, rule=GATEWAY_OFFLINE, since=away_since, now=now, epoch=_EPOCH)


def _away_since(gateway: Gateway, *, grace: timedelta, now: datetime) -> datetime | None:
    """Since when the gateway is away; None where it is there or has never been."""
    if gateway.seen_at is None:
        return None
    if not gateway.online:
        return gateway.changed_at or gateway.seen_at
    return gateway.seen_at if now - gateway.seen_at >= max(grace, QUIET) else None


def _known(session: Session, gateway_id: str) -> Gateway:
    gateway = session.get(Gateway, gateway_id, options=[_WITHOUT_DESIRED])
    if gateway is None:
        raise NotFoundError(f"gateway {gateway_id!r} is not registered")
    return gateway
