"""Asking the server: with a code for the first certificate, with the present key for the next.

The first contact needs no public certificate: the server shows its authority's certificate, whose fingerprint
must be the one in the code; only a server with a certificate of that authority is then told the secret.
"""

import base64
import http.client
import ssl
import urllib.request
from typing import Final
from urllib.error import HTTPError, URLError

import msgspec

from gateway.enrolment import keys
from gateway.enrolment.identity import Identity, IdentityStore
from gateway.enrolment.wire import (
    PATH,
    Code,
    Credential,
    EnrolRequest,
    RenewRequest,
    fingerprint,
    signed_text,
    to_letters,
)

TIMEOUT_S: Final = 15.0
LONGEST_ANSWER: Final = 65_536
FINAL: Final = frozenset({403, 404, 409, 410, 422})
"""Statuses that trying again does not change."""


class EnrolError(Exception):
    """It did not work out; the message says why and what to do."""


class RefusedError(EnrolError):
    """The server has decided against it: trying again does not help."""


class _Refusal(msgspec.Struct):
    message: str = ""


class _Refused(msgspec.Struct):
    error: _Refusal


def enrol(code: Code, store: IdentityStore) -> Identity:
    """Takes a code: makes a key, gets its certificate, keeps both. Blocks for some seconds. Raises
    EnrolError; the same code may then be tried again."""
    authority = _fetch_authority(code)
    try:
        key = store.pending_key(keys.make_key())
        body = EnrolRequest(secret=to_letters(code.secret), csr=keys.make_request(key, "gateway that enrols"))
    except (OSError, ValueError) as error:
        raise EnrolError(f"no key can be made in {store.folder}: {error}") from error
    try:
        credential = _ask(code.address, PATH, body, authority)
    except RefusedError:
        store.forget_pending()
        raise
    return _keep(store, credential, key, authority, code.address)


def renew(store: IdentityStore, identity: Identity) -> Identity:
    """Gets a certificate for a new key, proven by the present one. Blocks for some seconds. Raises
    EnrolError; the present credential then stays."""
    try:
        key = store.pending_key(keys.make_key())
        csr = keys.make_request(key, identity.known.gateway)
        signature = keys.sign(identity.key, signed_text(identity.known.gateway, csr))
        authority = identity.authority
    except (OSError, ValueError) as error:
        raise EnrolError(f"the keys in {store.folder} can't be used: {error}") from error
    body = RenewRequest(
        gateway=identity.known.gateway, csr=csr, signature=base64.b64encode(signature).decode()
    )
    credential = _ask(identity.known.server, f"{PATH}/renew", body, authority)
    return _keep(store, credential, key, authority, identity.known.server)


def _keep(store: IdentityStore, credential: Credential, key: bytes, authority: str, server: str) -> Identity:
    try:
        if credential.authority != authority or not keys.belongs(key, credential.certificate):
            raise EnrolError("the server has answered with a certificate that is not for this gateway")
        return store.keep(credential, key, server=server)
    except (OSError, ValueError) as error:
        raise EnrolError(f"the certificate can't be kept in {store.folder}: {error}") from error


def _fetch_authority(code: Code) -> str:
    """The authority's certificate, if it is the one that the code names. Who answers does not matter yet."""
    nobody = ssl.create_default_context()
    nobody.check_hostname = False
    nobody.verify_mode = ssl.CERT_NONE
    pem = _open(urllib.request.Request(f"https://{code.address}{PATH}/authority"), nobody).decode(
        "ascii", "replace"
    )
    try:
        same = fingerprint(keys.der_of(pem)) == code.fingerprint
    except ValueError as error:
        raise EnrolError(f"{code.address} is no Sunwell server") from error
    if not same:
        raise RefusedError(
            f"{code.address} is not the server that made this code: either the code was mistyped, or"
            " somebody stands in between; nothing was told to it"
        )
    return pem


def _ask(address: str, path: str, body: msgspec.Struct, authority: str) -> Credential:
    trust = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    trust.load_default_certs()  # where the server stands behind a proxy with a public certificate
    try:
        trust.load_verify_locations(cadata=authority)
    except ssl.SSLError as error:
        raise EnrolError(f"the authority's certificate can't be read: {error}") from error
    request = urllib.request.Request(
        f"https://{address}{path}",
        data=msgspec.json.encode(body),
        headers={"content-type": "application/json"},
        method="POST",
    )
    try:
        return msgspec.json.decode(_open(request, trust), type=Credential)
    except msgspec.DecodeError as error:
        raise EnrolError(f"{address} has answered with something else than a certificate: {error}") from error


def _open(request: urllib.request.Request, trust: ssl.SSLContext) -> bytes:
    # Straight to the server: a proxy from the environment has no business here.
    opener = urllib.request.build_opener(
        urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=trust)
    )
    try:
        with opener.open(request, timeout=TIMEOUT_S) as answer:
            return bytes(answer.read(LONGEST_ANSWER))
    except HTTPError as error:
        reason = _reason(error)
        kind = RefusedError if error.code in FINAL else EnrolError
        raise kind(reason) from error
    except URLError as error:
        raise EnrolError(_explained(request.host, error.reason)) from error
    except (OSError, http.client.HTTPException) as error:
        raise EnrolError(_explained(request.host, error)) from error


def _reason(error: HTTPError) -> str:
    try:
        return msgspec.json.decode(error.read(LONGEST_ANSWER), type=_Refused).error.message[:500]
    except (msgspec.DecodeError, OSError, http.client.HTTPException):
        return f"the server has answered {error.code}"


def _explained(address: str, reason: object) -> str:
    if isinstance(reason, ssl.SSLCertVerificationError):
        return f"{address} can't prove that it is the server: {reason.verify_message}"
    if isinstance(reason, ssl.SSLError):
        return f"{address} does not speak TLS as a server for enrolment does (the demo's does not): {reason}"
    return f"{address} can't be reached: {reason}"
