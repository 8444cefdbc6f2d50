"""The commands' part of a gateway's and a device's page: what was asked, and asking."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from fastapi import APIRouter, Request
from fastapi.responses import RedirectResponse, Response
from starlette.concurrency import run_in_threadpool

from server.clock import now
from server.commands import asking, offered, repository
from server.commands.offered import Offer
from server.commands.schemas import CommandIn
from server.commands.states import OPEN, CommandState
from server.context import Context
from server.db.models import Device, Gateway
from server.dependencies import GetContext, GetViewer
from server.errors import InvalidError, NotFoundError, ServerError, TooManyError
from server.users.roles import Right
from server.users.viewer import Viewer
from server.web.rendering import is_fragment, render

router = APIRouter(include_in_schema=False)
SHOWN: Final = 10
PREFIX: Final = "argument."
LORAWAN_EXPIRES_S: Final = 300


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A command as it is shown. `names` in words by language, of a device's command with the device."""

    names: Mapping[str, str]
    device_id: str | None
    arguments: Mapping[str, object]
    state: CommandState
    detail: str
    created_at: datetime

    @property
    def open(self) -> bool:
        """Whether more is to come."""
        return self.state in OPEN


@router.get("/gateways/{key}/commands", name="commands:gateway")
def of_gateway(request: Request, key: str, context: GetContext, viewer: GetViewer) -> Response:
    """What was asked of a gateway and its devices: the part of the page that renews itself."""
    viewer.require(Right.VIEW_DEVICES)
    return _list(request, context, viewer, "gateway", key)


@router.get("/devices/{key}/commands", name="commands:device")
def of_device(request: Request, key: str, context: GetContext, viewer: GetViewer) -> Response:
    """What was asked of a device: the part of the page that renews itself."""
    viewer.require(Right.VIEW_DEVICES)
    return _list(request, context, viewer, "device", key)


@router.post("/gateways/{key}/commands", name="commands:ask_gateway")
async def ask_gateway(request: Request, key: str, context: GetContext, viewer: GetViewer) -> Response:
    """Asks a gateway for something."""
    return await _ask(request, context, viewer, "gateway", key)


@router.post("/devices/{key}/commands", name="commands:ask_device")
async def ask_device(request: Request, key: str, context: GetContext, viewer: GetViewer) -> Response:
    """Tells a device something."""
    return await _ask(request, context, viewer, "device", key)


def arguments_of(offer: Offer, sent: Mapping[str, str]) -> dict[str, str | int | float | bool]:
    """The arguments that a form gives: numbers as numbers, empty fields left out. What is no number stays
    text, and is refused as such."""
    given: dict[str, str | int | float | bool] = {}
    for field in offer.fields:
        text = sent.get(PREFIX + field.name, "").strip()
        if text:
            given[field.name] = text if field.choices else _number(text)
    return given


def _number(text: str) -> str | int | float:
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text


async def _ask(request: Request, context: Context, viewer: Viewer, kind: str, key: str) -> Response:
    viewer.require(Right.COMMAND)
    form = await request.form()
    sent = {name: value for name, value in form.items() if isinstance(value, str)}
    wrong = await run_in_threadpool(_enter, context, viewer, kind, key, sent)
    if is_fragment(request):
        return await run_in_threadpool(_list, request, context, viewer, kind, key, wrong)
    if wrong is not None:
        raise wrong
    name, parameter = (
        ("gateways:detail", "gateway_id") if kind == "gateway" else ("devices:detail", "device_id")
    )
    return RedirectResponse(f"{request.app.url_path_for(name, **{parameter: key})}#commands", 303)


def _enter(
    context: Context, viewer: Viewer, kind: str, key: str, sent: Mapping[str, str]
) -> ServerError | None:
    offer = next((one for one in _offers(context, kind, key) if one.name == sent.get("name")), None)
    if offer is None:
        return InvalidError(f"there is no command {sent.get('name', '')[:60]!r}", where="name")
    expires_in_s = LORAWAN_EXPIRES_S if kind == "device" else 60
    given = CommandIn(name=offer.name, arguments=arguments_of(offer, sent), expires_in_s=expires_in_s)
    ask = asking.gateway if kind == "gateway" else asking.device
    try:
        ask(context, viewer, key, given, now=now())
    except (InvalidError, TooManyError) as error:
        return error
    return None


def _offers(context: Context, kind: str, key: str) -> Sequence[Offer]:
    if kind == "gateway":
        return offered.GATEWAY
    with context.database.read() as session:
        device = session.get(Device, key)
    profile = context.catalogue.get(device.profile) if device is not None else None
    return offered.of_profile(profile) if profile is not None else ()


def _list(
    request: Request,
    context: Context,
    viewer: Viewer,
    kind: str,
    key: str,
    wrong: ServerError | None = None,
) -> Response:
    return render(
        request,
        "commands/_list.html",
        viewer,
        kind=kind,
        key=key,
        rows=_rows(context, kind, key),
        wrong=wrong.message if wrong is not None else None,
    )


def _rows(context: Context, kind: str, key: str) -> list[Row]:
    with context.database.read() as session:
        if session.get(Gateway if kind == "gateway" else Device, key) is None:
            raise NotFoundError(f"there is no {kind} {key!r}")
        chosen = {"gateway_id": key} if kind == "gateway" else {"device_id": key}
        commands = repository.listed(session, limit=SHOWN, **chosen)
        profiles = {
            one.device_id: device.profile
            for one in commands
            if one.device_id is not None and (device := session.get(Device, one.device_id)) is not None
        }
    rows = []
    for one in commands:
        profile = context.catalogue.get(profiles.get(one.device_id or "", ""))
        offers = offered.GATEWAY if one.device_id is None else offered.of_profile(profile) if profile else ()
        names = next((offer.names for offer in offers if offer.name == one.name), None)
        rows.append(
            Row(
                names=names or {"zh": one.name, "en": one.name},
                device_id=one.device_id,
                arguments=one.arguments,
                state=CommandState(one.state),
                detail=one.detail,
                created_at=one.created_at,
            )
        )
    return rows
