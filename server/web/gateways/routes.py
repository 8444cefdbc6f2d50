"""`/gateways`, `/gateways/{id}`."""

from fastapi import APIRouter, Request
from fastapi.responses import Response

from server.commands import offered
from server.dependencies import GetContext, GetViewer
from server.gateways import views
from server.users.roles import Right
from server.web.rendering import is_fragment, render

router = APIRouter(include_in_schema=False)


@router.get("/gateways", name="gateways:list")
def listed(request: Request, context: GetContext, viewer: GetViewer) -> Response:
    """All gateways."""
    viewer.require(Right.VIEW_DEVICES)
    with context.database.read() as session:
        gateways = views.listed(session)
    return render(
        request,
        "gateways/_tiles.html" if is_fragment(request) else "gateways/list.html",
        viewer,
        here="gateways:list",
        gateways=gateways,
    )


@router.get("/gateways/{gateway_id}", name="gateways:detail")
def detail(request: Request, gateway_id: str, context: GetContext, viewer: GetViewer) -> Response:
    """One gateway."""
    viewer.require(Right.VIEW_DEVICES)
    with context.database.read() as session:
        gateway = views.one(session, gateway_id)
    return render(
        request,
        "gateways/_gateway.html" if is_fragment(request) else "gateways/detail.html",
        viewer,
        here="gateways:list",
        gateway=gateway,
        health=gateway.health,
        offers=[offer for offer in offered.GATEWAY if offer.name not in offered.LATER],
    )
