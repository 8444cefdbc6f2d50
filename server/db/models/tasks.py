"""Tasks: what a person has to do about a subject, and everything that was done."""

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from server.db.base import Base
from server.db.sealed import SealedWords

OPEN_TASK = text("closed_at IS NULL")
TO_REVIEW = text("review IS NOT NULL AND reviewed_at IS NULL")
PLANNED_TASK = text("state = 'planned'")


class Task(Base):
    """One task for one subject; at most one of a kind is open for it (partial unique index). The states
    and moves are in `server.tasks.states`. `subject_kind` is `resident`, `well`, `position` or `gateway`."""

    __tablename__ = "tasks"
    __table_args__ = (
        Index(
            "uq_tasks_open",
            "kind",
            "subject_kind",
            "subject_id",
            unique=True,
            sqlite_where=OPEN_TASK,
            postgresql_where=OPEN_TASK,
        ),
        Index("ix_tasks_closed_at_id", "closed_at", "id"),
        Index("ix_tasks_created_at", "created_at"),
        Index("ix_tasks_to_review", "closed_at", sqlite_where=TO_REVIEW, postgresql_where=TO_REVIEW),
        Index("ix_tasks_due_at", "due_at", sqlite_where=PLANNED_TASK, postgresql_where=PLANNED_TASK),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    kind: Mapped[str]
    subject_kind: Mapped[str]
    subject_id: Mapped[str] = mapped_column(index=True)
    area_id: Mapped[str] = mapped_column(ForeignKey("areas.id"), index=True)
    severity: Mapped[str]
    rule: Mapped[str]  # of the worst alarm: what the task is called
    state: Mapped[str] = mapped_column(index=True)
    late: Mapped[bool] = mapped_column(default=False)  # told long after it happened
    clock_trusted: Mapped[bool] = mapped_column(default=True)
    occurrences: Mapped[int] = mapped_column(default=1)
    device_at: Mapped[datetime]  # the four clocks of the first occurrence …
    gateway_at: Mapped[datetime]
    created_at: Mapped[datetime]
    last_at: Mapped[datetime]  # server time of the newest occurrence
    acknowledged_at: Mapped[datetime | None]  # … and the first human
    departed_at: Mapped[datetime | None]
    arrived_at: Mapped[datetime | None]
    resolved_at: Mapped[datetime | None]
    closed_at: Mapped[datetime | None]
    assignee_id: Mapped[int | None] = mapped_column(ForeignKey("users.id"), index=True)
    outcome: Mapped[str | None]
    cause: Mapped[str | None]  # of a false alarm
    version: Mapped[int] = mapped_column(default=1)
    test: Mapped[bool] = mapped_column(default=False)  # a drill's: worked as usual, counted as a test
    muted: Mapped[bool] = mapped_column(default=False)  # opened while work was declared there: nobody is told
    told_at: Mapped[
        datetime | None
    ]  # from when on an answer is awaited, of one that was muted or late before
    level: Mapped[str] = mapped_column(default="community")  # community, subdistrict: who has to solve it
    parent_id: Mapped[int | None] = mapped_column(index=True)  # the task that this one follows up
    due_at: Mapped[datetime | None]  # of a task that is planned for later (a follow-up visit)
    snoozed_until: Mapped[datetime | None]
    unheard_at: Mapped[datetime | None]  # a further emergency came, to which its holder has not answered
    unanswered_at: Mapped[datetime | None]  # the whole playbook was told, and nobody has taken it
    review: Mapped[str | None]  # why a manager should look at it (`server.tasks.reviews`)
    reviewed_at: Mapped[datetime | None]


class TaskEvent(Base):
    """One line of a task's timeline. `detail` holds the action's own facts (occurrence, outcome, note)."""

    __tablename__ = "task_events"

    id: Mapped[int] = mapped_column(primary_key=True)
    task_id: Mapped[int] = mapped_column(ForeignKey("tasks.id"), index=True)
    at: Mapped[datetime]
    actor_id: Mapped[int | None] = mapped_column(ForeignKey("users.id"))
    action: Mapped[str]
    from_state: Mapped[str | None]
    to_state: Mapped[str]
    detail: Mapped[dict[str, Any]] = mapped_column(SealedWords, default=dict)


class TaskWatcher(Base):
    """Who wants to hear of a task without having it."""

    __tablename__ = "task_watchers"

    task_id: Mapped[int] = mapped_column(ForeignKey("tasks.id"), primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id"), primary_key=True)


class TaskPhoto(Base):
    """A photo taken for a task. `file` is its name in the folder of photos."""

    __tablename__ = "task_photos"

    id: Mapped[int] = mapped_column(primary_key=True)
    task_id: Mapped[int] = mapped_column(ForeignKey("tasks.id"), index=True)
    at: Mapped[datetime]
    user_id: Mapped[int | None] = mapped_column(ForeignKey("users.id"))
    file: Mapped[str]
