"""Tests of a device at its position: the press that was seen, and who signed for it."""

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from server.db.base import Base
from server.db.sealed import Sealed

RUNNING = text("ended_at IS NULL")
COUNTING: dict[str, Any] = {
    "sqlite_where": text("superseded = 0"),
    "postgresql_where": text("NOT superseded"),
}


class CommissioningTest(Base):
    """One test. At most one runs at a position. `trial` is what has to be seen ({"point", "values"}), `seen`
    what was ({"via", "point", "value"}), `measured` the device's own words meanwhile (battery and signal, by
    point). `armed` is false while the point still stands at a value that would count. `settled` once none of
    its occurrences can become an alarm any more. `photo` is a file name in the folder of photos."""

    __tablename__ = "commissioning_tests"
    __table_args__ = (
        Index(
            "uq_commissioning_tests_running",
            "position_id",
            unique=True,
            sqlite_where=RUNNING,
            postgresql_where=RUNNING,
        ),
        Index("ix_commissioning_tests_settled", "settled"),
        Index("ix_commissioning_tests_ended_at", "ended_at", "ended"),
        Index("ix_commissioning_tests_due_at", "due_at", "position_id", **COUNTING),
        Index("ix_commissioning_tests_counting", "position_id", "device_id", **COUNTING),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    position_id: Mapped[str] = mapped_column(ForeignKey("positions.id"), index=True)
    device_id: Mapped[str] = mapped_column(ForeignKey("devices.id"), index=True)
    trial: Mapped[dict[str, Any]] = mapped_column(default=dict)
    armed: Mapped[bool] = mapped_column(default=True)
    started_at: Mapped[datetime]
    started_by: Mapped[int | None] = mapped_column(ForeignKey("users.id"))
    expires_at: Mapped[datetime]
    seen_at: Mapped[datetime | None]  # server time
    pressed_at: Mapped[datetime | None]  # by the reading's own clock
    seen: Mapped[dict[str, Any]] = mapped_column(default=dict)
    measured: Mapped[dict[str, Any]] = mapped_column(default=dict)
    ended_at: Mapped[datetime | None]
    ended: Mapped[str | None]  # signed_off, cancelled, raised, expired
    ended_by: Mapped[int | None] = mapped_column(ForeignKey("users.id"))
    consent: Mapped[str] = mapped_column(default="")  # given, not_needed
    note: Mapped[str] = mapped_column(Sealed, default="")
    photo: Mapped[str | None]
    due_at: Mapped[datetime | None]  # when it has to be tested again
    settled: Mapped[bool] = mapped_column(default=False)
    superseded: Mapped[bool] = mapped_column(default=False)  # by a later signed one of the same device
