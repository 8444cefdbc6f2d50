"""What is kept no longer than the policy `residents` says: a sweep, safe in several processes at once."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

import structlog
from sqlalchemy import delete, func, select
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from server.commissioning import photos
from server.context import Context
from server.db import sealed_files
from server.db.models import Absence, CommissioningTest, Resident, TaskPhoto
from server.dispatch.auditor import beat
from server.errors import ConflictError
from server.kiosks import visitors
from server.policies.service import current
from server.residents import erasure
from server.residents.policy import ResidentPolicy

log = structlog.get_logger(__name__)
AT_ONCE: Final = 20
"""Of each sort in a round: a writer on SQLite keeps alarms waiting."""
LEFT_FOR: Final = timedelta(days=1)
"""A file that is written comes before its row: one without a row is left over only after this."""
BEAT: Final = "retention"


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


@dataclass(frozen=True, slots=True)
class Waiting:
    """Somebody whose data can't be erased though its time is over: devices are at these positions, or this
    task is open."""

    resident_id: str
    positions: tuple[str, ...]
    task_id: int | None


def waiting(session: Session, *, now: datetime) -> list[Waiting]:
    """Whose erasure waits for a person, those first who left first."""
    found: list[Waiting] = []
    for resident_id in due(session, now=now):
        positions = tuple(erasure.attached(session, resident_id))
        task_id = erasure.open_task(session, resident_id)
        if positions or task_id is not None:
            found.append(Waiting(resident_id, positions, task_id))
    return found


def sweep(context: Context, _started: datetime, now: datetime) -> None:
    """One round: erases those whose time is over, and deletes old photos and absences. What it could not do
    is said in the log and beside its heartbeat (`failed`), and tried again in the next."""
    with context.database.read() as session:
        held = {one.resident_id for one in waiting(session, now=now)}
        those = [resident_id for resident_id in due(session, now=now) if resident_id not in held]
        old = _old(session, now=now)
    done = Counter(_erase(context, resident_id, now=now) for resident_id in those[:AT_ONCE])
    done["waits"] += len(held)
    with context.database.write() as session:
        visitors.forget(session, now=now)
    if old:
        with context.database.write() as session:
            names = _forget_old(session, now=now)
        forget_files(context.settings.effective_photos, names)
    left = _forget_left(context, now=now)
    left += _seal_clear(context)
    failed = done["failed"] + left
    with context.database.write() as session:
        beat(session, BEAT, now=now, erased=done["erased"], waiting=done["waits"], failed=failed)
    if done["waits"] or failed:
        log.warning("retention_incomplete", waiting=done["waits"], failed=done["failed"], files=left)


def forget_files(folder: Path, names: Sequence[str]) -> int:
    """Deletes photos whose rows are gone; says how many it could not delete. These are tried again by each
    round (`sweep`)."""
    failed = 0
    for name in names:
        try:
            photos.forget(folder, name)
        except OSError as error:
            failed += 1
            log.warning("photo_not_deleted", file=name, detail=error.strerror)
    return failed


def _erase(context: Context, resident_id: str, *, now: datetime) -> str:
    try:
        with context.database.write() as session:
            if resident_id not in due(session, now=now):
                return "gone"  # another server was here, or care began again
            names = erasure.erase_now(session, resident_id, now=now)
    except ConflictError:
        return "waits"  # for a person: see `waiting`
    except SQLAlchemyError as error:
        # One row that fails must not keep all others for ever.
        log.warning("resident_not_erased", resident=resident_id, detail=type(error).__name__)
        return "failed"
    forget_files(context.settings.effective_photos, names)
    log.info("resident_erased", resident=resident_id)
    return "erased"


def _forget_left(context: Context, *, now: datetime) -> int:
    """Deletes photos that no row names any more: the server stopped, or the disk refused, between the row's
    end and the file's. How many it could not delete."""
    folder = context.settings.effective_photos
    before = (now - LEFT_FOR).timestamp()
    try:
        files = {file.name for file in folder.glob("*.jpg") if file.stat().st_mtime < before}
    except FileNotFoundError:
        return 0  # another server was here: the next round looks again
    if not files:
        return 0
    with context.database.read() as session:
        files -= set(session.scalars(select(TaskPhoto.file)))
        files -= set(session.scalars(select(CommissioningTest.photo)))
    return forget_files(folder, sorted(files))


def _seal_clear(context: Context) -> int:
    """Seals photos that were kept before photos were sealed; says how many folders it could not write."""
    try:
        if done := sealed_files.seal_clear(context.settings.effective_photos, context.database.seals):
            log.info("photos_sealed", count=done)
    except OSError as error:
        log.warning("photos_not_sealed", detail=error.strerror)
        return 1
    return 0


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
