"""The tables of codes and credentials."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from server.db.models import GatewayCode, GatewayCredential


def code_of(session: Session, secret_hash: str) -> GatewayCode | None:
    """The code, locked until the end of the transaction."""
    return session.get(GatewayCode, secret_hash, with_for_update=True)


def newest_code(session: Session, gateway_id: str) -> GatewayCode | None:
    """The gateway's newest code."""
    query = (
        select(GatewayCode)
        .where(GatewayCode.gateway_id == gateway_id)
        .order_by(GatewayCode.created_at.desc())
        .limit(1)
    )
    return session.scalar(query)


def forget_codes(session: Session, gateway_id: str, *, used_before: datetime) -> None:
    """Removes the gateway's unused codes, and those that were used long ago."""
    session.execute(
        delete(GatewayCode).where(
            GatewayCode.gateway_id == gateway_id,
            GatewayCode.used_at.is_(None) | (GatewayCode.used_at < used_before),
        )
    )


def credential(session: Session, gateway_id: str) -> GatewayCredential | None:
    """What the gateway has been given."""
    return session.get(GatewayCredential, gateway_id)


def credential_to_change(session: Session, gateway_id: str) -> GatewayCredential | None:
    """The same, locked until the end of the transaction."""
    return session.get(GatewayCredential, gateway_id, with_for_update=True)


def credentials(session: Session) -> Sequence[GatewayCredential]:
    """Those of all gateways that ever enrolled."""
    return session.scalars(select(GatewayCredential).order_by(GatewayCredential.gateway_id)).all()


def is_revoked(session: Session, gateway_id: str) -> bool:
    """Whether what the gateway was given no longer counts."""
    row = session.get(GatewayCredential, gateway_id)
    return row is not None and row.revoked_at is not None
