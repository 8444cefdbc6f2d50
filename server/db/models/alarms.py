"""The record of breaches: alarms, and each occurrence under them."""

from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, ForeignKey, Index, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from server.db.base import Base

OPEN_ALARM = text("cleared_at IS NULL")


class Alarm(Base):
    """A breach as the server knows it. `source_kind` is `position` or `gateway`. At most one is open for a
    (source, rule): the partial unique index decides, not a look-up."""

    __tablename__ = "alarms"
    __table_args__ = (
        Index(
            "uq_alarms_open",
            "source_kind",
            "source_id",
            "rule",
            unique=True,
            sqlite_where=OPEN_ALARM,
            postgresql_where=OPEN_ALARM,
        ),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    source_kind: Mapped[str]
    source_id: Mapped[str] = mapped_column(index=True)
    rule: Mapped[str]
    severity: Mapped[str]
    area_id: Mapped[str] = mapped_column(ForeignKey("areas.id"), index=True)
    task_id: Mapped[int] = mapped_column(ForeignKey("tasks.id"), index=True)
    breach: Mapped[str]  # the newest one that it stands for
    began_at: Mapped[datetime]  # device time of the first occurrence
    opened_at: Mapped[datetime]
    last_at: Mapped[datetime]  # server time of the newest occurrence
    occurrences: Mapped[int] = mapped_column(default=1)
    cleared_at: Mapped[datetime | None] = mapped_column(index=True)
    cleared_by: Mapped[str | None]  # gateway, task, server


SUSPENDED = text("suspended_until IS NOT NULL")


class Occurrence(Base):
    """One press, one fall report, or the end of a breach; never merged away. (`gateway_id`, `epoch`, `seq`)
    makes a message that arrives twice one row. The first three of the four clocks are here. One that is held
    as a test's, comes from replaced hardware, or is suspended while the resident is away, has no alarm."""

    __tablename__ = "occurrences"
    __table_args__ = (
        UniqueConstraint("gateway_id", "epoch", "seq"),
        Index("ix_occurrences_breach", "breach"),
        Index(
            "ix_occurrences_suspended_until",
            "suspended_until",
            sqlite_where=SUSPENDED,
            postgresql_where=SUSPENDED,
        ),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    gateway_id: Mapped[str]
    epoch: Mapped[str]
    seq: Mapped[int] = mapped_column(BigInteger)
    event: Mapped[str]  # occurred, cleared
    breach: Mapped[str]
    alarm_id: Mapped[int | None] = mapped_column(ForeignKey("alarms.id"), index=True)
    position_id: Mapped[str | None]
    device_id: Mapped[str | None]
    rule: Mapped[str]
    value: Mapped[dict[str, Any]] = mapped_column(default=dict)  # {"point": …, "value": …}
    device_at: Mapped[datetime]
    gateway_at: Mapped[datetime]
    server_at: Mapped[datetime]
    clock_trusted: Mapped[bool] = mapped_column(default=True)
    late: Mapped[bool] = mapped_column(default=False)
    test_id: Mapped[int | None] = mapped_column(index=True)  # held as this commissioning test's
    removed: Mapped[bool] = mapped_column(default=False)  # from hardware that had been replaced by then
    suspended_until: Mapped[datetime | None]  # concluded from quiet while away: looked at again then
