"""The enrolment part of a gateway's page: where it stands, a new code with its QR code, revoking."""

import segno
from fastapi import APIRouter, Request
from fastapi.responses import RedirectResponse, Response
from starlette.concurrency import run_in_threadpool

from server.clock import now
from server.dependencies import GetContext, GetDesk, GetViewer
from server.enrolment import views as enrolment
from server.gateways import views as gateways
from server.users.roles import Right
from server.web.rendering import render

router = APIRouter(include_in_schema=False)


@router.get("/gateways/{key}/enrolment", name="enrolment:state")
def state(request: Request, key: str, context: GetContext, viewer: GetViewer) -> Response:
    """Where the gateway stands: the part of the page that renews itself."""
    viewer.require(Right.VIEW_DEVICES)
    with context.database.read() as session:
        gateway = gateways.one(session, key)
        view = enrolment.one(session, key, now=now())
    return render(request, "enrolment/_state.html", viewer, key=key, gateway=gateway, view=view)


@router.post("/gateways/{key}/code", name="enrolment:code")
def make_code(request: Request, key: str, context: GetContext, desk: GetDesk, viewer: GetViewer) -> Response:
    """A new code, shown this once."""
    made = desk.make_code(viewer, key)
    with context.database.read() as session:
        gateway = gateways.one(session, key)
        view = enrolment.one(session, key, now=now())
    return render(
        request,
        "enrolment/code.html",
        viewer,
        here="gateways:list",
        key=key,
        gateway=gateway,
        made=made,
        view=view,
        offered=desk.offered,
        qr=segno.make_qr(made.page, error="m").svg_data_uri(scale=5, border=4),
    )


@router.post("/gateways/{key}/revoke", name="enrolment:revoke")
async def revoke(request: Request, key: str, desk: GetDesk, viewer: GetViewer) -> Response:
    """Ends what the gateway was given."""
    form = await request.form()
    reason = form.get("reason", "")
    await desk.revoke(viewer, key, reason if isinstance(reason, str) else "")
    address = await run_in_threadpool(request.app.url_path_for, "gateways:detail", gateway_id=key)
    return RedirectResponse(f"{address}#enrolment", 303)
