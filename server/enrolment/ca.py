"""The certificate authority: which certificates it gives to whom. Keys, requests, `now` in; certificates out.

- The authority and the certificates of server and broker are valid since 1970: a Raspberry Pi without a
  battery clock starts with an old time, and an alarm must not wait until a time server has been found.
- A gateway's certificate names it (common name), is for TLS clients only, and is short-lived. It begins a day
  early for a broker whose clock is behind.
"""

import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.types import CertificatePublicKeyTypes
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

ALWAYS: Final = datetime(1970, 1, 1, tzinfo=UTC)
AUTHORITY_LIFE: Final = timedelta(days=365 * 30)
SERVER_LIFE: Final = timedelta(days=365 * 10)
EARLY: Final = timedelta(days=1)


class RequestError(ValueError):
    """The gateway's request or signature can't be used."""


@dataclass(frozen=True, slots=True)
class Authority:
    """The authority's certificate and its key."""

    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey

    @property
    def pem(self) -> str:
        """The certificate as PEM."""
        return pem_of(self.certificate)

    @property
    def der(self) -> bytes:
        """The certificate as DER."""
        return self.certificate.public_bytes(serialization.Encoding.DER)


def make_authority(*, now: datetime) -> Authority:
    """A new authority with a new key."""
    key = new_key()
    name = _name("Sunwell authority")
    usage = x509.KeyUsage(
        digital_signature=False,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=True,
        crl_sign=True,
        encipher_only=False,
        decipher_only=False,
    )
    certificate = (
        _builder(name, name, key.public_key(), ALWAYS, now + AUTHORITY_LIFE)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )
    return Authority(certificate, key)


def gateway_certificate(
    authority: Authority, csr: x509.CertificateSigningRequest, *, gateway: str, life: timedelta, now: datetime
) -> x509.Certificate:
    """A certificate for the request's key. Whatever name the request asks for, it is the gateway's."""
    return _leaf(
        authority, csr.public_key(), gateway, ExtendedKeyUsageOID.CLIENT_AUTH, (now - EARLY, now + life)
    ).sign(authority.key, hashes.SHA256())


def server_certificate(
    authority: Authority, key: ec.EllipticCurvePrivateKey, *, names: Sequence[str], now: datetime
) -> x509.Certificate:
    """A certificate for the broker or the enrolment listener, found under these host names and addresses."""
    builder = _leaf(
        authority,
        key.public_key(),
        names[0],
        ExtendedKeyUsageOID.SERVER_AUTH,
        (ALWAYS, min(now + SERVER_LIFE, authority.certificate.not_valid_after_utc)),
    )
    return builder.add_extension(
        x509.SubjectAlternativeName([_general_name(name) for name in names]), critical=False
    ).sign(authority.key, hashes.SHA256())


def read_request(pem: str) -> x509.CertificateSigningRequest:
    """A gateway's request: signed with its own key, on the curve P-256. Raises RequestError."""
    try:
        csr = x509.load_pem_x509_csr(pem.encode())
        sound = csr.is_signature_valid
    except (ValueError, x509.InvalidVersion) as error:
        raise RequestError(f"the certificate request can't be read: {error}") from error
    key = csr.public_key()
    if not sound or not isinstance(key, ec.EllipticCurvePublicKey) or key.curve.name != "secp256r1":
        raise RequestError("the certificate request must be signed with its own key on the curve P-256")
    return csr


def public_pem(csr: x509.CertificateSigningRequest) -> str:
    """The request's public key."""
    return (
        csr.public_key()
        .public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
        .decode()
    )


def is_signed_by(public_key_pem: str, signature: bytes, text: bytes) -> bool:
    """Whether the key signed the text."""
    key = serialization.load_pem_public_key(public_key_pem.encode())
    if not isinstance(key, ec.EllipticCurvePublicKey):
        return False
    try:
        key.verify(signature, text, ec.ECDSA(hashes.SHA256()))
    except InvalidSignature:
        return False
    return True


def new_key() -> ec.EllipticCurvePrivateKey:
    """A new key on P-256."""
    return ec.generate_private_key(ec.SECP256R1())


def pem_of(certificate: x509.Certificate) -> str:
    """A certificate as PEM."""
    return certificate.public_bytes(serialization.Encoding.PEM).decode()


def key_pem(key: ec.EllipticCurvePrivateKey) -> str:
    """A private key as PEM, unencrypted: for a file that only its owner reads."""
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()


def read_authority(certificate_pem: str, private_pem: str) -> Authority:
    """The authority from its two files. Raises ValueError where they don't belong together."""
    certificate = x509.load_pem_x509_certificate(certificate_pem.encode())
    key = serialization.load_pem_private_key(private_pem.encode(), password=None)
    if not isinstance(key, ec.EllipticCurvePrivateKey) or key.public_key() != certificate.public_key():
        raise ValueError("the authority's key does not belong to its certificate")
    return Authority(certificate, key)


def _leaf(
    authority: Authority,
    key: CertificatePublicKeyTypes,
    name: str,
    purpose: x509.ObjectIdentifier,
    span: tuple[datetime, datetime],
) -> x509.CertificateBuilder:
    issuer = authority.certificate
    return (
        _builder(_name(name), issuer.subject, key, *span)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.ExtendedKeyUsage([purpose]), critical=True)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(authority.key.public_key()), critical=False
        )
    )


def _builder(
    subject: x509.Name, issuer: x509.Name, key: CertificatePublicKeyTypes, begin: datetime, end: datetime
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(begin)
        .not_valid_after(end)
    )


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def _general_name(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name.strip("[]")))
    except ValueError:
        return x509.DNSName(name)
