"""Who sees and works on which kinds of task now: from the policy, once for each who asks.

A kind that was taken out of the policy is still seen by those who saw it last: its tasks may be open.
"""

from typing import Any, Final

from pydantic import ValidationError
from sqlalchemy import select
from sqlalchemy.orm import Session

from server.db.models import StoredPolicy
from server.policies import service as policies
from server.tasks.policy import ALL_SEEING, TaskPolicy
from server.users.roles import LINKS_ONLY, TASK_KINDS, WORKERS, Role

_VERSIONS: Final = (
    select(StoredPolicy.document).where(StoredPolicy.name == TaskPolicy.NAME).order_by(StoredPolicy.id.desc())
)


def policy(session: Session) -> TaskPolicy:
    """The policy that counts now."""
    return policies.current(session, TaskPolicy)


def seen_by(session: Session, role: Role) -> frozenset[str]:
    """The kinds of task that a role sees."""
    if role in LINKS_ONLY:  # nobody's duty, so nothing that a manager sets
        return frozenset(TASK_KINDS[role])
    roles = _roles_by_kind(session)
    return frozenset(kind for kind, those in roles.items() if role in those)


def roles_of(session: Session, kind: str) -> frozenset[Role]:
    """The roles that see tasks of this kind."""
    return _roles_by_kind(session).get(kind, ALL_SEEING)


def working_on(session: Session, kind: str) -> frozenset[Role]:
    """The roles that work on tasks of this kind."""
    return roles_of(session, kind) & WORKERS


def _roles_by_kind(session: Session) -> dict[str, frozenset[Role]]:
    documents = session.connection().execute(_VERSIONS).scalars().all()
    if not documents:
        return _DEFAULT
    found: dict[str, frozenset[Role]] = {}
    for document in documents:  # the newest first: what it says counts
        for kind, roles in _read(document).items():
            found.setdefault(kind, roles)
    return _DEFAULT | found


def _read(document: dict[str, Any]) -> dict[str, frozenset[Role]]:
    try:
        return _of(TaskPolicy.model_validate(document))
    except ValidationError:
        return {}


def _of(written: TaskPolicy) -> dict[str, frozenset[Role]]:
    return {kind.id: ALL_SEEING | {Role(role) for role in kind.roles} for kind in written.kinds}


_DEFAULT: Final = _of(TaskPolicy())
