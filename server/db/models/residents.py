"""What belongs to one resident: contacts, absences, consents, the learned rhythm, and unprotected times."""

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from server.db.base import Base
from server.db.sealed import Sealed, SealedWords

NOT_ENDED = text("until IS NULL")


class Contact(Base):
    """Family, a neighbour, a doctor: called in the order of `rank`. With `user_id` they are also a person
    whom Sunwell tells by their own channels."""

    __tablename__ = "contacts"

    id: Mapped[int] = mapped_column(primary_key=True)
    resident_id: Mapped[str] = mapped_column(ForeignKey("residents.id"), index=True)
    rank: Mapped[int]
    relation: Mapped[str]  # family, neighbour, friend, doctor, other
    name: Mapped[str]
    phone: Mapped[str] = mapped_column(Sealed, default="")
    holds_key: Mapped[bool] = mapped_column(default=False)
    user_id: Mapped[int | None] = mapped_column(ForeignKey("users.id"), index=True)


class Absence(Base):
    """A resident is not at home: suspends what is concluded from silence, never a press, a fall or smoke."""

    __tablename__ = "absences"
    __table_args__ = (Index("ix_absences_resident_id_until", "resident_id", "until"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    resident_id: Mapped[str] = mapped_column(ForeignKey("residents.id"))
    kind: Mapped[str]  # hospital, family, travel, other
    since: Mapped[datetime]
    until: Mapped[datetime]
    note: Mapped[str] = mapped_column(Sealed, default="")
    created_at: Mapped[datetime]
    created_by: Mapped[int | None] = mapped_column(ForeignKey("users.id"))
    ended_at: Mapped[datetime | None]  # came home early
    ended_by: Mapped[int | None] = mapped_column(ForeignKey("users.id"))


class Consent(Base):
    """What a resident has agreed to, and when they took it back."""

    __tablename__ = "consents"

    id: Mapped[int] = mapped_column(primary_key=True)
    resident_id: Mapped[str] = mapped_column(ForeignKey("residents.id"), index=True)
    kind: Mapped[str]  # care, contacts_told, photo
    given_at: Mapped[datetime]
    given_by: Mapped[int | None] = mapped_column(ForeignKey("users.id"))  # who wrote it down
    note: Mapped[str] = mapped_column(Sealed, default="")  # where the signed paper lies
    withdrawn_at: Mapped[datetime | None]
    withdrawn_by: Mapped[int | None] = mapped_column(ForeignKey("users.id"))


class Rhythm(Base):
    """What is usual for one resident (`server.rhythm`): learned from days up to `learned_until`. `due_at` is
    when they would begin to be missed, should nothing happen until then."""

    __tablename__ = "rhythms"
    __table_args__ = (
        Index("ix_rhythms_due_at", "due_at"),
        Index("ix_rhythms_learned_until", "learned_until"),
    )

    resident_id: Mapped[str] = mapped_column(ForeignKey("residents.id"), primary_key=True)
    learned: Mapped[dict[str, Any]] = mapped_column(default=dict)
    learned_until: Mapped[datetime | None]
    days: Mapped[dict[str, Any]] = mapped_column(
        default=dict, deferred=True
    )  # {"2026-02-02": [active, missing]}
    fixed: Mapped[dict[str, Any]] = mapped_column(SealedWords, default=dict)  # what a manager has laid down
    due_at: Mapped[datetime | None]
    last_active_at: Mapped[datetime | None]
    last_active_point: Mapped[str] = mapped_column(default="")
    updated_at: Mapped[datetime]


class UnprotectedSpan(Base):
    """From when to when a resident was not protected, and why (`server.coverage`). One row a cause and thing
    at a time."""

    __tablename__ = "unprotected_spans"
    __table_args__ = (
        Index(
            "uq_unprotected_spans_now",
            "resident_id",
            "cause",
            "thing_id",
            unique=True,
            sqlite_where=NOT_ENDED,
            postgresql_where=NOT_ENDED,
        ),
        Index("ix_unprotected_spans_resident_id_since", "resident_id", "since"),
        Index("ix_unprotected_spans_until", "until"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    resident_id: Mapped[str] = mapped_column(ForeignKey("residents.id"))
    cause: Mapped[str]  # `server.coverage.core.Cause`
    thing_kind: Mapped[str]  # gateway, position, window, resident
    thing_id: Mapped[str]
    since: Mapped[datetime]
    until: Mapped[datetime | None]


class UnheardSensor(Base):
    """A sensor of a resident's daily life that is not heard now, and since when (`server.coverage`): quiet is
    judged by the others until it speaks again."""

    __tablename__ = "unheard_sensors"

    position_id: Mapped[str] = mapped_column(ForeignKey("positions.id"), primary_key=True)
    resident_id: Mapped[str] = mapped_column(ForeignKey("residents.id"), index=True)
    since: Mapped[datetime]
