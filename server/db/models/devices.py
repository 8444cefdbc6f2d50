"""Hardware, and where it was attached from when to when."""

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from server.db.base import Base


class Device(Base):
    """A piece of hardware, reached through one gateway. `address` is its driver's; see `gateway.wire`."""

    __tablename__ = "devices"

    id: Mapped[str] = mapped_column(primary_key=True)
    gateway_id: Mapped[str] = mapped_column(ForeignKey("gateways.id"), index=True)
    profile: Mapped[str]
    driver: Mapped[str]
    address: Mapped[dict[str, Any]]
    parameters: Mapped[dict[str, Any]] = mapped_column(default=dict)
    serial: Mapped[str] = mapped_column(default="")
    firmware: Mapped[str] = mapped_column(default="")
    created_at: Mapped[datetime]
    retired_at: Mapped[datetime | None]


class Attachment(Base):
    """A device at a position, from a day to a day. One device a position, and one position a device, at a
    time: partial unique indices see to it."""

    __tablename__ = "attachments"
    __table_args__ = (
        Index(
            "uq_attachments_position_now",
            "position_id",
            unique=True,
            sqlite_where=text("until IS NULL"),
            postgresql_where=text("until IS NULL"),
        ),
        Index(
            "uq_attachments_device_now",
            "device_id",
            unique=True,
            sqlite_where=text("until IS NULL"),
            postgresql_where=text("until IS NULL"),
        ),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    position_id: Mapped[str] = mapped_column(ForeignKey("positions.id"), index=True)
    device_id: Mapped[str] = mapped_column(ForeignKey("devices.id"), index=True)
    since: Mapped[datetime]
    until: Mapped[datetime | None]
