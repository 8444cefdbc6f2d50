"""A condition that outlasts its task: who ended the task while it stands is asked for again some hours later.

An alarm that ends by itself (a gateway that is away, a cover, gas, a silent sensor) stays open until it
does, whoever closes its task. Once its task has been over for as long as the policy gives its severity, a
new task is opened that refers to the former one, and the alarm is the new one's: one for all alarms of the
former task, however many processes look.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import ColumnElement, and_, exists, or_, select
from sqlalchemy.orm import Session

from gateway.rules.model import WORST_FIRST, Severity, TaskKind
from server.db.database import Database
from server.db.models import Alarm, Attachment, Occurrence, Task
from server.dispatch import planning
from server.dispatch.core import Happened
from server.supervision import survived
from server.tasks import intake, kinds
from server.tasks.acts import SUBDISTRICT
from server.tasks.policy import TaskPolicy
from server.tasks.states import OPEN_STATES, TaskState

STILL_STANDS: Final = "still_stands"
"""Why it was opened, as the timeline says it."""
_MOST: Final = 200
"""Tasks of one round: the rest waits for the next."""


def sweep(database: Database, *, now: datetime) -> None:
    """Asks again for what still stands."""
    with database.read() as session:
        those = due(session, now=now)
    for task_id in those:
        with survived("task_not_renewed", outages=False, task=task_id), database.write() as session:
            renew(session, task_id, now=now)


def due(session: Session, *, now: datetime) -> Sequence[int]:
    """Ended tasks of which a condition has stood for too long since; nothing is locked."""
    query = (
        select(Task.id, Alarm)
        .join(Alarm, Alarm.task_id == Task.id)
        .where(Alarm.cleared_at.is_(None), _over_for_long(kinds.policy(session), now), _is_watched())
        .order_by(Task.id)
        .limit(_MOST)
    )
    rows = session.execute(query).all()
    return list(dict.fromkeys(row[0] for row in rows if _ends(session, row.Alarm)))


def renew(session: Session, task_id: int, *, now: datetime) -> int | None:
    """Opens a task for what still stands of an ended one, or joins it to the one that is open; its number.
    None where another process has done so, or nothing stands any more."""
    former = session.scalar(
        select(Task)
        .where(Task.id == task_id, Task.state.not_in(OPEN_STATES))
        .with_for_update(skip_locked=True)
        .execution_options(populate_existing=True)
    )
    if former is None:
        return None
    query = select(Alarm).where(Alarm.task_id == former.id, Alarm.cleared_at.is_(None), _is_watched())
    standing = [
        alarm
        for alarm in session.scalars(query.order_by(Alarm.id).with_for_update())
        if _ends(session, alarm)
    ]
    if not standing:
        return None
    worst = min(standing, key=lambda alarm: WORST_FIRST.index(Severity(alarm.severity)))
    number = intake.open_or_join(session, _need(former, worst, now), now=now)
    task = session.get_one(Task, number, populate_existing=True)
    task.occurrences -= 1  # nothing new has happened
    task.parent_id = task.parent_id or former.id
    for alarm in standing:
        alarm.task_id = number
    state, ended = TaskState(task.state), TaskState(former.state)
    detail = {"task_id": former.id, "reason": STILL_STANDS}
    intake.note_event(session, number, "renewed", state, state, detail, now=now)
    intake.note_event(session, former.id, "continued", ended, ended, {"task_id": number}, now=now)
    if former.level == SUBDISTRICT and task.level != SUBDISTRICT:
        task.level = SUBDISTRICT
        planning.happened(session, task, Happened.ENDED, now=now)
        planning.happened(session, task, Happened.REOPENED, now=now)
    return number


def _over_for_long(policy: TaskPolicy, now: datetime) -> ColumnElement[bool]:
    """Whether the alarm's task has been over for the time of the alarm's severity."""
    hours = {Severity.CRITICAL: policy.renew_critical_h, Severity.MAJOR: policy.renew_major_h}
    limits = {one: now - timedelta(hours=hours.get(one, policy.renew_other_h)) for one in Severity}
    return or_(*(and_(Alarm.severity == one, Task.closed_at <= limit) for one, limit in limits.items()))


def _is_watched() -> ColumnElement[bool]:
    """Nobody can say of a position without a sensor that its condition is over."""
    there = exists().where(Attachment.position_id == Alarm.source_id, Attachment.until.is_(None))
    return or_(Alarm.source_kind != "position", there)


def _ends(session: Session, alarm: Alarm) -> bool:
    """Whether the alarm ends by itself; a press or a fall does not."""
    value = session.scalar(
        select(Occurrence.value)
        .where(Occurrence.alarm_id == alarm.id, Occurrence.event == "occurred")
        .order_by(Occurrence.id.desc())
        .limit(1)
    )
    return value is None or bool(value.get("ends", True))


def _need(former: Task, alarm: Alarm, now: datetime) -> intake.Need:
    return intake.Need(
        kind=TaskKind(former.kind),
        subject_kind=former.subject_kind,
        subject_id=former.subject_id,
        area_id=former.area_id,
        severity=alarm.severity,
        rule=alarm.rule,
        device_at=now,
        gateway_at=now,
        clock_trusted=True,
        late=False,
        source_kind=alarm.source_kind,
        source_id=alarm.source_id,
        value={},
        seen=intake.Seen(alone=True),
    )
