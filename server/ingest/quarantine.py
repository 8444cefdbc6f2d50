"""Where refused messages go: kept with their reason and bytes, counted, shown to maintenance."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final, Literal

import msgspec
from prometheus_client import Counter
from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from gateway.wire import AckMessage, Count
from server.db.database import Change, announce
from server.db.models import QuarantinedMessage
from server.kiosks.stripping import strip

KEPT_BYTES: Final = 65_536
KEPT_MESSAGES: Final = 10_000
"""A flood of garbage costs at most about 650 MB, and usually far less; the oldest go first."""
_PRUNE_EVERY: Final = 500

QUARANTINED = Counter("sunwell_quarantined_total", "Messages that could not be used", ["channel", "reason"])


def keep(
    session: Session,
    *,
    gateway_id: str | None,
    topic: str,
    reason: str,
    detail: str,
    payload: bytes,
    now: datetime,
) -> None:
    """Keeps one refused message, without what tells who somebody is. `reason` is a short fixed word, `detail`
    says what is wrong."""
    channel = "/".join(topic.split("/")[-2:]) if topic.startswith("sunwell/") else "other"
    QUARANTINED.labels(channel[:20], reason).inc()
    row = QuarantinedMessage(
        at=now,
        gateway_id=gateway_id,
        topic=_plain(topic)[:300],
        reason=reason,
        detail=_plain(detail)[:1_000],
        size=len(payload),
        payload=strip(payload)[:KEPT_BYTES],
    )
    session.add(row)
    session.flush()
    if row.id % _PRUNE_EVERY == 0:
        session.execute(delete(QuarantinedMessage).where(QuarantinedMessage.id <= row.id - KEPT_MESSAGES))
    announce(session, Change("quarantine", str(row.id)))


def listed(
    session: Session, *, limit: int = 100, before_id: int | None = None
) -> Sequence[QuarantinedMessage]:
    """Refused messages, newest first."""
    query = select(QuarantinedMessage).order_by(QuarantinedMessage.id.desc()).limit(limit)
    if before_id is not None:
        query = query.where(QuarantinedMessage.id < before_id)
    return session.scalars(query).all()


def count(session: Session) -> int:
    """How many are kept."""
    return session.scalar(select(func.count(QuarantinedMessage.id))) or 0


class _Identity(msgspec.Struct):
    epoch: str
    seq: Count


def acknowledgement(lane: Literal["alarm", "data"], payload: bytes) -> AckMessage | None:
    """The acknowledgement of a message that cannot be used: its gateway could do nothing better with it than
    to send it again. None where it has no readable number."""
    try:
        identity = msgspec.json.decode(payload, type=_Identity)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    return AckMessage(lane=lane, epoch=identity.epoch, seqs=[identity.seq])


def _plain(text: str) -> str:
    """Peer text without control characters (PostgreSQL takes no NUL in text)."""
    return "".join(character if character.isprintable() else "�" for character in text)
