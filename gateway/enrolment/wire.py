"""What a gateway and its server say to one another to enrol and renew: the code, the bodies, what is signed.

A code carries all that the first contact needs: where the server is, the fingerprint of its certificate
authority (so that nobody in between can pretend to be it, with no public certificate anywhere), and a secret
that counts once. It is written with capitals, digits and `/ : . -`, which make a small QR code; letters that
are easily confused (O and 0, I, L and 1) count as the same where a person may have typed them.
"""

import hashlib
import re
from dataclasses import dataclass
from typing import Final

import msgspec

SCHEME: Final = "SW1"
LETTERS: Final = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
"""Crockford's 32: without I, L, O and U."""
SECRET_BYTES: Final = 15
"""120 bits: 24 letters, beyond guessing."""
FINGERPRINT_BYTES: Final = 20
"""160 bits of SHA-256: 32 letters; finding another authority with these takes 2^160 tries."""
ADDRESS: Final = re.compile(r"(?P<host>[A-Z0-9.-]{1,253}|\[[0-9A-F:]{2,45}\]):(?P<port>[0-9]{1,5})")
LONGEST: Final = 400

PATH: Final = "/api/v1/enrol"
"""POST an `EnrolRequest`; `/renew` beneath it takes a `RenewRequest`; GET `/authority` gives the CA's PEM."""


class CodeError(ValueError):
    """This is no code: type or scan it again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Code:
    """`address` is the server's HOST:PORT, `fingerprint` that of its authority, `secret` what counts once."""

    address: str
    fingerprint: bytes
    secret: bytes

    def text(self) -> str:
        """As it is shown, printed and scanned."""
        return "/".join((SCHEME, self.address.upper(), to_letters(self.fingerprint), to_letters(self.secret)))


def read_code(text: str) -> Code:
    """The code that a person typed or pasted, also with a page's address before it. Raises CodeError."""
    wanted = "".join(text.split()).rpartition("#")[2].upper()
    parts = wanted.split("/")
    if len(wanted) > LONGEST or len(parts) != 4 or parts[0] != SCHEME:
        raise CodeError(f"a code has the form {SCHEME}/HOST:PORT/LETTERS/LETTERS")
    address, fingerprint, secret = parts[1:]
    found = ADDRESS.fullmatch(address)
    if found is None or not 0 < int(found["port"]) < 65_536:
        raise CodeError(f"{address[:60]!r} in the code is no HOST:PORT")
    return Code(
        address=address.lower(),
        fingerprint=from_letters(fingerprint, FINGERPRINT_BYTES),
        secret=from_letters(secret, SECRET_BYTES),
    )


def to_letters(value: bytes) -> str:
    """Bytes as letters, five bits each; the length must be a multiple of five bytes."""
    number = int.from_bytes(value, "big")
    count = len(value) * 8 // 5
    return "".join(LETTERS[number >> 5 * place & 31] for place in reversed(range(count)))


def from_letters(text: str, length: int) -> bytes:
    """The bytes behind letters, dashes between them left out. Raises CodeError."""
    plain = text.replace("-", "").replace("O", "0").replace("I", "1").replace("L", "1")
    if len(plain) != length * 8 // 5 or any(letter not in LETTERS for letter in plain):
        raise CodeError(f"a part of the code must be {length * 8 // 5} letters and digits, not {len(plain)}")
    number = 0
    for letter in plain:
        number = number << 5 | LETTERS.index(letter)
    return number.to_bytes(length, "big")


def fingerprint(certificate_der: bytes) -> bytes:
    """An authority's fingerprint as codes carry it."""
    return hashlib.sha256(certificate_der).digest()[:FINGERPRINT_BYTES]


def client_id(gateway: str) -> str:
    """The gateway's MQTT client id. The broker holds an enrolled one to it: who connects with another's would
    throw that one out."""
    return f"sunwell-gateway-{gateway}"


def signed_text(gateway: str, csr: str) -> bytes:
    """What a renewal's signature is over. It needs no time: sent again, it serves the same key again."""
    return b"sunwell renewal v1\n" + gateway.encode() + b"\n" + csr.encode()


class EnrolRequest(msgspec.Struct, frozen=True, kw_only=True):
    """A code's secret, as letters, and the request (PEM) for the key made at the gateway."""

    secret: str
    csr: str


class RenewRequest(msgspec.Struct, frozen=True, kw_only=True):
    """The request (PEM) for a new key, signed (base64, ECDSA with SHA-256) with the present one."""

    gateway: str
    csr: str
    signature: str


class Credential(msgspec.Struct, frozen=True, kw_only=True):
    """What a gateway is given: its certificate (PEM), the authority (PEM) that the broker's and the server's
    own certificates come from, the broker's TLS address, and the password that belongs to the certificate."""

    gateway: str
    certificate: str
    authority: str
    broker_host: str
    broker_port: int
    password: str
