"""Writing and reading the audit log."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from server.db.models import AuditEntry
from server.db.upsert import insert_missing
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


def once_keys(viewer: Viewer, action: str, subjects: tuple[str, Collection[str]], key: str) -> dict[str, str]:
    """The keys of lines that are written once a person, action, subject and `key`, with the subjects' ids."""
    kind, ids = subjects
    return {f"{action}/{viewer.user_id}/{kind}/{each}/{key}": each for each in sorted(set(ids))}


def not_yet(session: Session, keys: Mapping[str, str]) -> dict[str, str]:
    """Those of the keys under which nothing is written."""
    known = set(session.scalars(select(AuditEntry.once).where(AuditEntry.once.in_(list(keys)))))
    return {once: each for once, each in keys.items() if once not in known}


def write_once(
    session: Session,
    viewer: Viewer,
    *,
    action: str,
    kind: str,
    keys: Mapping[str, str],
    now: datetime,
    **detail: Any,
) -> None:
    """A line for each of `keys` (`once_keys`) under which there is none. The unique index decides: of several
    processes at once, one writes it. No personal data in it."""
    line = {"at": now, "user_id": viewer.user_id, "action": action, "subject_kind": kind, "reason": ""}
    rows = [{**line, "subject_id": each, "once": once, "detail": detail} for once, each in keys.items()]
    insert_missing(session, AuditEntry, rows, index=("once",))


def listed(session: Session, *, limit: int, before_id: int | None = None) -> Sequence[AuditEntry]:
    """The log, newest first."""
    query = select(AuditEntry).order_by(AuditEntry.id.desc()).limit(limit)
    if before_id is not None:
        query = query.where(AuditEntry.id < before_id)
    return session.scalars(query).all()
