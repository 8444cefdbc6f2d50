"""Codes, enrolment, renewal and revocation, as rows. What the broker must know follows from these.

A code counts once: for one key. The same gateway may send it again within the code's time, since the answer
may have been lost on the way. A gateway that enrols anew (after a factory reset, or on other hardware) takes
its old place: positions, devices and rules hang on its id; what it had before is of no use any more.
"""

import base64
import binascii
import hashlib
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from cryptography.x509 import CertificateSigningRequest
from sqlalchemy.orm import Session

from gateway.enrolment.wire import (
    SECRET_BYTES,
    CodeError,
    EnrolRequest,
    RenewRequest,
    from_letters,
    signed_text,
)
from server.db.database import Change, announce
from server.db.models import Gateway, GatewayCode, GatewayCredential
from server.enrolment import ca, repository
from server.enrolment.keys import Keys
from server.errors import ConflictError, ForbiddenError, InvalidError, NotFoundError

PREFIX: Final = "gw-"
"""So that no gateway can take the place of another user of the broker."""
LATE_RENEWAL: Final = timedelta(days=365)
"""A gateway that lay in a drawer, or in a closed house, may renew an expired certificate for so long. What
protects against a stolen one is revocation, which counts at once."""
REMEMBERED: Final = timedelta(days=30)


class CodeUnknownError(NotFoundError):
    """No such code: it was mistyped, or replaced by a newer one."""

    code = "code_unknown"


class CodeExpiredError(ConflictError):
    """Too late: make a new code."""

    status = 410
    code = "code_expired"


class CodeUsedError(ConflictError):
    """Another gateway has used it."""

    code = "code_used"


class RevokedError(ForbiddenError):
    """The gateway was revoked: it needs a new code."""

    code = "revoked"


@dataclass(frozen=True, slots=True, kw_only=True)
class Issued:
    """A certificate (PEM) for `gateway`, and the password that belongs to it."""

    gateway: str
    certificate: str
    password: str


def make_code(
    session: Session, gateway_id: str, *, user_id: int | None, life: timedelta, now: datetime
) -> tuple[bytes, GatewayCode]:
    """A new code's secret, which is shown this once, and its row. Codes made before it end. Raises
    NotFoundError, or InvalidError for a gateway whose name can't be a user of the broker."""
    if session.get(Gateway, gateway_id, with_for_update=True) is None:
        raise NotFoundError(f"there is no gateway {gateway_id!r}: register it first")
    if not gateway_id.startswith(PREFIX):
        raise InvalidError(
            f"gateway {gateway_id!r} can't enrol: its name is its user at the broker and must begin with"
            f" {PREFIX!r}; register it as {PREFIX}{gateway_id}",
            where="gateway",
        )
    repository.forget_codes(session, gateway_id, used_before=now - REMEMBERED)
    secret = secrets.token_bytes(SECRET_BYTES)
    code = GatewayCode(
        secret_hash=_hash(secret),
        gateway_id=gateway_id,
        user_id=user_id,
        created_at=now,
        expires_at=now + life,
    )
    session.add(code)
    session.flush()
    announce(session, Change("gateway", gateway_id))
    return secret, code


def enrol(session: Session, keys: Keys, request: EnrolRequest, *, life: timedelta, now: datetime) -> Issued:
    """Takes a code for a key. Raises CodeUnknownError, CodeExpiredError, CodeUsedError or InvalidError."""
    try:
        secret = from_letters(request.secret, SECRET_BYTES)
    except CodeError as error:
        raise InvalidError(str(error), where="secret") from error
    code = repository.code_of(session, _hash(secret))
    if code is None:
        raise CodeUnknownError(
            "the server does not know this code: perhaps it was mistyped, or a newer one has been made since"
        )
    if code.expires_at <= now:
        raise CodeExpiredError(
            f"the code's time is over since {code.expires_at:%Y-%m-%d %H:%M} UTC: make a new one"
        )
    csr = _request(request.csr)
    public_key = ca.public_pem(csr)
    row = repository.credential_to_change(session, code.gateway_id)
    if code.public_key not in (None, public_key):
        raise CodeUsedError(
            "another gateway has used this code: make a new one, and revoke it if that was not yours"
        )
    if code.public_key is None:
        code.used_at, code.public_key = now, public_key
        if row is None:
            row = GatewayCredential(gateway_id=code.gateway_id, generation=0)
            session.add(row)
        row.generation += 1
        row.enrolled_at, row.public_key, row.previous_key, row.revoked_at = now, public_key, None, None
    elif row is None or row.revoked_at is not None or row.public_key != public_key:
        raise CodeUsedError("this code has been used, and what it gave is no longer valid: make a new one")
    return _issue(session, keys, row, csr, life=life, now=now)


def renew(session: Session, keys: Keys, request: RenewRequest, *, life: timedelta, now: datetime) -> Issued:
    """A new certificate for a gateway that proves to have its present key. Raises RevokedError,
    ForbiddenError or InvalidError."""
    row = repository.credential_to_change(session, request.gateway[:64])
    if row is None:
        raise ForbiddenError("no such gateway has enrolled here: it needs a code")
    if row.revoked_at is not None:
        raise RevokedError("this gateway was revoked: it needs a new code")
    if row.expires_at + LATE_RENEWAL < now:
        raise ForbiddenError("its certificate ended too long ago: it needs a new code")
    try:
        signature = base64.b64decode(request.signature, validate=True)
    except binascii.Error as error:
        raise InvalidError("the signature is not base64", where="signature") from error
    text = signed_text(request.gateway, request.csr)
    known = [key for key in (row.public_key, row.previous_key) if key is not None]
    signer = next((key for key in known if ca.is_signed_by(key, signature, text)), None)
    if signer is None:
        raise ForbiddenError("the request is not signed with this gateway's key: it needs a new code")
    csr = _request(request.csr)
    row.previous_key, row.public_key = signer, ca.public_pem(csr)
    return _issue(session, keys, row, csr, life=life, now=now)


def revoke(session: Session, gateway_id: str, *, now: datetime) -> None:
    """Ends what the gateway has been given, and its open codes. Raises NotFoundError if it never enrolled."""
    repository.forget_codes(session, gateway_id, used_before=now - REMEMBERED)
    row = repository.credential_to_change(session, gateway_id)
    if row is None:
        raise NotFoundError(f"gateway {gateway_id!r} has never enrolled")
    if row.revoked_at is None:
        row.revoked_at = now
        gateway = session.get_one(Gateway, gateway_id)
        # The broker throws it out without its last will; what it said last stays behind, retained.
        gateway.online, gateway.changed_at = False, now
    _changed(session, gateway_id)


def _issue(
    session: Session,
    keys: Keys,
    row: GatewayCredential,
    csr: CertificateSigningRequest,
    *,
    life: timedelta,
    now: datetime,
) -> Issued:
    certificate = ca.gateway_certificate(keys.authority, csr, gateway=row.gateway_id, life=life, now=now)
    row.issued_at, row.expires_at = now, certificate.not_valid_after_utc
    session.flush()
    _changed(session, row.gateway_id)
    return Issued(
        gateway=row.gateway_id,
        certificate=ca.pem_of(certificate),
        password=keys.password(row.gateway_id, row.generation),
    )


def _request(pem: str) -> CertificateSigningRequest:
    try:
        return ca.read_request(pem)
    except ca.RequestError as error:
        raise InvalidError(str(error), where="csr") from error


def _changed(session: Session, gateway_id: str) -> None:
    announce(session, Change("gateway", gateway_id))
    announce(session, Change("enrolment", gateway_id))


def _hash(secret: bytes) -> str:
    return hashlib.sha256(secret).hexdigest()
