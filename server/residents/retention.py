"""What is kept no longer than the policy `residents` says: a sweep, safe in several processes at once."""

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Final

import structlog
from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from server.commissioning import photos
from server.context import Context
from server.db.models import Absence, CommissioningTest, Resident, TaskPhoto
from server.errors import ConflictError
from server.kiosks import visitors
from server.policies.service import current
from server.residents import erasure
from server.residents.policy import ResidentPolicy

log = structlog.get_logger(__name__)
AT_ONCE: Final = 20
"""Of each sort in a round: a writer on SQLite keeps alarms waiting."""


def months_before(moment: datetime, months: int) -> datetime:
    """The same day that many months earlier; the last of the month where it has no such day."""
    year, month = divmod(moment.year * 12 + moment.month - 1 - months, 12)
    for day in (moment.day, 30, 29, 28):
        try:
            return moment.replace(year=year, month=month + 1, day=day)
        except ValueError:
            continue
    raise AssertionError("every month has 28 days")


def due(session: Session, *, now: datetime) -> Sequence[str]:
    """The residents whose time is over, those first who left first."""
    limit = months_before(now, current(session, ResidentPolicy).erase_after_months)
    query = select(Resident.id).where(Resident.left_at <= limit, Resident.erased_at.is_(None))
    return session.scalars(query.order_by(Resident.left_at)).all()


def sweep(context: Context, _started: datetime, now: datetime) -> None:
    """One round: erases those whose time is over, and deletes old photos and absences."""
    with context.database.read() as session:
        waiting = list(due(session, now=now))
        old = _old(session, now=now)
    done = 0
    for resident_id in waiting:
        done += _erase(context, resident_id, now=now)
        if done == AT_ONCE:
            break
    with context.database.write() as session:
        visitors.forget(session, now=now)
    if old:
        with context.database.write() as session:
            names = _forget_old(session, now=now)
        forget_files(context.settings.effective_photos, names)


def forget_files(folder: Path, names: Sequence[str]) -> None:
    """Deletes photos whose rows are gone."""
    for name in names:
        photos.forget(folder, name)


def _erase(context: Context, resident_id: str, *, now: datetime) -> int:
    try:
        with context.database.write() as session:
            if resident_id not in due(session, now=now):
                return 0  # another server was here, or care began again
            names = erasure.erase_now(session, resident_id, now=now)
    except ConflictError:
        return 0  # devices are still at the home: the list of residents says so
    forget_files(context.settings.effective_photos, names)
    log.info("resident_erased", resident=resident_id)
    return 1


def _old(session: Session, *, now: datetime) -> bool:
    rules = current(session, ResidentPolicy)
    taken = months_before(now, rules.photo_months)
    ended = months_before(now, rules.absence_months)
    queries = (
        select(TaskPhoto.id).where(TaskPhoto.at <= taken),
        select(CommissioningTest.id).where(
            CommissioningTest.photo.is_not(None), CommissioningTest.started_at <= taken
        ),
        select(Absence.id).where(Absence.until <= ended),
    )
    return any(session.scalar(query.limit(1)) is not None for query in queries)


def _forget_old(session: Session, *, now: datetime) -> list[str]:
    rules = current(session, ResidentPolicy)
    taken = months_before(now, rules.photo_months)
    ended = months_before(now, rules.absence_months)
    session.execute(delete(Absence).where(func.coalesce(Absence.ended_at, Absence.until) <= ended))
    names: list[str] = []
    for photo in session.scalars(select(TaskPhoto).where(TaskPhoto.at <= taken).limit(AT_ONCE)):
        names.append(photo.file)
        session.delete(photo)
    tests = select(CommissioningTest).where(
        CommissioningTest.photo.is_not(None), CommissioningTest.started_at <= taken
    )
    for test in session.scalars(tests.limit(AT_ONCE)):
        names += [test.photo] if test.photo else []
        test.photo = None
    return names
