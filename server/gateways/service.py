"""What gateways say of themselves, and the fault when one of them says nothing any more."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

import msgspec
from sqlalchemy import select
from sqlalchemy.orm import Session

from gateway.rules.model import Severity, TaskKind
from gateway.wire import StateMessage
from server.alarms import service as alarms
from server.alarms.repository import is_recorded
from server.alarms.texts import GATEWAY_OFFLINE
from server.clock import to_ms
from server.db.database import Change, announce
from server.db.models import Gateway
from server.enrolment import repository as enrolment
from server.errors import NotFoundError

QUIET: Final = timedelta(seconds=75)
"""A connected gateway with nothing to read tells its health every 30 s: two and a half reports missed."""


def heard_state(session: Session, *, gateway_id: str, state: StateMessage, now: datetime) -> None:
    """Keeps a gateway's report of itself. Raises NotFoundError for a gateway that nobody registered."""
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
    announce(session, Change("gateway", gateway_id))


def heard_data(session: Session, *, gateway_id: str, now: datetime) -> None:
    """Notes that readings came from the gateway: alive follows data, not an open socket."""
    gateway = session.get(Gateway, gateway_id)
    if gateway is not None:
        gateway.seen_at = now


def sweep(session: Session, *, grace: timedelta, started: datetime, now: datetime) -> None:
    """Raises a fault for each gateway that has been away for longer than `grace`, and ends it when it is
    back. Within `grace` of the server's own start nothing is judged: a restart pages nobody."""
    if now - started < grace:
        return
    for gateway in session.scalars(select(Gateway)):
        away_since = _away_since(gateway, grace=grace, now=now)
        if away_since is not None and now - away_since >= grace:
            _raise_offline(session, gateway, since=away_since, now=now)
        elif away_since is None:
            alarms.end_alarm(
                session,
                source_kind="gateway",
                source_id=gateway.id,
                rule=GATEWAY_OFFLINE,
                by="server",
                now=now,
            )


def _away_since(gateway: Gateway, *, grace: timedelta, now: datetime) -> datetime | None:
    """Since when the gateway is away; None where it is there or has never been."""
    if gateway.seen_at is None:
        return None
    if not gateway.online:
        return gateway.changed_at or gateway.seen_at
    return gateway.seen_at if now - gateway.seen_at >= max(grace, QUIET) else None


def _raise_offline(session: Session, gateway: Gateway, *, since: datetime, now: datetime) -> None:
    breach = f"{GATEWAY_OFFLINE}:{gateway.id}:{to_ms(since)}"
    if is_recorded(session, gateway_id=gateway.id, epoch="server", seq=to_ms(since)):
        return
    alarms.raise_alarm(
        session,
        alarms.Breach(
            source_kind="gateway",
            source_id=gateway.id,
            rule=GATEWAY_OFFLINE,
            severity=Severity.MAJOR,
            task_kind=TaskKind.MAINTENANCE,
            subject_kind="gateway",
            subject_id=gateway.id,
            area_id=gateway.area_id,
            breach=breach,
            device_at=since,
            gateway_at=since,
            clock_trusted=True,
        ),
        {
            "gateway_id": gateway.id,
            "epoch": "server",
            "seq": to_ms(since),
            "event": "occurred",
            "breach": breach,
            "rule": GATEWAY_OFFLINE,
            "value": {"ends": True},
            "device_at": since,
            "gateway_at": since,
            "server_at": now,
            "late": False,
        },
        now=now,
    )


def listed(session: Session) -> Sequence[Gateway]:
    """All gateways, by id."""
    return session.scalars(select(Gateway).order_by(Gateway.id)).all()


def _known(session: Session, gateway_id: str) -> Gateway:
    gateway = session.get(Gateway, gateway_id)
    if gateway is None:
        raise NotFoundError(f"gateway {gateway_id!r} is not registered")
    return gateway
