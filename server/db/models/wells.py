"""Work in wells: who is down there since when."""

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from server.db.base import Base

BELOW = text("ended_at IS NULL")


class WellEntry(Base):
    """A crew in a well. At most one at a time. `air` is what was read before they went ({"point": value});
    by `check_due_at` it has to be read again."""

    __tablename__ = "well_entries"
    __table_args__ = (
        Index(
            "uq_well_entries_now",
            "well_id",
            unique=True,
            sqlite_where=BELOW,
            postgresql_where=BELOW,
        ),
        Index("ix_well_entries_check_due_at", "check_due_at", sqlite_where=BELOW, postgresql_where=BELOW),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    task_id: Mapped[int] = mapped_column(ForeignKey("tasks.id"), index=True)
    well_id: Mapped[str] = mapped_column(ForeignKey("wells.id"))
    crew: Mapped[int]  # people
    started_at: Mapped[datetime]
    started_by: Mapped[int | None] = mapped_column(ForeignKey("users.id"))
    air: Mapped[dict[str, Any]] = mapped_column(default=dict)
    check_due_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]
    ended_by: Mapped[int | None] = mapped_column(ForeignKey("users.id"))
