"""`/notices`: where I am reached; `/worker.js` and the manifest that let a browser be woken."""

import asyncio
import json
from typing import Any, Final

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, RedirectResponse, Response
from pydantic import ValidationError

from server.clock import now
from server.context import Context
from server.db.models import User
from server.dependencies import GetContext, GetViewer
from server.errors import InvalidError, NotFoundError
from server.notify import addresses, health, push, texts
from server.notify.channels import PUSH, AddressBook, Addresses, carry, outcome
from server.policies import service as policies
from server.users.viewer import Viewer
from server.web.notices.browsers import browser_name
from server.web.rendering import STATIC, render

router = APIRouter(include_in_schema=False)
_WRONG: Final = 422


@router.get("/notices", name="notices:mine")
def mine(request: Request, context: GetContext, viewer: GetViewer) -> Response:
    """My own channels."""
    return _page(request, context, viewer, viewer.user_id)


@router.get("/notices/{user_id:int}", name="notices:person")
def person(request: Request, context: GetContext, viewer: GetViewer, user_id: int) -> Response:
    """Another person's channels, for whoever looks after people."""
    return _page(request, context, viewer, user_id)


@router.post("/notices/{user_id:int}", name="notices:save")
async def save(request: Request, context: GetContext, viewer: GetViewer, user_id: int) -> Response:
    """Enters, corrects or takes away one address."""
    form = await request.form()
    channel, to = str(form.get("channel", "")), str(form.get("to", ""))
    try:
        with context.database.write() as session:
            addresses.put(
                session,
                viewer,
                user_id,
                channel,
                to,
                known=tuple(_book(context).gateways),
                first="first" in form,
                now=now(),
            )
    except InvalidError as error:
        return _page(request, context, viewer, user_id, problem=error.message)
    return RedirectResponse(str(request.app.url_path_for("notices:person", user_id=user_id)), 303)


@router.post("/notices/push/subscribe", name="notices:subscribe")
async def subscribe(request: Request, context: GetContext, viewer: GetViewer) -> Response:
    """Remembers this browser: from now on it is woken."""
    try:
        wanted = push.SubscriptionIn.model_validate_json(await request.body())
    except ValidationError as error:
        raise InvalidError("this is not what a browser's push subscription looks like") from error
    device = browser_name(request.headers.get("user-agent", ""))
    hosts = context.settings.push_hosts
    at = now()
    with context.database.write() as session:
        push.subscribe(session, viewer.user_id, wanted, device=device, hosts=hosts, now=at)
        addresses.put(session, viewer, viewer.user_id, PUSH, "on", known=(PUSH,), first=True, now=at)
    return JSONResponse({"device": device})


@router.post("/notices/push/{number:int}/remove", name="notices:unsubscribe")
def unsubscribe(request: Request, context: GetContext, viewer: GetViewer, number: int) -> Response:
    """Forgets one of my browsers."""
    with context.database.write() as session:
        push.unsubscribe(session, viewer.user_id, number)
        if not push.of(session, viewer.user_id):
            addresses.put(session, viewer, viewer.user_id, PUSH, "", known=(PUSH,), now=now())
    return RedirectResponse(str(request.app.url_path_for("notices:mine")), 303)


@router.post("/notices/try", name="notices:try")
async def try_mine(request: Request, context: GetContext, viewer: GetViewer) -> Response:
    """Sends a trial message to me by each of my channels, and shows what came of it."""
    with context.database.read() as session:
        login = _person(session.get(User, viewer.user_id)).login
        known = AddressBook.of(context.settings).known(session)
        title, body = texts.probe(policies.current(session, texts.MessagePolicy))
    results = await asyncio.gather(
        *(
            asyncio.to_thread(_try, context, viewer, channel, known.url(login, channel), title, body)
            for channel in known.people.get(login, {})
        )
    )
    return _page(request, context, viewer, viewer.user_id, tried=dict(results))


@router.get("/worker.js", name="notices:worker")
def worker() -> Response:
    """The service worker. It stands at the root, since it may only look after what is below it."""
    return Response(
        (STATIC / "js" / "worker.js").read_bytes(),
        media_type="text/javascript",
        headers={"Cache-Control": "no-cache"},
    )


@router.get("/manifest.webmanifest", name="notices:manifest")
def manifest() -> Response:
    """What lets a telephone put Sunwell on its home screen; iOS wakes only what stands there."""
    icons = [{"src": "/static/logo.svg", "sizes": "any", "type": "image/svg+xml"}]
    content = {
        "name": "阳光井 Sunwell",
        "short_name": "阳光井",
        "start_url": "/tasks",
        "display": "standalone",
        "background_color": "#fbfaf7",
        "icons": icons,
    }
    return Response(json.dumps(content, ensure_ascii=False), media_type="application/manifest+json")


def _try(
    context: Context, viewer: Viewer, channel: str, url: str | None, title: str, body: str
) -> tuple[str, str]:
    settings = context.settings

    def send() -> None:
        if channel == PUSH:
            pusher = push.Pusher(context.database, push.open_key(settings), push.subject(settings))
            message: dict[str, Any] = {
                "title": title, "body": body, "tag": "trial", "path": "/notices",
                "language": viewer.language, "urgent": False,
            }  # fmt: skip
            pusher.send(viewer.user_id, message)
        else:
            carry(url or "", title, body)

    return channel, outcome(send) or ""


def _page(
    request: Request,
    context: Context,
    viewer: Viewer,
    user_id: int,
    *,
    problem: str = "",
    tried: dict[str, str] | None = None,
) -> Response:
    addresses.may_change(viewer, user_id)
    with context.database.read() as session:
        user = _person(session.get(User, user_id))
        book = AddressBook.of(context.settings).known(session)
        mine = {row.channel: row.address for row in addresses.of(session, user_id)}
        browsers = push.of(session, user_id)
        beats = {row.channel: row for row in health.all_of(session)}
    return render(
        request,
        "notices/notices.html",
        viewer,
        status=_WRONG if problem else 200,
        here="notices:mine",
        person=user,
        own=user_id == viewer.user_id,
        order=book.ways(user.login, user.role),
        links=book.links,
        entered=mine,
        gateways=sorted(book.gateways),
        browsers=browsers,
        health=beats,
        push_key=push.public_key(push.open_key(context.settings)),
        problem=problem,
        tried=tried or {},
    )


def _book(context: Context) -> Addresses:
    return AddressBook.of(context.settings).current()


def _person(user: User | None) -> User:
    if user is None:
        raise NotFoundError("there is no such person")
    return user
