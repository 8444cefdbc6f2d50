"""Gateways: what they should do, and what they say of themselves."""

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey
from sqlalchemy.orm import Mapped, mapped_column

from server.db.base import Base, OrderedDocument


class Gateway(Base):
    """A Raspberry Pi, or the gateway program in the data centre. `desired` is the whole document that it
    was last given (`gateway.wire.DesiredMessage` without its version); `health` its last own report."""

    __tablename__ = "gateways"

    id: Mapped[str] = mapped_column(primary_key=True)
    area_id: Mapped[str] = mapped_column(ForeignKey("areas.id"), index=True)
    name: Mapped[str]
    created_at: Mapped[datetime]
    desired: Mapped[dict[str, Any]] = mapped_column(OrderedDocument, default=dict)
    desired_version: Mapped[int] = mapped_column(default=0)
    applied_version: Mapped[int] = mapped_column(default=0)
    refused_version: Mapped[int | None]
    refused_reason: Mapped[str | None]
    online: Mapped[bool] = mapped_column(default=False)
    changed_at: Mapped[datetime | None]  # when `online` last changed
    seen_at: Mapped[datetime | None]  # when anything last came from it
    session: Mapped[str | None]
    software: Mapped[str] = mapped_column(default="")
    health: Mapped[dict[str, Any]] = mapped_column(default=dict)
