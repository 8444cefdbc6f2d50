"""Putting the pages into a web application."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

from fastapi import APIRouter, Depends, FastAPI
from starlette.responses import Response
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

from server.web import errors
from server.web.areas.routes import router as areas
from server.web.commands.routes import router as commands
from server.web.coverage.routes import router as coverage
from server.web.csrf import same_origin
from server.web.devices.routes import router as devices
from server.web.enrolment.routes import router as enrolment
from server.web.figures.routes import router as figures
from server.web.gateways.routes import router as gateways
from server.web.installing.routes import router as installing
from server.web.kiosks.routes import router as kiosks
from server.web.live.cards import Cards
from server.web.live.routes import router as live
from server.web.login.routes import router as login
from server.web.map.routes import router as street
from server.web.navigation import ENTRIES, Entry
from server.web.notices.routes import router as notices
from server.web.people.routes import router as people
from server.web.playbooks.asks import router as asks
from server.web.playbooks.routes import router as playbooks
from server.web.playbooks.take import router as take
from server.web.policies.routes import router as policies
from server.web.profiles.routes import router as profiles
from server.web.quarantine.routes import router as quarantine
from server.web.rendering import STATIC, Pages, static_versions, templates
from server.web.residents.editing import router as resident_editing
from server.web.residents.handing import router as handing
from server.web.residents.routes import router as residents
from server.web.residents.stations import router as stations
from server.web.rhythm.routes import router as rhythm
from server.web.rosters.routes import router as rosters
from server.web.security import SecurityHeaders
from server.web.tasks.routes import router as tasks
from server.web.wells.routes import router as wells
from server.web.windows.routes import router as windows

ROUTERS: Final[tuple[APIRouter, ...]] = (
    login,
    tasks,
    live,
    coverage,
    figures,
    street,
    devices,
    installing,
    profiles,
    gateways,
    enrolment,
    commands,
    quarantine,
    wells,
    playbooks,
    policies,
    asks,
    notices,
    people,
    rosters,
    take,
    resident_editing,
    handing,
    residents,
    areas,
    stations,
    rhythm,
    windows,
    kiosks,
)


def mount(
    app: FastAPI, *, extra_navigation: Sequence[Entry] = (), extra_folders: Sequence[Path] = ()
) -> None:
    """Adds the pages, their static files, their error pages and their response headers. Call it when
    `app.state.context` and the API's error handlers are in place: these go on answering the API's paths."""
    app.state.pages = Pages(templates(extra_folders), (*ENTRIES, *extra_navigation), static_versions())
    app.state.cards = Cards(app, app.state.context)
    for router in ROUTERS:
        app.include_router(router, dependencies=[Depends(same_origin)])
    app.mount("/static", _Static(directory=STATIC), name="static")
    app.add_middleware(SecurityHeaders)
    errors.install(app)


def extend(app: FastAPI, *, navigation: Sequence[Entry] = (), folders: Sequence[Path] = ()) -> None:
    """Adds entries to the navigation, right behind the tasks, and template folders, after `mount`. Routes of
    such pages should depend on `server.web.csrf.same_origin` and answer with
    `server.web.rendering.render`."""
    pages: Pages = app.state.pages
    app.state.pages = replace(
        pages,
        environment=templates(folders),
        navigation=(*pages.navigation[:1], *navigation, *pages.navigation[1:]),
    )


class _Static(StaticFiles):
    """Files named with a version may be kept; all others are asked for again each time."""

    async def get_response(self, path: str, scope: Scope) -> Response:
        """One file."""
        response = await super().get_response(path, scope)
        versioned = b"v=" in scope.get("query_string", b"")
        response.headers["Cache-Control"] = "public, max-age=31536000, immutable" if versioned else "no-cache"
        return response
