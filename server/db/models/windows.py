"""Times in which alarms are expected: work at a place, and drills."""

from datetime import datetime

from sqlalchemy import ForeignKey, Index
from sqlalchemy.orm import Mapped, mapped_column

from server.db.base import Base
from server.db.sealed import Sealed


class Window(Base):
    """From when to when alarms of a place are expected. `work` tells nobody and keeps the record; a `drill`
    tells everybody as usual and marks the task as a test. `scope_kind` is area, resident, well, position or
    gateway."""

    __tablename__ = "windows"
    __table_args__ = (Index("ix_windows_until_since", "until", "since"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    kind: Mapped[str]
    scope_kind: Mapped[str]
    scope_id: Mapped[str]
    since: Mapped[datetime]
    until: Mapped[datetime]
    reason: Mapped[str] = mapped_column(Sealed)
    created_at: Mapped[datetime]
    created_by: Mapped[int | None] = mapped_column(ForeignKey("users.id"))
    ended_at: Mapped[datetime | None]
    ended_by: Mapped[int | None] = mapped_column(ForeignKey("users.id"))
