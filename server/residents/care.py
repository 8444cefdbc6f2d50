"""Care for a resident ends, and begins again."""

from datetime import datetime

from sqlalchemy.orm import Session

from server.audit import service as audit
from server.db.database import Change, announce
from server.db.models import Resident
from server.errors import ConflictError, NotFoundError
from server.users.roles import Right
from server.users.viewer import Viewer


def set_left(session: Session, viewer: Viewer, resident_id: str, *, left: bool, now: datetime) -> Resident:
    """Notes that the resident is not looked after any more (moved away, died), or is again. Retention counts
    from then on. Raises NotFoundError, ConflictError where the data was erased."""
    viewer.require(Right.EDIT_RESIDENTS)
    row = session.get(Resident, resident_id, with_for_update=True)
    if row is None:
        raise NotFoundError(f"there is no resident {resident_id!r}")
    if row.erased_at is not None:
        raise ConflictError(f"the data of resident {resident_id!r} was erased")
    if (row.left_at is not None) == left:
        return row
    row.left_at = now if left else None
    action = "care_ended" if left else "care_resumed"
    audit.write(session, viewer, action=action, subject=("resident", resident_id), now=now)
    announce(session, Change("resident", resident_id, action))
    return row
