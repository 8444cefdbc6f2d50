"""Reading and writing policies. What is read is always complete: the default where nothing is written."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, TypeVar

import structlog
from pydantic import ValidationError
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from server.audit import service as audit
from server.db.models import StoredPolicy, User
from server.policies.model import Policy
from server.users import reach
from server.users.roles import Right
from server.users.viewer import Viewer

log = structlog.get_logger(__name__)
P = TypeVar("P", bound=Policy)


def current(session: Session, policy: type[P]) -> P:
    """The policy that counts now. A stored one that this program can no longer read is said in the log, and
    the default counts."""
    stored = session.scalar(
        select(StoredPolicy.document).where(StoredPolicy.name == policy.NAME, StoredPolicy.ended_at.is_(None))
    )
    return policy() if stored is None else _read(policy, stored)


def read(policy: type[P], row: StoredPolicy) -> P:
    """What a version says, as far as this program can still read it."""
    return _read(policy, row.document)


def version(session: Session, name: str) -> int | None:
    """The number of the version that counts; None: the packaged one."""
    return session.scalar(
        select(StoredPolicy.version).where(StoredPolicy.name == name, StoredPolicy.ended_at.is_(None))
    )


def put(session: Session, viewer: Viewer, policy: Policy, *, now: datetime) -> None:
    """Writes the next version. The one before becomes history. The same again changes nothing.

    Raises ForbiddenError; InvalidError for somebody with an area, since policies count in all of them.
    """
    viewer.require(Right.PLAYBOOKS)
    reach.require_everywhere(viewer, "rules")
    document: dict[str, Any] = policy.model_dump(mode="json")
    row = session.scalar(
        select(StoredPolicy)
        .where(StoredPolicy.name == policy.NAME, StoredPolicy.ended_at.is_(None))
        .with_for_update()
    )
    if (policy.__class__() if row is None else row.document) == (policy if row is None else document):
        return
    newest = session.scalar(select(func.max(StoredPolicy.version)).where(StoredPolicy.name == policy.NAME))
    if row is not None:
        row.ended_at = now
        session.flush()
    session.add(
        StoredPolicy(
            name=policy.NAME,
            version=(newest or 0) + 1,
            document=document,
            created_at=now,
            created_by=viewer.user_id,
        )
    )
    audit.write(session, viewer, action="policy", subject=("policy", policy.NAME), now=now)


def history(session: Session, name: str) -> Sequence[StoredPolicy]:
    """All versions of a policy, the newest first."""
    query = select(StoredPolicy).where(StoredPolicy.name == name)
    return session.scalars(query.order_by(StoredPolicy.version.desc())).all()


def history_with_people(session: Session, name: str) -> list[tuple[StoredPolicy, str]]:
    """All versions of a policy, the newest first, each with the name of who wrote it."""
    people: dict[int, str] = dict(
        session.execute(
            select(User.id, User.name).where(
                User.id.in_(select(StoredPolicy.created_by).where(StoredPolicy.name == name))
            )
        ).all()
    )
    return [(row, people.get(row.created_by or 0, "")) for row in history(session, name)]


def _read(policy: type[P], document: dict[str, Any]) -> P:
    try:
        return policy.model_validate(document)
    except ValidationError as error:
        log.warning("policy_not_read", policy=policy.NAME, detail=str(error)[:300])
        return policy()
