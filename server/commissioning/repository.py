"""SQL of commissioning tests and of what they say of positions."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime

from sqlalchemy import exists, func, or_, select, update
from sqlalchemy.orm import Session

from server.commissioning.states import Standing, standing
from server.db.among import among
from server.db.models import Alarm, Attachment, CommissioningTest, Occurrence, Position, Task

SIGNED = "signed_off"


def running(
    session: Session, *, position_id: str, device_id: str | None = None, lock: bool = False
) -> CommissioningTest | None:
    """The test that runs at the position (of this device)."""
    query = select(CommissioningTest).where(
        CommissioningTest.position_id == position_id, CommissioningTest.ended_at.is_(None)
    )
    if device_id is not None:
        query = query.where(CommissioningTest.device_id == device_id)
    return session.scalar(query.with_for_update() if lock else query)


def all_running(session: Session, *, now: datetime) -> Sequence[CommissioningTest]:
    """All tests that still wait or are still to be signed."""
    return session.scalars(
        select(CommissioningTest).where(
            CommissioningTest.ended_at.is_(None), CommissioningTest.expires_at > now
        )
    ).all()


def unsettled(session: Session, *, expired: datetime, ended: datetime, limit: int = 50) -> Sequence[int]:
    """Tests whose time is over, and ended ones that may still hold back a condition that stands."""
    query = (
        select(CommissioningTest.id)
        .where(
            CommissioningTest.settled.is_(False),
            or_(
                CommissioningTest.ended_at.is_(None) & (CommissioningTest.expires_at <= expired),
                CommissioningTest.ended_at <= ended,
            ),
        )
        .order_by(CommissioningTest.id)
        .limit(limit)
    )
    return session.scalars(query).all()


def held(session: Session, test_id: int) -> Sequence[Occurrence]:
    """What is held back as this test's and is no alarm, oldest first."""
    return session.scalars(
        select(Occurrence)
        .where(Occurrence.test_id == test_id, Occurrence.alarm_id.is_(None), Occurrence.event == "occurred")
        .order_by(Occurrence.id)
    ).all()


def events_of(session: Session, test: CommissioningTest, *, limit: int = 50) -> Sequence[Occurrence]:
    """All that the device's rules said at the position since the test began, newest first: held or not."""
    query = (
        select(Occurrence)
        .where(
            Occurrence.position_id == test.position_id,
            Occurrence.device_id == test.device_id,
            Occurrence.server_at >= test.started_at,
        )
        .order_by(Occurrence.id.desc())
        .limit(limit)
    )
    if test.ended_at is not None:
        query = query.where(or_(Occurrence.test_id == test.id, Occurrence.server_at <= test.ended_at))
    return session.scalars(query).all()


def late_messages(session: Session, position_id: str, *, limit: int = 20) -> Sequence[Occurrence]:
    """What replaced hardware still said of the position, newest first."""
    return session.scalars(
        select(Occurrence)
        .where(Occurrence.position_id == position_id, Occurrence.removed.is_(True))
        .order_by(Occurrence.id.desc())
        .limit(limit)
    ).all()


def has_open_alarm(session: Session, position_id: str) -> bool:
    """Whether somebody may need help at the position just now."""
    query = select(
        exists().where(
            Alarm.source_kind == "position",
            Alarm.source_id == position_id,
            Alarm.cleared_at.is_(None),
            Alarm.task_id == Task.id,
            Task.kind != "maintenance",
        )
    )
    return bool(session.scalar(query))


def of_position(session: Session, position_id: str, *, limit: int = 50) -> Sequence[CommissioningTest]:
    """The position's tests, newest first."""
    return session.scalars(
        select(CommissioningTest)
        .where(CommissioningTest.position_id == position_id)
        .order_by(CommissioningTest.id.desc())
        .limit(limit)
    ).all()


def supersede(session: Session, test: CommissioningTest) -> None:
    """Marks the signed tests of this device at this position that `test`, signed now, takes the place of:
    there are twelve a year of each sensor, and only the last one says anything of today."""
    session.execute(
        update(CommissioningTest)
        .where(
            CommissioningTest.position_id == test.position_id,
            CommissioningTest.device_id == test.device_id,
            CommissioningTest.ended == SIGNED,
            CommissioningTest.id < test.id,
            ~CommissioningTest.superseded,
        )
        .values(superseded=True)
    )


def standings(
    session: Session, *, now: datetime, position_ids: Collection[str] | None = None
) -> Mapping[str, Standing]:
    """The state of all positions, or of these."""
    passed = select(
        CommissioningTest.position_id,
        CommissioningTest.device_id,
        func.max(CommissioningTest.id).label("id"),
    ).where(CommissioningTest.ended == SIGNED, ~CommissioningTest.superseded)
    if position_ids is not None:
        passed = passed.where(among(CommissioningTest.position_id, position_ids))
    signed = passed.group_by(CommissioningTest.position_id, CommissioningTest.device_id).subquery()
    query = (
        select(
            Position.id,
            Attachment.device_id,
            Attachment.since,
            CommissioningTest.ended_at,
            CommissioningTest.due_at,
        )
        .outerjoin(Attachment, (Attachment.position_id == Position.id) & Attachment.until.is_(None))
        .outerjoin(
            signed, (signed.c.position_id == Position.id) & (signed.c.device_id == Attachment.device_id)
        )
        .outerjoin(
            CommissioningTest,
            (CommissioningTest.id == signed.c.id) & (CommissioningTest.ended_at >= Attachment.since),
        )
    )
    runs = select(CommissioningTest.position_id, CommissioningTest.id).where(
        CommissioningTest.ended_at.is_(None), CommissioningTest.expires_at > now
    )
    if position_ids is not None:
        query = query.where(among(Position.id, position_ids))
    tests: dict[str, int] = {row.position_id: row.id for row in session.execute(runs)}
    return {
        row.id: standing(
            row.device_id,
            signed_at=row.ended_at,
            due_at=row.due_at,
            test_id=tests.get(row.id),
            now=now,
        )
        for row in session.execute(query)
    }
