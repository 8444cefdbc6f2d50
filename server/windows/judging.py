"""Whether an alarm is expected now: asked while a task is opened or joined, in its transaction."""

from datetime import datetime

from sqlalchemy.orm import Session

from server.policies.service import current
from server.windows import repository
from server.windows.core import UNEXPECTED, Expected, Sign, expected
from server.windows.policy import WindowPolicy


def judge(
    session: Session,
    sign: Sign,
    *,
    area_id: str,
    source: tuple[str, str],
    subject: tuple[str, str],
    now: datetime,
) -> Expected:
    """What the windows that run now make of an alarm. One look-up where none runs."""
    running = repository.running(session, now=now)
    if not running:
        return UNEXPECTED
    place = repository.place_of(session, area_id=area_id, source=source, subject=subject)
    return expected(running, sign, place, never=current(session, WindowPolicy).never_muted)
