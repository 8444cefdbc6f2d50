"""Which ended tasks a manager looks at again (督查), and why."""

import hashlib
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from gateway.rules.model import Severity
from server.context import Context
from server.days import last_month
from server.db.models import Task
from server.tasks import kinds
from server.tasks.policy import TaskPolicy

CRITICAL: Final = "critical"
LATE_ANSWER: Final = "late_answer"
FALSE_ALARMS: Final = "false_alarms"
SAMPLE: Final = "sample"
REASONS: Final = (CRITICAL, LATE_ANSWER, FALSE_ALARMS, SAMPLE)
_URGENT: Final = frozenset({Severity.CRITICAL, Severity.MAJOR})


def mark(session: Session, task: Task, *, now: datetime) -> None:
    """Marks a task that has just ended, where the policy wants it looked at. A drill is not."""
    policy = kinds.policy(session)
    if not task.test and policy.kind(task.kind).needs_review:
        task.review = _reason(session, task, policy, now)


def drawn(session: Session, *, now: datetime) -> list[int]:
    """Each person's sample of the tasks that ended last month, as far as it is not marked yet. Drawn once the
    month is over: who works cannot know which. Whoever draws, and how often, the same are drawn."""
    policy = kinds.policy(session)
    reviewed = [kind.id for kind in policy.kinds if kind.needs_review]
    start, end = last_month(now)
    rows = session.execute(
        select(Task.id, Task.assignee_id, Task.review).where(
            Task.closed_at >= start,
            Task.closed_at < end,
            Task.assignee_id.is_not(None),
            Task.kind.in_(reviewed),
            ~Task.test,
        )
    ).all()
    by_person: dict[int, list[tuple[int, str | None]]] = {}
    for row in rows:
        by_person.setdefault(row.assignee_id, []).append((row.id, row.review))
    return [task_id for those in by_person.values() for task_id in _drawn(those, policy.review_sample)]


def mark_drawn(session: Session, task_ids: Sequence[int]) -> None:
    """Marks drawn tasks; what another process has marked stays."""
    query = select(Task).where(Task.id.in_(task_ids), Task.review.is_(None)).order_by(Task.id)
    for task in session.scalars(query.with_for_update()):
        task.review = SAMPLE
        task.version += 1


def sweep(context: Context, _started: datetime, now: datetime) -> None:
    """Draws last month's samples."""
    with context.database.read() as session:
        those = drawn(session, now=now)
    if those:
        with context.database.write() as session:
            mark_drawn(session, those)


def _drawn(tasks: Sequence[tuple[int, str | None]], wanted: int) -> list[int]:
    missing = wanted - sum(review is not None for _, review in tasks)
    free = sorted((task_id for task_id, review in tasks if review is None), key=_lot)
    return free[: max(0, missing)]


def _lot(task_id: int) -> str:
    return hashlib.sha256(f"review {task_id}".encode()).hexdigest()


def _reason(session: Session, task: Task, policy: TaskPolicy, now: datetime) -> str | None:
    if policy.review_critical and task.severity == Severity.CRITICAL:
        return CRITICAL
    answered = task.acknowledged_at or now
    if task.severity in _URGENT and answered - (task.told_at or task.created_at) > timedelta(
        seconds=policy.review_late_answer_s
    ):
        return LATE_ANSWER
    false = policy.counting_as("false_alarm")
    if task.outcome in false:
        before = session.scalar(
            select(func.count())
            .select_from(Task)
            .where(
                Task.subject_kind == task.subject_kind,
                Task.subject_id == task.subject_id,
                Task.outcome.in_(false),
                Task.id != task.id,
                Task.closed_at > now - timedelta(days=policy.review_false_alarm_days),
            )
        )
        if (before or 0) + 1 >= policy.review_false_alarms:
            return FALSE_ALARMS
    return None
