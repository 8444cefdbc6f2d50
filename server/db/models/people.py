"""People: who may do what, when they are on duty, how they are reached, and who looked at what."""

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from server.db.base import Base
from server.db.sealed import Sealed, SealedWords


class User(Base):
    """A person with a role. `password_hash` is Argon2; one that is empty lets nobody in. `area_id` is the
    area whose homes and wells they see (none: all)."""

    __tablename__ = "users"

    id: Mapped[int] = mapped_column(primary_key=True)
    login: Mapped[str] = mapped_column(unique=True)
    name: Mapped[str]
    role: Mapped[str]
    password_hash: Mapped[str]
    language: Mapped[str] = mapped_column(default="zh")
    created_at: Mapped[datetime]
    disabled_at: Mapped[datetime | None]
    area_id: Mapped[str | None]
    station_id: Mapped[str | None]
    phone: Mapped[str] = mapped_column(Sealed, default="")


class Skill(Base):
    """Something that a person can do (first_aid, lifting, well_entry, …)."""

    __tablename__ = "skills"

    user_id: Mapped[int] = mapped_column(ForeignKey("users.id"), primary_key=True)
    skill: Mapped[str] = mapped_column(primary_key=True)


class Shift(Base):
    """A person's duty from a time to a time, for a role, in an area or at a station (neither: everywhere)."""

    __tablename__ = "shifts"
    __table_args__ = (Index("ix_shifts_ends_at_starts_at", "ends_at", "starts_at"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id"), index=True)
    role: Mapped[str]
    area_id: Mapped[str | None] = mapped_column(ForeignKey("areas.id"))
    station_id: Mapped[str | None] = mapped_column(ForeignKey("stations.id"))
    starts_at: Mapped[datetime]
    ends_at: Mapped[datetime]
    created_at: Mapped[datetime]
    created_by: Mapped[int | None] = mapped_column(ForeignKey("users.id"))
    cancelled_at: Mapped[datetime | None]


class ShiftSwap(Base):
    """One person asks another to take a shift. States: asked, accepted, refused, withdrawn."""

    __tablename__ = "shift_swaps"

    id: Mapped[int] = mapped_column(primary_key=True)
    shift_id: Mapped[int] = mapped_column(ForeignKey("shifts.id"), index=True)
    from_id: Mapped[int] = mapped_column(ForeignKey("users.id"))
    to_id: Mapped[int] = mapped_column(ForeignKey("users.id"), index=True)
    state: Mapped[str]
    asked_at: Mapped[datetime]
    answered_at: Mapped[datetime | None]


class Address(Base):
    """Where a person is reached by a channel: an Apprise address, tried in the order of `rank`."""

    __tablename__ = "addresses"
    __table_args__ = (UniqueConstraint("user_id", "channel"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id"))
    channel: Mapped[str]
    rank: Mapped[int]
    address: Mapped[str] = mapped_column(Sealed)
    updated_at: Mapped[datetime]
    updated_by: Mapped[int | None] = mapped_column(ForeignKey("users.id"))


class PushSubscription(Base):
    """A browser that a person lets Sunwell wake (web push). `keys` is what the browser gave, sealed JSON."""

    __tablename__ = "push_subscriptions"

    id: Mapped[int] = mapped_column(primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)
    endpoint_hash: Mapped[str] = mapped_column(unique=True)
    endpoint: Mapped[str] = mapped_column(Sealed)
    keys: Mapped[str] = mapped_column(Sealed)
    device: Mapped[str] = mapped_column(default="")  # "Chrome on Android", as shown to its owner
    created_at: Mapped[datetime]
    last_ok_at: Mapped[datetime | None]
    failed_at: Mapped[datetime | None]


class WebSession(Base):
    """A log-in. Only the SHA-256 of its cookie is kept."""

    __tablename__ = "web_sessions"

    token_hash: Mapped[str] = mapped_column(primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime] = mapped_column(index=True)


class ApiToken(Base):
    """A program's key, acting as a user. Only its SHA-256 is kept."""

    __tablename__ = "api_tokens"

    id: Mapped[int] = mapped_column(primary_key=True)
    token_hash: Mapped[str] = mapped_column(unique=True)
    name: Mapped[str]
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime | None]
    revoked_at: Mapped[datetime | None]


class AuditEntry(Base):
    """Who did or saw what, when and why. `once` is the key of a line that is written once, however often it
    happens: the unique index decides."""

    __tablename__ = "audit"
    __table_args__ = (
        Index("ix_audit_subject_kind_subject_id_id", "subject_kind", "subject_id", "id"),
        Index("uq_audit_once", "once", unique=True),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    at: Mapped[datetime] = mapped_column(index=True)
    user_id: Mapped[int | None] = mapped_column(ForeignKey("users.id"))
    action: Mapped[str]
    subject_kind: Mapped[str]
    subject_id: Mapped[str]
    reason: Mapped[str] = mapped_column(Sealed, default="")
    detail: Mapped[dict[str, Any]] = mapped_column(SealedWords, default=dict)
    once: Mapped[str | None]
