"""The demo's page: every event as a button."""

from collections.abc import Callable
from pathlib import Path

from fastapi import APIRouter, Depends, FastAPI, Request
from fastapi.responses import RedirectResponse, Response

from server import web
from server.dependencies import GetViewer
from server.errors import NotFoundError
from server.users.roles import Right
from server.web.csrf import same_origin
from server.web.rendering import render
from sunwell.demo.scenario import Scenario


def extension(scenario: Scenario) -> Callable[[FastAPI], None]:
    """What adds the page to the server's application."""
    router = APIRouter(include_in_schema=False, dependencies=[Depends(same_origin)])

    @router.get("/demo", name="demo:page")
    def show(request: Request, viewer: GetViewer) -> Response:
        viewer.require(Right.VIEW_TASKS)
        return render(
            request, "demo.html", viewer, here="demo:page", events=scenario.events, played=scenario.played
        )

    @router.post("/demo/{key}", name="demo:play")
    async def play(request: Request, viewer: GetViewer, key: str) -> Response:
        viewer.require(Right.VIEW_TASKS)
        if key not in {event.key for event in scenario.events}:
            raise NotFoundError(f"the demo has no event {key!r}")
        scenario.begin(key)
        return RedirectResponse(str(request.app.url_path_for("demo:page")), 303)

    def extend(app: FastAPI) -> None:
        app.include_router(router)
        entry = web.Entry("demo:page", "演示 Demo", "play", Right.VIEW_TASKS)
        web.extend(app, navigation=[entry], folders=[Path(__file__).parent / "templates"])

    return extend
