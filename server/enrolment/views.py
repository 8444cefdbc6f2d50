"""What a person sees of a gateway's enrolment."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final

from sqlalchemy.orm import Session

from server.db.models import GatewayCode, GatewayCredential
from server.enrolment import repository

OVERDUE_AFTER: Final = 5 / 6
"""Of a certificate's life. It is renewed after two thirds: a gateway that has not done so by now can't."""


class EnrolmentState(StrEnum):
    """`expired`: the certificate has ended; the gateway may still renew it by itself."""

    NEVER = "never"
    ENROLLED = "enrolled"
    OVERDUE = "overdue"
    EXPIRED = "expired"
    REVOKED = "revoked"


@dataclass(frozen=True, slots=True, kw_only=True)
class EnrolmentView:
    """How far a gateway is. `code_until` ends an open code, `valid_until` its certificate."""

    state: EnrolmentState
    code_until: datetime | None
    enrolled_at: datetime | None
    valid_until: datetime | None
    revoked_at: datetime | None


def one(session: Session, gateway_id: str, *, now: datetime) -> EnrolmentView:
    """The gateway's enrolment; derived from its rows and the time."""
    row = repository.credential(session, gateway_id)
    code = repository.newest_code(session, gateway_id)
    return EnrolmentView(
        state=state_of(row, now=now),
        code_until=code.expires_at if code is not None and _is_open(code, now) else None,
        enrolled_at=row.enrolled_at if row is not None else None,
        valid_until=row.expires_at if row is not None else None,
        revoked_at=row.revoked_at if row is not None else None,
    )


def state_of(row: GatewayCredential | None, *, now: datetime) -> EnrolmentState:
    """Where the gateway stands at `now`."""
    if row is None:
        return EnrolmentState.NEVER
    if row.revoked_at is not None:
        return EnrolmentState.REVOKED
    if row.expires_at <= now:
        return EnrolmentState.EXPIRED
    overdue = row.issued_at + (row.expires_at - row.issued_at) * OVERDUE_AFTER
    return EnrolmentState.OVERDUE if overdue <= now else EnrolmentState.ENROLLED


def _is_open(code: GatewayCode, now: datetime) -> bool:
    return code.used_at is None and code.expires_at > now
