"""`/rosters`: the week, entering shifts, swapping them."""

from datetime import date, datetime, time, timedelta
from typing import Annotated, Final, Literal

from fastapi import APIRouter, Form, Request
from fastapi.responses import RedirectResponse, Response
from pydantic import ValidationError
from sqlalchemy import select

from server.clock import now
from server.context import Context
from server.db.models import Area, Station, User
from server.dependencies import GetContext, GetViewer
from server.errors import ConflictError, ForbiddenError, InvalidError, NotFoundError
from server.rosters import service, weeks
from server.rosters.core import LOCAL
from server.rosters.service import ShiftIn
from server.users import reach
from server.users.roles import WORKERS, Right, Role
from server.users.viewer import Viewer
from server.web.rendering import render

router = APIRouter(include_in_schema=False)
_WRONG: Final = 422
Answer = Literal["accepted", "refused", "withdrawn"]
_REFUSED: Final = (ConflictError, ForbiddenError, InvalidError, NotFoundError)


@router.get("/rosters", name="rosters:week")
def week(request: Request, context: GetContext, viewer: GetViewer, day: date | None = None) -> Response:
    """The week in which `day` (or today) is."""
    viewer.require(Right.WORK_TASKS)
    return _week(request, context, viewer, day or _today())


@router.post("/rosters/shifts", name="rosters:enter")
def enter(
    request: Request,
    context: GetContext,
    viewer: GetViewer,
    user_id: Annotated[int, Form()],
    role: Annotated[str, Form()],
    day: Annotated[date, Form()],
    begins: Annotated[str, Form()],
    ends: Annotated[str, Form()],
    place: Annotated[str, Form()] = "",
    weeks_in_all: Annotated[int, Form()] = 1,
) -> Response:
    """Writes a shift and its repeats. One that ends before it begins ends on the next day."""
    viewer.require(Right.PLAYBOOKS)
    kind, _, place_id = place.partition(":")
    try:
        starts_at, ends_at = _moment(day, begins), _moment(day, ends)
        wanted = ShiftIn(
            user_id=user_id,
            role=Role(role),
            area_id=place_id if kind == "area" else None,
            station_id=place_id if kind == "station" else None,
            starts_at=starts_at,
            ends_at=ends_at if ends_at > starts_at else ends_at + timedelta(days=1),
            weeks=weeks_in_all,
        )
        with context.database.write() as session:
            entered = service.enter(session, viewer, wanted, now=now())
    except ValidationError as error:
        problem = error.errors(include_url=False, include_input=False)[0]["msg"]
        return _week(request, context, viewer, day, [problem.removeprefix("Value error, ")])
    except (ValueError, *_REFUSED) as error:
        return _week(request, context, viewer, day, [str(error)])
    return _week(request, context, viewer, day, overlapping=len(entered.overlapping))


@router.post("/rosters/shifts/{shift_id:int}/cancel", name="rosters:cancel")
def cancel(
    request: Request, context: GetContext, viewer: GetViewer, shift_id: int, day: Annotated[date, Form()]
) -> Response:
    """Takes a shift out."""
    with context.database.write() as session:
        service.cancel(session, viewer, shift_id, now=now())
    return _back(request, day)


@router.post("/rosters/shifts/{shift_id:int}/swap", name="rosters:ask")
def ask(
    request: Request,
    context: GetContext,
    viewer: GetViewer,
    shift_id: int,
    day: Annotated[date, Form()],
    to_id: Annotated[int, Form()],
) -> Response:
    """Asks another to take it."""
    viewer.require(Right.WORK_TASKS)
    try:
        with context.database.write() as session:
            service.ask_swap(session, viewer, shift_id, to_id, now=now())
    except _REFUSED as error:
        return _week(request, context, viewer, day, [error.message])
    return _back(request, day)


@router.post("/rosters/swaps/{swap_id:int}/{answer}", name="rosters:answer")
def answer_swap(
    request: Request, context: GetContext, viewer: GetViewer, swap_id: int, answer: Answer
) -> Response:
    """Accepts, refuses or withdraws."""
    viewer.require(Right.WORK_TASKS)
    try:
        with context.database.write() as session:
            service.answer_swap(session, viewer, swap_id, answer, now=now())
    except _REFUSED as error:
        return _week(request, context, viewer, _today(), [error.message])
    return _back(request, _today())


def _week(
    request: Request,
    context: Context,
    viewer: Viewer,
    day: date,
    problems: list[str] | None = None,
    *,
    overlapping: int = 0,
) -> Response:
    writes = viewer.may(Right.PLAYBOOKS)
    with context.database.read() as session:
        days = weeks.week(session, day)
        gaps = weeks.ahead(session, now=now())
        swaps = service.swaps(session, user_id=None if writes else viewer.user_id, limit=20)
        known = session.scalars(select(User).where(reach.serving(viewer)).order_by(User.name, User.id)).all()
        mine = reach.condition(viewer, Area, changing=True)
        ordered = (Area.kind.desc(), Area.name)
        areas = session.execute(select(Area.id, Area.name).where(mine).order_by(*ordered)).all()
        stations = session.execute(select(Station.id, Station.name).order_by(Station.name)).all()
    monday = days[0].day
    return render(
        request,
        "rosters/week.html",
        viewer,
        status=_WRONG if problems else 200,
        here="rosters:week",
        days=days,
        today=_today(),
        before=monday - timedelta(days=7),
        after=monday + timedelta(days=7),
        gaps=gaps,
        swaps=swaps,
        names={user.id: user.name for user in known},
        able=[user for user in known if user.role in WORKERS and user.disabled_at is None],
        roles=[role for role in Role if role in WORKERS],
        areas=areas,
        stations=stations,
        writes=writes,
        everywhere=viewer.area_ids is None,
        mine={each.id for each in (*areas, *stations)},
        edits_people=viewer.may(Right.EDIT_PEOPLE),
        problems=problems or [],
        overlapping=overlapping,
        local=_local,
    )


def _today() -> date:
    return now().astimezone(LOCAL).date()


def _moment(day: date, clock: str) -> datetime:
    return datetime.combine(day, time.fromisoformat(clock), LOCAL)


def _local(moment: datetime, day: date | None = None) -> str:
    """The hour, with the day where it is another than `day`; the midnight that ends it is 24:00."""
    there = moment.astimezone(LOCAL)
    if day is None:
        return f"{there:%m-%d %H:%M}"
    if there.date() == day + timedelta(days=1) and there.time() == time():
        return "24:00"
    return f"{there:%H:%M}" if there.date() == day else f"{there:%m-%d %H:%M}"


def _back(request: Request, day: date) -> Response:
    return RedirectResponse(f"{request.app.url_path_for('rosters:week')}?day={day}", 303)
