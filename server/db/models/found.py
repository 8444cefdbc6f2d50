"""Devices that gateways have found, and the profiles that were made for some of them."""

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from server.db.base import Base, OrderedDocument


class FoundDevice(Base):
    """A device that speaks at a gateway's broker. `key` names the hardware in its source (Zigbee: the IEEE
    address); `topic` is where it speaks now. `document` is the profile that was made for it, where none was
    known. `device_id` is the registered device that it is; `gone_at` when the source no longer had it."""

    __tablename__ = "found_devices"
    __table_args__ = (UniqueConstraint("gateway_id", "source", "key"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    gateway_id: Mapped[str] = mapped_column(ForeignKey("gateways.id"), index=True)
    source: Mapped[str]
    base: Mapped[str]
    key: Mapped[str]
    name: Mapped[str]
    topic: Mapped[str]
    vendor: Mapped[str] = mapped_column(default="")
    model: Mapped[str] = mapped_column(default="")
    firmware: Mapped[str] = mapped_column(default="")
    profile: Mapped[str] = mapped_column(default="")
    document: Mapped[dict[str, Any]] = mapped_column(OrderedDocument, default=dict)
    reason: Mapped[str] = mapped_column(default="")
    note: Mapped[str] = mapped_column(default="")
    device_id: Mapped[str | None] = mapped_column(ForeignKey("devices.id"), index=True)
    first_at: Mapped[datetime]
    last_at: Mapped[datetime]
    gone_at: Mapped[datetime | None]


class StoredProfile(Base):
    """A profile that came with no program: made for a found device. Never changed, since devices are read
    by it; what differs has another id."""

    __tablename__ = "profiles"

    id: Mapped[str] = mapped_column(primary_key=True)
    document: Mapped[dict[str, Any]] = mapped_column(OrderedDocument)
    created_at: Mapped[datetime]
