"""`/api/v1/enrol…` for gateways, and `/api/v1/gateways/{id}/{codes,enrolment,revoke}` for people."""

from datetime import datetime
from typing import Annotated, Final, TypeVar

import msgspec
from fastapi import APIRouter, Body, Request
from fastapi.responses import PlainTextResponse
from pydantic import BaseModel, ConfigDict
from starlette.responses import Response

from gateway.enrolment.wire import EnrolRequest, RenewRequest
from server.clock import now
from server.db.models import Gateway
from server.dependencies import GetContext, GetDesk, GetViewer
from server.enrolment import views
from server.enrolment.views import EnrolmentState
from server.errors import InvalidError, NotFoundError
from server.users.roles import Right

LONGEST_BODY: Final = 8_192
T = TypeVar("T", EnrolRequest, RenewRequest)

gateways = APIRouter(prefix="/enrol", tags=["enrolment"])
"""For gateways: each proves itself by a code or by its key, so no cookie counts here."""

people = APIRouter(tags=["enrolment"])


class CodeOut(BaseModel):
    """A code, shown this once. `page` opens a new gateway's own page with the code filled in; `offered` is
    false where this server enrols nobody (the demo)."""

    model_config = ConfigDict(from_attributes=True)

    code: str
    page: str
    expires_at: datetime
    offered: bool


class EnrolmentOut(BaseModel):
    """How far a gateway is."""

    model_config = ConfigDict(from_attributes=True)

    state: EnrolmentState
    code_until: datetime | None
    enrolled_at: datetime | None
    valid_until: datetime | None
    revoked_at: datetime | None


class RevokedOut(BaseModel):
    """`refused_now`: the broker has thrown the gateway out. Else it does as soon as the server reaches it."""

    refused_now: bool


@gateways.get("/authority", response_class=PlainTextResponse)
def authority(desk: GetDesk) -> str:
    """The authority's certificate, PEM. A gateway compares it with the fingerprint in its code."""
    return desk.keys.authority.pem


@gateways.post("")
async def enrol(request: Request, desk: GetDesk) -> Response:
    """Takes a code and a certificate request; gives a `gateway.enrolment.wire.Credential`."""
    body = await _read(request, EnrolRequest)
    client = request.client.host if request.client is not None else ""
    return _json(await desk.enrol(body, client))


@gateways.post("/renew")
async def renew(request: Request, desk: GetDesk) -> Response:
    """Takes a certificate request signed with the gateway's present key; gives a new credential."""
    return _json(await desk.renew(await _read(request, RenewRequest)))


@people.post("/gateways/{key}/codes", status_code=201)
def make_code(desk: GetDesk, viewer: GetViewer, key: str) -> CodeOut:
    """A new code for a gateway; codes made before it end."""
    made = desk.make_code(viewer, key)
    return CodeOut(code=made.text, page=made.page, expires_at=made.expires_at, offered=desk.offered)


@people.get("/gateways/{key}/enrolment")
def enrolment(context: GetContext, viewer: GetViewer, key: str) -> EnrolmentOut:
    """How far a gateway is."""
    viewer.require(Right.VIEW_DEVICES)
    with context.database.read() as session:
        if session.get(Gateway, key) is None:
            raise NotFoundError(f"there is no gateway {key!r}")
        return EnrolmentOut.model_validate(views.one(session, key, now=now()))


@people.post("/gateways/{key}/revoke")
async def revoke(
    desk: GetDesk,
    viewer: GetViewer,
    key: str,
    reason: Annotated[str, Body(embed=True, max_length=500)] = "",
) -> RevokedOut:
    """Ends what a gateway was given. The broker throws it out at once and lets it in no more."""
    return RevokedOut(refused_now=await desk.revoke(viewer, key, reason))


async def _read(request: Request, kind: type[T]) -> T:
    body = b""
    async for part in request.stream():
        body += part
        if len(body) > LONGEST_BODY:
            raise InvalidError(f"the request is longer than {LONGEST_BODY} bytes", where="body")
    try:
        return msgspec.json.decode(body, type=kind)
    except (msgspec.DecodeError, msgspec.ValidationError) as error:
        raise InvalidError(f"the request can't be read: {error}", where="body") from error


def _json(document: msgspec.Struct) -> Response:
    return Response(
        msgspec.json.encode(document), media_type="application/json", headers={"Cache-Control": "no-store"}
    )
