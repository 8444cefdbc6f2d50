"""Who is told of tasks: playbooks, the steps that fall due, what was sent to whom, and who can be called."""

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, Index, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from server.db.base import Base

CURRENT_DEFAULT = text("ended_at IS NULL AND resident_id IS NULL")
CURRENT_OVERRIDE = text("ended_at IS NULL AND resident_id IS NOT NULL")
PLANNED_STEP = text("state = 'planned'")
HAPPENED = text("state != 'cancelled'")
CALL_STEP = text("kind = 'call'")
WAITING = text("state IN ('queued', 'sending')")


class StoredPlaybook(Base):
    """One version of a playbook: for a task kind and severity, or for one resident's. The one that is not
    ended counts; the others are its history. `plan` is a `server.dispatch.playbooks.PlaybookIn`."""

    __tablename__ = "playbooks"
    __table_args__ = (
        Index(
            "uq_playbooks_default",
            "kind",
            "severity",
            unique=True,
            sqlite_where=CURRENT_DEFAULT,
            postgresql_where=CURRENT_DEFAULT,
        ),
        Index(
            "uq_playbooks_override",
            "kind",
            "severity",
            "resident_id",
            unique=True,
            sqlite_where=CURRENT_OVERRIDE,
            postgresql_where=CURRENT_OVERRIDE,
        ),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    kind: Mapped[str]
    severity: Mapped[str]
    resident_id: Mapped[str | None] = mapped_column(ForeignKey("residents.id"), index=True)
    version: Mapped[int]
    plan: Mapped[dict[str, Any]]
    created_at: Mapped[datetime]
    created_by: Mapped[int | None] = mapped_column(ForeignKey("users.id"))
    ended_at: Mapped[datetime | None]


class DispatchStep(Base):
    """Something that falls due for a task (`server.dispatch.core.StepKind`). States: planned, done,
    cancelled. At most one of a kind is planned for a task, and each step of a run happens once: the indices
    decide. Without `playbook_id` it is the packaged playbook's."""

    __tablename__ = "dispatch_steps"
    __table_args__ = (
        Index(
            "uq_dispatch_steps_planned",
            "task_id",
            "kind",
            unique=True,
            sqlite_where=PLANNED_STEP,
            postgresql_where=PLANNED_STEP,
        ),
        Index(
            "uq_dispatch_steps_call",
            "task_id",
            "run",
            "number",
            "turn",
            unique=True,
            sqlite_where=CALL_STEP,
            postgresql_where=CALL_STEP,
        ),
        Index("ix_dispatch_steps_due", "due_at", sqlite_where=PLANNED_STEP, postgresql_where=PLANNED_STEP),
        Index("ix_dispatch_steps_done_at", "done_at"),
        Index("ix_dispatch_steps_due_at", "due_at", sqlite_where=HAPPENED, postgresql_where=HAPPENED),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    task_id: Mapped[int] = mapped_column(ForeignKey("tasks.id"), index=True)
    playbook_id: Mapped[int | None] = mapped_column(ForeignKey("playbooks.id"))
    kind: Mapped[str]
    run: Mapped[int]
    number: Mapped[int]
    turn: Mapped[int]
    state: Mapped[str] = mapped_column(default="planned")
    planned_at: Mapped[datetime]
    due_at: Mapped[datetime]
    done_at: Mapped[datetime | None]
    late_s: Mapped[int] = mapped_column(default=0)  # done this long after it was due
    ask: Mapped[str] = mapped_column(default="go")  # server.dispatch.core.Ask, once it is done


class Delivery(Base):
    """One message to one person by one channel; (step, person, channel) is its key. States: queued, sending,
    sent, delivered (the person has answered it), failed, cancelled. `rest` are the channels to be tried if
    this one fails. The words are made when it is sent and not kept."""

    __tablename__ = "deliveries"
    __table_args__ = (
        UniqueConstraint("step_id", "user_id", "channel"),
        Index("ix_deliveries_due", "due_at", sqlite_where=WAITING, postgresql_where=WAITING),
        Index("ix_deliveries_user_id_created_at", "user_id", "created_at"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    task_id: Mapped[int] = mapped_column(ForeignKey("tasks.id"), index=True)
    step_id: Mapped[int] = mapped_column(ForeignKey("dispatch_steps.id"))
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id"))
    channel: Mapped[str]
    rest: Mapped[dict[str, Any]] = mapped_column(default=dict)  # {"channels": […]}
    state: Mapped[str]
    attempts: Mapped[int] = mapped_column(default=0)
    created_at: Mapped[datetime]
    due_at: Mapped[datetime]  # when to send; while sending: until when the sender has time
    sent_at: Mapped[datetime | None]
    ended_at: Mapped[datetime | None]
    error: Mapped[str] = mapped_column(default="")


class Responder(Base):
    """How a person can be called: on duty or not, a volunteer or not, and where they usually are."""

    __tablename__ = "responders"

    user_id: Mapped[int] = mapped_column(ForeignKey("users.id"), primary_key=True)
    on_duty: Mapped[bool] = mapped_column(default=False)
    volunteer: Mapped[bool] = mapped_column(default=False)
    latitude: Mapped[float | None]
    longitude: Mapped[float | None]


class KeyHolder(Base):
    """Who holds a key to whose home."""

    __tablename__ = "key_holders"

    resident_id: Mapped[str] = mapped_column(ForeignKey("residents.id"), primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id"), primary_key=True)


class Heartbeat(Base):
    """When a loop that others depend on last got round: `dispatch`, `notify`, `auditor`."""

    __tablename__ = "heartbeats"

    name: Mapped[str] = mapped_column(primary_key=True)
    at: Mapped[datetime]
    detail: Mapped[dict[str, Any]] = mapped_column(default=dict)


class ChannelHealth(Base):
    """How a channel does, tried also when there is nothing to tell: failing before it is needed shows."""

    __tablename__ = "channel_health"

    channel: Mapped[str] = mapped_column(primary_key=True)
    checked_at: Mapped[datetime]
    ok: Mapped[bool]
    since: Mapped[datetime]  # has been so since
    failures: Mapped[int] = mapped_column(default=0)  # one after the other
    error: Mapped[str] = mapped_column(default="")
