"""`/api/v1`: the services as JSON; `/healthz`, `/readyz`, `/metrics`."""

import asyncio
from typing import Any

from fastapi import APIRouter, Depends, FastAPI, Request, Response
from fastapi.responses import JSONResponse
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from sqlalchemy import text

from server.alarms.routes import router as alarms
from server.audit.routes import router as audit
from server.clock import now
from server.commands.routes import router as commands
from server.commissioning.routes import router as commissioning
from server.context import Context
from server.coverage.routes import router as coverage
from server.db.migrate import is_current
from server.dependencies import GetContext
from server.devices.routes import router as devices
from server.dispatch import auditor
from server.dispatch.routes import router as dispatch
from server.enrolment.routes import gateways as enrolling
from server.enrolment.routes import people as enrolment
from server.errors import ServerError, StoreUnavailableError
from server.figures.routes import router as figures
from server.found.routes import router as found
from server.importing.routes import router as importing
from server.kiosks.routes import router as kiosks
from server.places.routes import router as places
from server.policies.routes import router as policies
from server.readings.routes import router as readings
from server.residents.routes import router as residents
from server.rhythm.routes import router as rhythm
from server.rosters.routes import router as rosters
from server.tasks.routes import router as tasks
from server.users.people_routes import router as people
from server.users.routes import router as users
from server.web.csrf import same_origin
from server.wells.routes import router as wells
from server.windows.routes import router as windows

PREFIX = "/api/v1"


def mount(app: FastAPI) -> None:
    """Adds the API to the application."""
    v1 = APIRouter(prefix=PREFIX, dependencies=[Depends(same_origin)])
    for router in (tasks, alarms, devices, commands, found, places, enrolment, readings, users, audit):
        v1.include_router(router)
    for router in (residents, commissioning, dispatch, importing, policies, windows, kiosks):
        v1.include_router(router)
    v1.include_router(rhythm)
    for router in (coverage, figures, people, rosters, wells):
        v1.include_router(router)
    app.include_router(v1)
    app.include_router(enrolling, prefix=PREFIX)
    app.add_exception_handler(ServerError, on_error)
    app.add_api_route("/healthz", _alive, include_in_schema=False)
    app.add_api_route("/readyz", _ready, include_in_schema=False)
    app.add_api_route("/metrics", _metrics, include_in_schema=False)


def on_error(_request: Request, error: Exception) -> JSONResponse:
    """An error as JSON: `code` for programs, `message` for people, `details` where there are some."""
    assert isinstance(error, ServerError)
    document: dict[str, Any] = {"code": error.code, "message": error.message}
    if error.details:
        document["details"] = error.details
    return JSONResponse({"error": document}, status_code=error.status)


def _alive() -> dict[str, str]:
    return {"status": "ok"}


async def _ready(request: Request, context: GetContext) -> JSONResponse:
    """Whether database, schema, time series and broker are all there, and dispatch is watched."""
    found = {"broker": request.app.state.link_connected.is_set()}
    try:
        await context.store.check()
        found["timeseries"] = True
    except StoreUnavailableError:
        found["timeseries"] = False
    found["database"] = await _database_answers(context)
    found["auditor"] = found["database"] and await asyncio.to_thread(_auditor_lives, context)
    return JSONResponse(found, status_code=200 if all(found.values()) else 503)


async def _database_answers(context: GetContext) -> bool:
    def look() -> bool:
        try:
            with context.database.read() as session:
                session.execute(text("SELECT 1"))
            return is_current(context.database)
        except StoreUnavailableError:
            return False

    return await asyncio.to_thread(look)


def _auditor_lives(context: Context) -> bool:
    try:
        with context.database.read() as session:
            return auditor.is_alive(session, now=now())
    except StoreUnavailableError:
        return False


def _metrics() -> Response:
    return Response(generate_latest(), media_type=CONTENT_TYPE_LATEST)
