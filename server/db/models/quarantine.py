"""Messages that could not be used, with the reason and their bytes."""

from datetime import datetime

from sqlalchemy.orm import Mapped, mapped_column

from server.db.base import Base


class QuarantinedMessage(Base):
    """One refused message. `payload` is cut at 64 KiB; `size` is what arrived."""

    __tablename__ = "quarantine"

    id: Mapped[int] = mapped_column(primary_key=True)
    at: Mapped[datetime] = mapped_column(index=True)
    gateway_id: Mapped[str | None]
    topic: Mapped[str]
    reason: Mapped[str]
    detail: Mapped[str]
    size: Mapped[int]
    payload: Mapped[bytes]
