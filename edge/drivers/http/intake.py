"""Answers a push: who is it, is it too much, what does it say, is it kept. Only then 200.

| answer | when | trouble |
|---|---|---|
| 200 | kept, or taken before; from a platform also what can't be used | refused, unknown_device |
| 400 | no document, one of another shape, or one that the profile can't read | invalid_json, refused, … |
| 401 | without the secret, or with a wrong one | unauthorized |
| 404 | no such source, or no such device | unknown_device |
| 405, 415 | not POST or PUT; neither JSON, XML nor a form | unexpected_shape |
| 408, 413 | too slow, too large | too_slow, oversized |
| 503 | too many at once, or it could not be kept: send it again | overloaded, not_kept |
"""

import asyncio
import hmac
import secrets
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Final

import structlog
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, PlainTextResponse, Response

from edge.core import http_auth
from edge.core.envelopes import EnvelopeError, EnvelopeFault
from edge.core.http_auth import Digest, Verdict
from edge.core.http_documents import Form, body_type, open_body
from edge.core.pushes import SHAPES, items_of
from edge.driver import Clock, TroubleReason, cut
from edge.drivers.http.delivery import Delivery, Outcome
from edge.drivers.http.sources import Directory, HttpSettings, Member, Source

MOST_AT_ONCE: Final = 64
MOST_OF_ONE: Final = 16
"""Messages of one client address at a time, so that it can't take all places."""
LONGEST_CHALLENGE: Final = 256

_log = structlog.get_logger(__name__)


class Refused(Exception):  # noqa: N818 - an answer, not a failure
    """The request is answered with this status and text; the trouble is counted, if it is one."""

    def __init__(
        self,
        status: int,
        reason: TroubleReason | None,
        text: str,
        *,
        source: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(text)
        self.status = status
        self.reason = reason
        self.source = source
        self.headers = dict(headers or {})


@dataclass(slots=True)
class _Caller:
    """A request on its way through: what its path says after the source's name, and whom that names."""

    name: str
    source: Source
    secret: str
    rest: str
    members: tuple[Member, ...] = ()
    signing: Any = field(default=None)
    raw: bytearray | None = None


class Intake:
    """The requests of all sources. `secret_of` gives a source's secret; None closes the source."""

    def __init__(
        self,
        settings: HttpSettings,
        *,
        delivery: Delivery,
        directory: Callable[[], Directory],
        secret_of: Callable[[str], str | None],
        clock: Clock,
    ) -> None:
        self._settings = settings
        self._delivery = delivery
        self._directory = directory
        self._secret_of = secret_of
        self._clock = clock
        self._nonce_key = secrets.token_bytes(32)
        self._running: Counter[str] = Counter()

    async def answer(self, request: Request) -> Response:
        """The answer to any request; raises nothing but cancellation."""
        name = str(request.path_params["source"])
        known = name in self._settings.sources
        try:
            with self._place(request):
                return await self._answer(request, name)
        except Refused as refused:
            source = refused.source or (name if known else "http")
            if refused.reason is not None:
                self._delivery.report(source, refused.reason, str(refused))
            return _said(refused.status, str(refused), refused.headers)
        except ClientDisconnect:
            self._delivery.report(
                name, TroubleReason.TOO_SLOW, "the sender left in the middle of its message"
            )
            return _said(400, "cut short")
        except Exception as error:  # noqa: BLE001 - the one place: whatever fails, the sender is to repeat it
            _log.error("a pushed message was not kept", source=name if known else "http", exc_info=error)
            self._delivery.report(
                name if known else "http",
                TroubleReason.NOT_KEPT,
                f"answered 503: {type(error).__name__}: {error}",
            )
            return _said(503, "not kept, send it again", {"Retry-After": "5"})

    @contextmanager
    def _place(self, request: Request) -> Iterator[None]:
        client = request.client.host if request.client else ""
        if self._running.total() >= MOST_AT_ONCE or self._running[client] >= MOST_OF_ONE:
            raise Refused(
                503,
                TroubleReason.OVERLOADED,
                "too many messages at once, send it again",
                source="http",
                headers={"Retry-After": "2", "Connection": "close"},
            )
        self._running[client] += 1
        try:
            yield
        finally:
            self._running[client] -= 1
            if not self._running[client]:
                del self._running[client]

    async def _answer(self, request: Request, name: str) -> Response:
        source = self._settings.sources.get(name)
        if source is None:
            raise Refused(404, TroubleReason.UNKNOWN_DEVICE, "no such source at this gateway")
        secret = self._secret_of(name)
        if secret is None:
            detail = "this source is closed: its secret can't be read at the gateway"
            raise Refused(503, TroubleReason.UNAUTHORIZED, detail, headers={"Retry-After": "60"})
        caller = _Caller(name, source, secret, str(request.path_params.get("rest", "")).strip("/"))
        self._identify(request, caller)
        if request.method == "GET":
            self._check_body(request, caller)
            return self._challenged(request, caller)
        if request.method not in ("POST", "PUT"):
            detail = "messages are posted here"
            raise Refused(405, TroubleReason.UNEXPECTED_SHAPE, detail, headers={"Allow": "GET, POST, PUT"})
        documents = await self._read(request, caller)
        self._name(caller)
        return await self._deliver(caller, documents)

    # --- who is it

    def _identify(self, request: Request, caller: _Caller) -> None:
        """What can be known before the body is read. Raises Refused."""
        check = _CHECKS[caller.source.auth]
        verdict = check(self, request, caller)
        if verdict is not Verdict.GOOD:
            raise self._unauthorized(caller, verdict)

    def _name(self, caller: _Caller) -> None:
        """The devices that the path names, if it does: told only to who proved himself. Raises Refused."""
        if caller.rest:
            caller.members = self._directory().named(caller.name, caller.rest)
            if not caller.members:
                raise self._unknown(caller, caller.rest, "the path names")

    def _by_device(self, _request: Request, caller: _Caller) -> Verdict:
        token, caller.rest = caller.rest, ""
        if not token:
            return Verdict.MISSING
        caller.members = self._directory().with_token(caller.name, http_auth.token_digest(token))
        return Verdict.GOOD if caller.members else Verdict.WRONG

    def _by_path(self, _request: Request, caller: _Caller) -> Verdict:
        token, _, caller.rest = caller.rest.partition("/")
        return http_auth.same(token, caller.secret)

    def _by_basic(self, request: Request, caller: _Caller) -> Verdict:
        return http_auth.check_basic(request.headers.get("authorization"), caller.source.user, caller.secret)

    def _by_digest(self, request: Request, caller: _Caller) -> Verdict:
        return self._digest(caller).check(
            request.headers.get("authorization"), request.method, _target(request), self._clock() // 1_000
        )

    def _by_header(self, request: Request, caller: _Caller) -> Verdict:
        return http_auth.check_header(request.headers.get(caller.source.header), caller.secret)

    def _by_hmac(self, request: Request, caller: _Caller) -> Verdict:
        if not request.headers.get(caller.source.header):
            return Verdict.MISSING
        caller.signing = hmac.new(caller.secret.encode(), digestmod="sha256")
        return Verdict.GOOD  # so far: the body tells

    def _by_onenet(self, request: Request, caller: _Caller) -> Verdict:
        if request.method == "GET":
            asked = request.query_params
            return http_auth.check_onenet(
                asked.get("signature"), caller.secret, asked.get("nonce", ""), asked.get("msg", "")
            )
        caller.raw = bytearray()
        return Verdict.GOOD  # so far: the body tells

    def _check_body(self, request: Request, caller: _Caller) -> None:
        """What only the whole body can prove. Raises Refused."""
        verdict = Verdict.GOOD
        if caller.signing is not None:
            given = request.headers.get(caller.source.header)
            verdict = http_auth.check_hmac(given, caller.signing.digest())
        elif caller.raw is not None:
            verdict = http_auth.check_onenet_body(bytes(caller.raw), caller.secret)
        if verdict is not Verdict.GOOD:
            raise self._unauthorized(caller, verdict)

    def _digest(self, caller: _Caller) -> Digest:
        return Digest(f"sunwell {caller.name}", caller.source.user, caller.secret, self._nonce_key)

    def _unauthorized(self, caller: _Caller, verdict: Verdict) -> Refused:
        auth, headers = caller.source.auth, {}
        reason: TroubleReason | None = TroubleReason.UNAUTHORIZED
        if auth == "digest":
            stale = verdict is Verdict.STALE
            headers["WWW-Authenticate"] = self._digest(caller).challenge(self._clock() // 1_000, stale=stale)
            if verdict is not Verdict.WRONG:
                reason = None  # a client asks without it first, to be told the nonce
        elif auth == "basic":
            headers["WWW-Authenticate"] = f'Basic realm="sunwell {caller.name}"'
        return Refused(401, reason, f"{auth}: the proof is {verdict.value}", headers=headers)

    def _unknown(self, caller: _Caller, identity: str, who: str) -> Refused:
        detail = f"{who} no device that is registered for this source"
        source = f"{caller.name}/{cut(identity, 60)}"
        return Refused(404, TroubleReason.UNKNOWN_DEVICE, detail, source=source)

    def _challenged(self, request: Request, caller: _Caller) -> Response:
        """A look at the address, by a person or a platform; OneNET wants its word back."""
        if caller.source.auth == "onenet":
            return PlainTextResponse(
                request.query_params.get("msg", "")[:LONGEST_CHALLENGE],
                headers={"X-Content-Type-Options": "nosniff"},
            )
        return _said(200, "ready")

    # --- what does it say

    async def _read(self, request: Request, caller: _Caller) -> list[Any]:
        """The documents of the body. Raises Refused."""
        kind = body_type(request.headers.get("content-type"))
        packed = request.headers.get("content-encoding", "identity").lower() != "identity"
        in_parts = kind is not None and kind.form is Form.PARTS
        if kind is None or packed or (in_parts and caller.raw is not None):
            detail = "a content type that is not taken: send JSON, XML or multipart/form-data, not packed"
            raise Refused(415, TroubleReason.UNEXPECTED_SHAPE, detail)
        body = open_body(kind)
        try:
            async with asyncio.timeout(self._settings.body_s):
                async for piece in self._pieces(request):
                    body.feed(piece)
                    if caller.signing is not None:
                        caller.signing.update(piece)
                    if caller.raw is not None:
                        caller.raw += piece
            self._check_body(request, caller)
            return body.documents()
        except TimeoutError:
            detail = f"the message was not there after {self._settings.body_s:g} s"
            raise Refused(408, TroubleReason.TOO_SLOW, detail, headers={"Connection": "close"}) from None
        except EnvelopeError as error:
            raise _unreadable(error) from None

    async def _pieces(self, request: Request) -> AsyncIterator[bytes]:
        most = self._settings.most_body_bytes
        announced = request.headers.get("content-length", "")
        too_large = Refused(413, TroubleReason.OVERSIZED, f"more than the {most} bytes allowed")
        if announced.isdecimal() and (len(announced) > 12 or int(announced) > most):
            raise too_large
        total = 0
        async for piece in request.stream():
            total += len(piece)
            if total > most:
                raise too_large
            yield piece

    async def _deliver(self, caller: _Caller, documents: list[Any]) -> Response:
        """Hands on each message; the answer is given when all are kept."""
        shape = SHAPES[caller.source.kind]
        try:
            items = items_of(shape, documents)
        except EnvelopeError as error:
            raise _unreadable(error) from None
        count: Counter[Outcome] = Counter()
        for item in items:
            members = caller.members
            if not members:
                members, identity = self._directory().sending(caller.name, shape, item)
                if not members:
                    unknown = self._unknown(caller, identity or "?", "the message names")
                    if not shape.feed and len(items) == 1:
                        raise unknown
                    self._delivery.report(
                        unknown.source or caller.name, TroubleReason.UNKNOWN_DEVICE, str(unknown)
                    )
                    count[Outcome.UNUSABLE] += 1
            for member in members:
                count[await self._delivery.deliver(member, item)] += 1
        said = {outcome.value: number for outcome, number in sorted(count.items())}
        # A terminal that is told 400 says so on its own page; a platform would hold back all its devices.
        bad = not shape.feed and count.total() == count[Outcome.UNUSABLE] > 0
        return JSONResponse(said, status_code=400 if bad else 200)


_CHECKS: Final[dict[http_auth.Auth, Callable[[Intake, Request, _Caller], Verdict]]] = {
    "device": Intake._by_device,
    "path": Intake._by_path,
    "basic": Intake._by_basic,
    "digest": Intake._by_digest,
    "header": Intake._by_header,
    "hmac": Intake._by_hmac,
    "onenet": Intake._by_onenet,
}


def _target(request: Request) -> str:
    """The path and query as they were sent."""
    path = bytes(request.scope.get("raw_path") or b"").decode("latin-1")
    query = bytes(request.scope.get("query_string") or b"").decode("latin-1")
    return f"{path}?{query}" if query else path


def _unreadable(error: EnvelopeError) -> Refused:
    status = 413 if error.fault is EnvelopeFault.OVERSIZED else 400
    return Refused(status, TroubleReason(error.fault.value), str(error))


def _said(status: int, text: str, headers: Mapping[str, str] | None = None) -> Response:
    return JSONResponse(
        {"message" if status < 400 else "error": text}, status_code=status, headers=dict(headers or {})
    )
