"""`/api/v1/windows`."""

from datetime import timedelta
from typing import Annotated

from fastapi import APIRouter, Query

from server.clock import now
from server.dependencies import GetContext, GetViewer
from server.users.roles import Right
from server.windows import repository, service
from server.windows.schemas import TestsOut, WindowIn, WindowOut

router = APIRouter(prefix="/windows", tags=["windows"])


@router.get("")
def list_windows(
    context: GetContext, viewer: GetViewer, days: Annotated[int, Query(ge=0, le=366)] = 0
) -> list[WindowOut]:
    """Work and drills that run or are to come; with `days` also those that ended in the last days."""
    viewer.require(Right.VIEW_TASKS)
    with context.database.read() as session:
        found = repository.listed(session, ended_after=now() - timedelta(days=days))
        return [WindowOut.model_validate(window) for window in found]


@router.post("", status_code=201)
def declare_window(context: GetContext, viewer: GetViewer, wanted: WindowIn) -> WindowOut:
    """Declare work (recorded, nobody is told) or a drill (worked as usual, counted as tests)."""
    with context.database.write() as session:
        return WindowOut.model_validate(service.declare(session, viewer, wanted, now=now()))


@router.post("/{window_id}/end")
def end_window(context: GetContext, viewer: GetViewer, window_id: int) -> WindowOut:
    """End one early: what it kept quiet and still stands is told at once."""
    with context.database.write() as session:
        return WindowOut.model_validate(service.end(session, viewer, window_id, now=now()))


@router.get("/tests")
def count_tests(
    context: GetContext, viewer: GetViewer, days: Annotated[int, Query(ge=1, le=366)] = 30
) -> TestsOut:
    """What counted as tests in the last days, and thus not in the figures."""
    viewer.require(Right.VIEW_TASKS)
    with context.database.read() as session:
        return service.tests_since(session, now() - timedelta(days=days))
