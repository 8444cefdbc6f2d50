"""Pseudonyms of kiosks' visitors, on their way to what occurred while they stood there."""

from datetime import datetime

from sqlalchemy.orm import Mapped, mapped_column

from server.db.base import Base


class KioskVisitor(Base):
    """Who stood before the kiosk at `at` (device time), kept for the alarm that may come later. `kept_at` is
    when it was written down: the retention's round takes it away a day later."""

    __tablename__ = "kiosk_visitors"

    position_id: Mapped[str] = mapped_column(primary_key=True)
    at: Mapped[datetime] = mapped_column(primary_key=True)
    visitor: Mapped[str]
    kept_at: Mapped[datetime] = mapped_column(index=True)
