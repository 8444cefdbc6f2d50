"""Rules of the house that a manager edits, with their history; and the check that the seal key fits."""

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from server.db.base import Base
from server.db.sealed import Sealed

CURRENT = text("ended_at IS NULL")


class StoredPolicy(Base):
    """One version of a policy (`server.policies`). The one that is not ended counts."""

    __tablename__ = "policies"
    __table_args__ = (
        Index("uq_policies_current", "name", unique=True, sqlite_where=CURRENT, postgresql_where=CURRENT),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]
    version: Mapped[int]
    document: Mapped[dict[str, Any]]
    created_at: Mapped[datetime]
    created_by: Mapped[int | None] = mapped_column(ForeignKey("users.id"))
    ended_at: Mapped[datetime | None]


class SealCheck(Base):
    """One sealed word: a server whose key can't open it must not start."""

    __tablename__ = "seal_checks"

    id: Mapped[int] = mapped_column(primary_key=True)
    word: Mapped[str] = mapped_column(Sealed)
