"""Writing and reading the audit log."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from server.db.models import AuditEntry
from server.users.viewer import Viewer


def write(
    session: Session,
    viewer: Viewer,
    *,
    action: str,
    subject: tuple[str, str],
    reason: str = "",
    now: datetime,
    **detail: Any,
) -> None:
    """One line: `action` on `subject` (kind, id), in the caller's transaction. No personal data in it."""
    session.add(
        AuditEntry(
            at=now,
            user_id=viewer.user_id,
            action=action,
            subject_kind=subject[0],
            subject_id=subject[1],
            reason=reason[:500],
            detail=detail,
        )
    )


def listed(session: Session, *, limit: int, before_id: int | None = None) -> Sequence[AuditEntry]:
    """The log, newest first."""
    query = select(AuditEntry).order_by(AuditEntry.id.desc()).limit(limit)
    if before_id is not None:
        query = query.where(AuditEntry.id < before_id)
    return session.scalars(query).all()
