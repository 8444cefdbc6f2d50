"""Lines that well work writes on a task's timeline."""

from datetime import datetime
from typing import Any, Final

from sqlalchemy.orm import Session

from server.db.database import Change, announce
from server.db.models import Task, TaskEvent

SITE_CHECKED: Final = "site_checked"
ENTERED: Final = "well_entered"
AIR_CHECKED: Final = "air_checked"
LEFT: Final = "well_left"
ROADWORKS: Final = "roadworks"
ROADWORKS_CONFIRMED: Final = "roadworks_confirmed"
ROADWORKS_DENIED: Final = "roadworks_denied"


def note(
    session: Session, task: Task, action: str, *, now: datetime, actor_id: int | None = None, **detail: Any
) -> None:
    """One line, in the caller's transaction; the caller holds the task's row."""
    session.add(
        TaskEvent(
            task_id=task.id,
            at=now,
            actor_id=actor_id,
            action=action,
            from_state=task.state,
            to_state=task.state,
            detail=detail,
        )
    )
    task.version += 1
    session.flush()
    announce(session, Change("task", str(task.id), action))
