"""Whether a request comes from whom it should: the ways that terminals and platforms can.

Rules: header texts, body digests, secrets and `now_s` in, verdicts out. All comparisons take the same time
for right and wrong secrets.

Digest (RFC 7616) is what Hikvision's terminals can beside nothing at all, and only with MD5. It hides the
password on the wire but does not protect the message: that is TLS's work. A nonce carries its own time and
signature, so nothing is kept per client.
"""

import base64
import binascii
import hashlib
import hmac
from collections.abc import Mapping
from enum import StrEnum
from typing import Final, Literal
from urllib.request import parse_http_list

import msgspec

Auth = Literal["device", "path", "basic", "digest", "header", "hmac", "onenet"]
"""How a source proves itself: `device`, each device by its own token in the path; `path`, the secret is the
path's second part; `basic` and `digest`, user and password; `header`, the secret in a header; `hmac`,
HMAC-SHA256 of the body in a header; `onenet`, as China Mobile's platform signs its messages."""

NONCE_S: Final = 300
_LONGEST_HEADER: Final = 4_096


class Verdict(StrEnum):
    """What came of it. STALE: right, but with a nonce that is too old; the client is to try again."""

    GOOD = "good"
    MISSING = "missing"
    WRONG = "wrong"
    STALE = "stale"


def same(given: str | None, secret: str) -> Verdict:
    """Whether a text is the secret."""
    if not given:
        return Verdict.MISSING
    return Verdict.GOOD if _equal(given, secret) else Verdict.WRONG


def token_digest(token: str) -> str:
    """What is kept of a device's token: its SHA-256. A token is random and long, so no salt is needed."""
    return hashlib.sha256(token.encode("utf-8", "replace")).hexdigest()


def check_header(given: str | None, secret: str) -> Verdict:
    """A secret in a header, alone or as `Bearer …`."""
    return same(given.removeprefix("Bearer ").strip() if given else None, secret)


def check_basic(given: str | None, user: str, secret: str) -> Verdict:
    """`Authorization: Basic …`."""
    scheme, _, coded = (given or "").strip().partition(" ")
    if scheme.lower() != "basic":
        return Verdict.MISSING
    try:
        text = base64.b64decode(coded.strip(), validate=True).decode("utf-8", "replace")
    except (binascii.Error, ValueError):
        return Verdict.WRONG
    return Verdict.GOOD if _equal(text, f"{user}:{secret}") else Verdict.WRONG


def check_hmac(given: str | None, digest: bytes) -> Verdict:
    """HMAC-SHA256 of the body, in hexadecimal or base64, with or without `sha256=` in front."""
    if not given:
        return Verdict.MISSING
    text = given.strip().removeprefix("sha256=")
    if _equal(text.lower(), digest.hex()) or _equal(text, base64.b64encode(digest).decode()):
        return Verdict.GOOD
    return Verdict.WRONG


def onenet_signature(token: str, nonce: str, message: str) -> str:
    """OneNET's signature: the MD5 of token, nonce and message, in base64."""
    digest = hashlib.md5(f"{token}{nonce}{message}".encode(), usedforsecurity=False).digest()
    return base64.b64encode(digest).decode()


def check_onenet(given: str | None, token: str, nonce: str, message: str) -> Verdict:
    """Whether OneNET signed the message. A plus sign may have become a space on its way through a URL."""
    if not given:
        return Verdict.MISSING
    signed = _equal(given.replace(" ", "+"), onenet_signature(token, nonce, message))
    return Verdict.GOOD if signed else Verdict.WRONG


def check_onenet_body(body: bytes, token: str) -> Verdict:
    """Whether OneNET signed a message that it posts: its `msg` as it stands there, byte for byte."""
    try:
        parts = msgspec.json.decode(body, type=dict[str, msgspec.Raw])
        message = _raw_text(parts.get("msg"))
        nonce = _raw_text(parts.get("nonce"))
        given = _raw_text(parts.get("signature") or parts.get("msg_signature"))
    except (msgspec.DecodeError, RecursionError, UnicodeError):
        return Verdict.WRONG
    return check_onenet(given, token, nonce, message)


def _raw_text(raw: msgspec.Raw | None) -> str:
    """The text of a JSON string; of anything else its JSON."""
    content = b"" if raw is None else bytes(raw)
    return msgspec.json.decode(content, type=str) if content.startswith(b'"') else content.decode()


class Digest:
    """HTTP Digest for one user. `key` signs the nonces: random, and new at each start."""

    def __init__(self, realm: str, user: str, secret: str, key: bytes) -> None:
        self._realm = realm
        self._user = user
        self._secret = secret
        self._key = key

    def challenge(self, now_s: int, *, stale: bool = False) -> str:
        """The `WWW-Authenticate` header."""
        again = ", stale=true" if stale else ""
        return f'Digest realm="{self._realm}", qop="auth", algorithm=MD5, nonce="{self._nonce(now_s)}"{again}'

    def check(self, given: str | None, method: str, path: str, now_s: int) -> Verdict:
        """Whether the header answers a challenge of ours for this method and path."""
        scheme, _, rest = (given or "").strip().partition(" ")
        if scheme.lower() != "digest" or len(rest) > _LONGEST_HEADER:
            return Verdict.MISSING
        fields = _fields(rest)
        uri = fields.get("uri", "")
        named = _equal(fields.get("username", ""), self._user)
        if not named or not _meant(uri, path) or not self._ours(fields.get("nonce", "")):
            return Verdict.WRONG
        if not _equal(fields.get("response", "").lower(), self._response(fields, method, uri)):
            return Verdict.WRONG
        issued_s = int(fields["nonce"].partition("-")[0], 16)
        return Verdict.GOOD if 0 <= now_s - issued_s <= NONCE_S else Verdict.STALE

    def _response(self, fields: Mapping[str, str], method: str, uri: str) -> str:
        secret = _md5(f"{self._user}:{self._realm}:{self._secret}")
        asked = _md5(f"{method}:{uri}")
        nonce = fields["nonce"]
        if fields.get("qop", "").lower() != "auth":
            return _md5(f"{secret}:{nonce}:{asked}")  # RFC 2069, which old terminals still speak
        return _md5(f"{secret}:{nonce}:{fields.get('nc', '')}:{fields.get('cnonce', '')}:auth:{asked}")

    def _nonce(self, now_s: int) -> str:
        issued = f"{now_s:x}"
        return f"{issued}-{hmac.new(self._key, issued.encode(), 'sha256').hexdigest()[:32]}"

    def _ours(self, nonce: str) -> bool:
        try:
            return _equal(nonce, self._nonce(int(nonce.partition("-")[0], 16)))
        except ValueError:
            return False


def _fields(text: str) -> dict[str, str]:
    """The pairs of an `Authorization` header."""
    pairs = (pair.partition("=") for pair in parse_http_list(text))
    return {name.strip().lower(): value.strip().strip('"') for name, _, value in pairs}


def _meant(uri: str, path: str) -> bool:
    """The path that was asked for, or the whole address of it, which some terminals send."""
    return uri == path or uri.partition("://")[2].endswith(path)


def _md5(text: str) -> str:
    return hashlib.md5(text.encode("utf-8", "replace"), usedforsecurity=False).hexdigest()


def _equal(one: str, other: str) -> bool:
    return hmac.compare_digest(one.encode("utf-8", "replace"), other.encode("utf-8", "replace"))
