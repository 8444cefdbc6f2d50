"""What people asked of gateways and devices, and what became of it."""

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey
from sqlalchemy.orm import Mapped, mapped_column

from server.db.base import Base


class Command(Base):
    """A command to a gateway, or through it to a device. `id` is a UUID, `state` one of
    `server.commands.states`, `detail` the gateway's last word on it."""

    __tablename__ = "commands"

    id: Mapped[str] = mapped_column(primary_key=True)
    gateway_id: Mapped[str] = mapped_column(ForeignKey("gateways.id"), index=True)
    device_id: Mapped[str | None] = mapped_column(ForeignKey("devices.id"), index=True)
    name: Mapped[str]
    arguments: Mapped[dict[str, Any]] = mapped_column(default=dict)
    state: Mapped[str] = mapped_column(index=True)
    detail: Mapped[str] = mapped_column(default="")
    user_id: Mapped[int | None] = mapped_column(ForeignKey("users.id"))
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    sent_at: Mapped[datetime | None]
    changed_at: Mapped[datetime]
