"""A gateway's key and what is made with it. Bytes in, bytes out."""

from datetime import UTC, datetime, timedelta
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

RENEWED_AFTER: Final = 2 / 3
"""Of a certificate's life: a third is left for a house without network, or a server that is away."""


def make_key() -> bytes:
    """A new private key, PEM. It never leaves this machine."""
    key = ec.generate_private_key(ec.SECP256R1())
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def make_request(key_pem: bytes, name: str) -> str:
    """A request (PEM) for a certificate. Raises ValueError for what is no such key."""
    builder = x509.CertificateSigningRequestBuilder(
        x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    )
    return builder.sign(_key(key_pem), hashes.SHA256()).public_bytes(serialization.Encoding.PEM).decode()


def sign(key_pem: bytes, text: bytes) -> bytes:
    """The key's signature. Raises ValueError for what is no such key."""
    return _key(key_pem).sign(text, ec.ECDSA(hashes.SHA256()))


def belongs(key_pem: bytes, certificate_pem: str) -> bool:
    """Whether the certificate is for this key. Raises ValueError for what is no such key or certificate."""
    certificate = x509.load_pem_x509_certificate(certificate_pem.encode())
    return certificate.public_key() == _key(key_pem).public_key()


def renewal_due_ms(certificate_pem: str) -> int:
    """From when on the certificate is to be renewed, UTC milliseconds. Raises ValueError."""
    certificate = x509.load_pem_x509_certificate(certificate_pem.encode())
    life: timedelta = certificate.not_valid_after_utc - certificate.not_valid_before_utc
    return _ms(certificate.not_valid_before_utc + life * RENEWED_AFTER)


def valid_until_ms(certificate_pem: str) -> int:
    """When the certificate ends, UTC milliseconds. Raises ValueError."""
    return _ms(x509.load_pem_x509_certificate(certificate_pem.encode()).not_valid_after_utc)


def der_of(certificate_pem: str) -> bytes:
    """A certificate's DER. Raises ValueError."""
    return x509.load_pem_x509_certificate(certificate_pem.encode()).public_bytes(serialization.Encoding.DER)


def _key(pem: bytes) -> ec.EllipticCurvePrivateKey:
    key = serialization.load_pem_private_key(pem, password=None)
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise ValueError("not a key on an elliptic curve")  # noqa: TRY004 - callers catch what the library raises
    return key


def _ms(moment: datetime) -> int:
    return round(moment.astimezone(UTC).timestamp() * 1000)
