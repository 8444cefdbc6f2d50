"""How each channel does: from what was sent, and from trying it when there was nothing to tell.

A channel that fails some times one after the other (`ChannelPolicy`) raises an alarm of the server's own, so
that somebody looks before it is needed; the first message that gets through ends it.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from gateway.rules.model import Severity
from server.alarms import own
from server.alarms.texts import CHANNEL_FAILING
from server.db.models import ChannelHealth
from server.db.upsert import insert_missing
from server.notify.channels import PAGE, Addresses
from server.notify.policy import ChannelPolicy
from server.policies import service as policies


def note(session: Session, channel: str, error: str | None, *, now: datetime) -> None:
    """Writes what came of one message, and raises or ends the alarm where that changes something."""
    if channel == PAGE:
        return
    held = select(ChannelHealth).where(ChannelHealth.channel == channel).with_for_update()
    row = session.scalar(held)
    if row is None:
        insert_missing(session, ChannelHealth, [_first(channel, now)], index=("channel",))
        row = session.scalars(held).one()
    row.checked_at = now
    row.error = "" if error is None else error[:200]
    row.failures = 0 if error is None else row.failures + 1
    ok = row.failures < policies.current(session, ChannelPolicy).failures
    if ok is row.ok:
        return
    row.ok, row.since = ok, now
    if ok:
        own.end(session, "channel", channel, CHANNEL_FAILING, now=now)
    else:
        own.raise_own(
            session, "channel", channel, CHANNEL_FAILING, Severity.MAJOR, point="failures",
            value=row.failures, now=now,
        )  # fmt: skip


def all_of(session: Session) -> Sequence[ChannelHealth]:
    """All channels that were ever used or tried."""
    return session.scalars(select(ChannelHealth).order_by(ChannelHealth.channel)).all()


def fails(session: Session, channel: str) -> bool:
    """Whether the channel is known to fail."""
    return session.scalar(select(ChannelHealth.ok).where(ChannelHealth.channel == channel)) is False


def idle(session: Session, addresses: Addresses, *, minutes: int, now: datetime) -> list[str]:
    """Takes the channels that have a place to be tried at and were idle for so long: they are this process's
    to try now, other processes pass by them."""
    if not minutes:
        return []
    taken: list[str] = []
    rows = {row.channel: row for row in session.scalars(select(ChannelHealth).with_for_update())}
    for channel in addresses.probes:
        row = rows.get(channel)
        if row is not None and row.checked_at > now - timedelta(minutes=minutes):
            continue
        if row is not None:
            row.checked_at = now
        elif not insert_missing(session, ChannelHealth, [_first(channel, now)], index=("channel",)):
            continue
        taken.append(channel)
    return taken


def _first(channel: str, now: datetime) -> dict[str, Any]:
    return {"channel": channel, "checked_at": now, "ok": True, "since": now, "failures": 0, "error": ""}
