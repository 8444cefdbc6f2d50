"""The one page of a gateway that has not enrolled yet: a field for the code.

It is for the installer's telephone in the same network: other addresses are refused, other sites can't make a
browser use it, it shows nothing of the gateway, and it is gone once the gateway has enrolled.
"""

import asyncio
import html
import ipaddress
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Final
from urllib.parse import parse_qs, urlsplit

import msgspec
import structlog
from starlette.applications import Starlette
from starlette.background import BackgroundTask
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from edge.driver import cut
from edge.drivers.http.listener import listening
from gateway.enrolment import enrolling
from gateway.enrolment.enrolling import EnrolError
from gateway.enrolment.identity import IdentityStore
from gateway.enrolment.wire import CodeError, read_code
from gateway.settings import EnrolPage

LOOK_S: Final = 1.0
LONGEST_FORM: Final = 4_096
FOLDER: Final = Path(__file__).parent
HEADERS: Final = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; form-action 'self';"
    " frame-ancestors 'none'; base-uri 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cache-Control": "no-store",
}

WORDS: Final = {
    "zh": {
        "title": "阳光井网关：首次登记",
        "hint": "请在管理页面为这台网关生成登记码，用手机扫描二维码打开本页，或把登记码粘贴到下面。",
        "code": "登记码",
        "send": "登记",
        "done": "登记成功：{gateway}。网关正在连接服务器，几秒后会显示在管理页面上。",
        "failed": "没有成功",
    },
    "en": {
        "title": "Sunwell gateway: enrolment",
        "hint": "Make a code for this gateway on the server's page. Scan its QR code with your telephone to"
        " come here with it, or paste the code below.",
        "code": "Code",
        "send": "Enrol",
        "done": "Enrolled as {gateway}. The gateway connects now, and will be on the server's page within"
        " seconds.",
        "failed": "It did not work",
    },
}

_log = structlog.get_logger(__name__)


@asynccontextmanager
async def waiting(page: EnrolPage, store: IdentityStore, enrolled: asyncio.Event) -> AsyncIterator[None]:
    """Sets `enrolled` once there is an identity, from this page or from the command line."""
    async with AsyncExitStack() as stack:
        if page.enabled:
            app = create_app(store, enrolled)
            try:
                listener = listening(app, host=page.host, port=page.port)
                host, port = await stack.enter_async_context(listener)
                _log.info("this gateway has not enrolled: open its page with a code", host=host, port=port)
            except OSError as error:
                _log.warning("the page for enrolment can't be served", port=page.port, detail=cut(error))
        group = await stack.enter_async_context(asyncio.TaskGroup())
        watching = group.create_task(_watch(store, enrolled), name="enrolment watch")
        try:
            yield
        finally:
            watching.cancel()


def create_app(store: IdentityStore, enrolled: asyncio.Event) -> Starlette:
    """The page's routes. `enrolled` is set when a code has been taken."""
    turn = asyncio.Lock()

    async def show(request: Request) -> Response:
        _refuse_strangers(request)
        return _page(request)

    async def enrol(request: Request) -> Response:
        _refuse_strangers(request)
        body = b""
        async for part in request.stream():
            body += part
            if len(body) > LONGEST_FORM:
                return PlainTextResponse("too long", 413)
        text = _field(body)
        try:
            async with turn:
                identity = await asyncio.to_thread(enrolling.enrol, read_code(text), store)
        except (CodeError, EnrolError) as error:
            _log.warning("enrolment failed", detail=cut(error))
            return _page(request, failed=str(error), code=text)
        _log.info("enrolled", gateway=identity.known.gateway, server=identity.known.server)
        return _page(request, gateway=identity.known.gateway, then=BackgroundTask(_set, enrolled))

    async def file(request: Request) -> Response:
        name = request.url.path.removeprefix("/")
        kind = "text/css" if name.endswith(".css") else "text/javascript"
        content = await asyncio.to_thread((FOLDER / name).read_bytes)
        return Response(content, media_type=kind, headers=HEADERS)

    return Starlette(
        routes=[
            Route("/", show),
            Route("/enrol", enrol, methods=["POST"]),
            Route("/page.css", file),
            Route("/page.js", file),
        ],
        exception_handlers={_StrangerError: _forbidden},
    )


class _StrangerError(Exception):
    """Not from this network, or not from this page."""


async def _forbidden(_request: Request, error: Exception) -> Response:
    return PlainTextResponse(str(error), 403)


def _refuse_strangers(request: Request) -> None:
    """Raises _StrangerError for addresses elsewhere, for names that another site may have pointed here, and
    for forms of other sites."""
    try:
        client = ipaddress.ip_address((request.client.host if request.client else "").partition("%")[0])
    except ValueError as error:
        raise _StrangerError("who are you?") from error
    client = getattr(client, "ipv4_mapped", None) or client
    if not (client.is_private or client.is_link_local or client.is_loopback):
        raise _StrangerError("this page is for the local network only")
    host = urlsplit(f"//{request.headers.get('host', '')}").hostname or ""
    if not (_is_address(host) or host == "localhost" or host.endswith(".local") or "." not in host):
        raise _StrangerError("open this page by the gateway's address")
    if request.method == "POST":
        origin = request.headers.get("origin", "")
        if urlsplit(origin).netloc != request.headers.get("host", ""):
            raise _StrangerError("send the form of this page")


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def _field(body: bytes) -> str:
    return parse_qs(body.decode("utf-8", "replace")).get("code", [""])[0][:LONGEST_FORM]


def _page(
    request: Request,
    *,
    failed: str = "",
    code: str = "",
    gateway: str = "",
    then: BackgroundTask | None = None,
) -> Response:
    language = "en" if request.headers.get("accept-language", "").lower().startswith("en") else "zh"
    words = WORDS[language]
    message = f"<p>{words['hint']}</p>"
    if failed:
        message = f'<p class="bad" role="alert"><b>{words["failed"]}</b><br>{html.escape(failed)}</p>'
    elif gateway:
        message = f'<p class="good" role="status">{words["done"].format(gateway=html.escape(gateway))}</p>'
    form = (
        '<form method="post" action="/enrol">'
        f'<label for="code">{words["code"]}</label>'
        '<textarea id="code" name="code" rows="4" required autocomplete="off" autocapitalize="characters"'
        f' spellcheck="false">{html.escape(code)}</textarea>'
        f"<button>{words['send']}</button></form>"
    )
    text = (
        (FOLDER / "page.html")
        .read_text(encoding="utf-8")
        .format(language=language, title=words["title"], message=message, form="" if gateway else form)
    )
    return Response(text, media_type="text/html", headers=HEADERS, background=then)


async def _set(enrolled: asyncio.Event) -> None:
    enrolled.set()


async def _watch(store: IdentityStore, enrolled: asyncio.Event) -> None:
    while True:
        try:
            if await asyncio.to_thread(store.read) is not None:
                enrolled.set()
                return
        except (OSError, msgspec.DecodeError) as error:
            _log.warning("what enrolment left can't be read: enrol anew", detail=cut(error))
        await asyncio.sleep(LOOK_S)
