"""`/api/v1/rosters`: shifts, the week, gaps ahead, who is on duty, and swaps."""

from datetime import date, datetime
from typing import Annotated, Literal

from fastapi import APIRouter, Query
from pydantic import AwareDatetime, BaseModel, ConfigDict

from server.clock import now
from server.dependencies import GetContext, GetViewer
from server.rosters import duty, service, weeks
from server.rosters.core import LOCAL
from server.rosters.service import ShiftIn
from server.users import areas
from server.users.roles import Right, Role

router = APIRouter(prefix="/rosters", tags=["rosters"])

Answer = Literal["accepted", "refused", "withdrawn"]


class ShiftOut(BaseModel):
    """One shift."""

    model_config = ConfigDict(from_attributes=True)

    id: int
    user_id: int
    role: str
    area_id: str | None
    station_id: str | None
    starts_at: datetime
    ends_at: datetime


class EnteredOut(BaseModel):
    """The shifts that were written, and which of the person's others they run into."""

    shift_ids: list[int]
    overlapping: list[ShiftOut]


class SwapIn(BaseModel):
    """Whom somebody asks to take a shift."""

    model_config = ConfigDict(extra="forbid")

    shift_id: int
    to_id: int


class SwapOut(BaseModel):
    """A swap and what came of it: asked, accepted, refused, withdrawn."""

    model_config = ConfigDict(from_attributes=True)

    id: int
    shift_id: int
    from_id: int
    to_id: int
    state: str
    asked_at: datetime
    answered_at: datetime | None


class OnDuty(BaseModel):
    """A person who is on duty."""

    id: int
    name: str


@router.get("")
def get_week(context: GetContext, viewer: GetViewer, day: date | None = None) -> list[weeks.Day]:
    """The week in which `day` (or today) is: by day and duty, who is there, and when nobody is."""
    viewer.require(Right.VIEW_TASKS)
    with context.database.read() as session:
        return weeks.week(session, day or now().astimezone(LOCAL).date())


@router.get("/gaps")
def get_gaps(context: GetContext, viewer: GetViewer) -> list[weeks.Gap]:
    """When nobody will be on duty, as far ahead as the policy looks: everybody with the role is told then."""
    viewer.require(Right.VIEW_TASKS)
    with context.database.read() as session:
        return weeks.ahead(session, now=now())


@router.get("/on-duty")
def get_on_duty(
    context: GetContext,
    viewer: GetViewer,
    role: Role,
    area_id: str = "",
    station_id: Annotated[list[str] | None, Query()] = None,
    at: AwareDatetime | None = None,
) -> list[OnDuty]:
    """Who is on duty by the roster, for an area and stations, now or at another time."""
    viewer.require(Right.VIEW_TASKS)
    with context.database.read() as session:
        path = areas.path(session, area_id) if area_id else ()
        found = duty.on_duty(session, role, path, station_id or [], at or now())
        return [OnDuty(id=user.id, name=user.name) for user in found]


@router.post("/shifts", status_code=201)
def add_shifts(context: GetContext, viewer: GetViewer, body: ShiftIn) -> EnteredOut:
    """Writes a shift and its weekly repeats."""
    with context.database.write() as session:
        entered = service.enter(session, viewer, body, now=now())
        return EnteredOut(
            shift_ids=list(entered.shift_ids),
            overlapping=[ShiftOut.model_validate(shift) for shift in entered.overlapping],
        )


@router.delete("/shifts/{shift_id}", status_code=204)
def cancel_shift(context: GetContext, viewer: GetViewer, shift_id: int) -> None:
    """Takes a shift out of the roster."""
    with context.database.write() as session:
        service.cancel(session, viewer, shift_id, now=now())


@router.get("/swaps")
def list_swaps(context: GetContext, viewer: GetViewer) -> list[SwapOut]:
    """Swaps, the newest first: yours, or everybody's for who writes the roster."""
    viewer.require(Right.VIEW_TASKS)
    mine = None if viewer.may(Right.PLAYBOOKS) else viewer.user_id
    with context.database.read() as session:
        return [SwapOut.model_validate(swap) for swap in service.swaps(session, user_id=mine)]


@router.post("/swaps", status_code=201)
def ask_swap(context: GetContext, viewer: GetViewer, body: SwapIn) -> SwapOut:
    """Asks another person to take a shift."""
    viewer.require(Right.WORK_TASKS)
    with context.database.write() as session:
        swap = service.ask_swap(session, viewer, body.shift_id, body.to_id, now=now())
        return SwapOut.model_validate(swap)


@router.post("/swaps/{swap_id}/{answer}")
def answer_swap(context: GetContext, viewer: GetViewer, swap_id: int, answer: Answer) -> SwapOut:
    """Accepts, refuses or withdraws a swap."""
    viewer.require(Right.WORK_TASKS)
    with context.database.write() as session:
        return SwapOut.model_validate(service.answer_swap(session, viewer, swap_id, answer, now=now()))
