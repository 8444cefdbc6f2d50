"""What residents have agreed to: given and taken back, by whom it was written down, and when."""

from collections.abc import Collection, Sequence
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from server.audit import service as audit
from server.db.models import Consent, Resident
from server.errors import ConflictError, NotFoundError
from server.residents.schemas import ConsentKind
from server.users.roles import Right
from server.users.viewer import Viewer


def of(session: Session, resident_id: str) -> Sequence[Consent]:
    """A resident's consents, those taken back too, the newest first."""
    query = select(Consent).where(Consent.resident_id == resident_id)
    return session.scalars(query.order_by(Consent.given_at.desc(), Consent.id.desc())).all()


def given(session: Session, resident_ids: Collection[str], kind: ConsentKind = "care") -> set[str]:
    """Those of the residents who agree to this now."""
    query = select(Consent.resident_id).where(Consent.kind == kind, Consent.withdrawn_at.is_(None))
    return set(session.scalars(query)) & set(resident_ids)


def give(
    session: Session, viewer: Viewer, resident_id: str, kind: ConsentKind, *, note: str = "", now: datetime
) -> Consent:
    """Notes a consent; one that stands already is given back. Raises NotFoundError."""
    viewer.require(Right.VIEW_RESIDENTS)
    row = note_given(session, resident_id, kind, by=viewer.user_id, note=note, now=now)
    subject = ("resident", resident_id)
    audit.write(session, viewer, action="consent", subject=subject, now=now, consent=row.id, kind=kind)
    return row


def note_given(
    session: Session, resident_id: str, kind: ConsentKind, *, by: int | None, note: str, now: datetime
) -> Consent:
    """The consent's row, as whoever asked the resident writes it. Raises NotFoundError."""
    resident = session.get(Resident, resident_id, with_for_update=True)
    if resident is None or resident.erased_at is not None:
        raise NotFoundError(f"there is no resident {resident_id!r}")
    stands = next(
        (row for row in of(session, resident_id) if row.kind == kind and not row.withdrawn_at), None
    )
    if stands is not None:
        return stands
    row = Consent(resident_id=resident_id, kind=kind, given_at=now, given_by=by, note=note)
    session.add(row)
    session.flush()
    return row


def withdraw(session: Session, viewer: Viewer, consent_id: int, *, now: datetime) -> Consent:
    """The resident takes a consent back. Raises NotFoundError; ConflictError where it was taken back."""
    viewer.require(Right.VIEW_RESIDENTS)
    row = session.get(Consent, consent_id, with_for_update=True)
    if row is None:
        raise NotFoundError(f"there is no consent {consent_id}")
    if row.withdrawn_at is not None:
        raise ConflictError("this consent was taken back already", consent=consent_id)
    row.withdrawn_at, row.withdrawn_by = now, viewer.user_id
    audit.write(
        session, viewer, action="consent_withdrawn", subject=("resident", row.resident_id), now=now,
        consent=row.id, kind=row.kind,
    )  # fmt: skip
    return row
