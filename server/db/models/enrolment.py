"""How gateways become known: codes that count once, and what each gateway has been given."""

from datetime import datetime

from sqlalchemy import ForeignKey
from sqlalchemy.orm import Mapped, mapped_column

from server.db.base import Base


class GatewayCode(Base):
    """A code for one gateway; only its SHA-256 is kept. `public_key` is that of the gateway that used it."""

    __tablename__ = "gateway_codes"

    secret_hash: Mapped[str] = mapped_column(primary_key=True)
    gateway_id: Mapped[str] = mapped_column(ForeignKey("gateways.id"), index=True)
    user_id: Mapped[int | None] = mapped_column(ForeignKey("users.id"))
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    used_at: Mapped[datetime | None]
    public_key: Mapped[str | None]


class GatewayCredential(Base):
    """What an enrolled gateway has. `generation` goes up with each enrolment and makes the old password at
    the broker void; `previous_key` may still renew, for a gateway that never got its renewal's answer."""

    __tablename__ = "gateway_credentials"

    gateway_id: Mapped[str] = mapped_column(ForeignKey("gateways.id"), primary_key=True)
    generation: Mapped[int]
    public_key: Mapped[str]
    previous_key: Mapped[str | None]
    enrolled_at: Mapped[datetime]
    issued_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    revoked_at: Mapped[datetime | None]
