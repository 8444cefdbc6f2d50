"""`/api/v1/wells/{id}/now`, `/api/v1/tasks/{id}/well-work…`, `/api/v1/positions/{id}/baseline`."""

from typing import Annotated, Any

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field
from starlette.concurrency import run_in_threadpool

from server.clock import now
from server.context import Context
from server.dependencies import GetContext, GetViewer
from server.devices import listing
from server.devices.views import Latest
from server.errors import StoreUnavailableError
from server.tasks import repository
from server.users.roles import Right
from server.users.viewer import Viewer
from server.wells import baseline, entry, gates, roadworks, views
from server.wells.entry import EnterIn, HandHeldIn
from server.wells.newest import newest as of_wells

router = APIRouter(tags=["wells"])


class TickIn(BaseModel):
    """The lines that are done, by key, and who guards the open cover."""

    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True)

    checks: Annotated[list[str], Field(max_length=50)]
    guard: Annotated[str, Field(max_length=60)]


class RoadworksIn(BaseModel):
    """Whether the covers that opened together are roadworks."""

    roadworks: bool


class BaselineIn(BaseModel):
    """`seated`: whoever asks sees that the cover lies right."""

    seated: bool


@router.get("/wells/{key}/now")
async def well_now(context: GetContext, viewer: GetViewer, key: str) -> dict[str, Any]:
    """A well as it stands: water, covers, upstream, work."""
    viewer.require(Right.VIEW_DEVICES)
    seen = await newest(context, key)

    def look() -> dict[str, Any]:
        with context.database.read() as session:
            well = views.one(session, viewer, key, catalogue=context.catalogue, latest=seen)
            return {
                "id": well.id,
                "task_id": well.task_id,
                "cover_open": well.cover_open,
                "level_mm": well.water.level_mm if well.water else None,
                "prealarm_mm": well.water.prealarm_mm if well.water else None,
                "upstream": list(well.upstream),
                "below": well.below.crew if well.below else 0,
            }

    return await run_in_threadpool(look)


@router.get("/tasks/{task_id}/well-work")
def get_work(context: GetContext, viewer: GetViewer, task_id: int) -> dict[str, Any]:
    """What is to be done at the well before the task can end."""
    with context.database.read() as session:
        repository.seen_by(session, viewer, task_id)
        work = views.work(session, task_id)
        if work is None:
            return {}
        return {
            "checks": [check.model_dump() for check in work.checks],
            "ticked": sorted(work.ticked),
            "needed": work.needs_checks,
            "below": work.below.crew if work.below else 0,
            "check_due_at": work.below.check_due_at if work.below else None,
            "homes_at_risk": work.around.homes,
            "linked": list(work.linked),
        }


@router.post("/tasks/{task_id}/well-work/checks", status_code=204)
def post_checks(context: GetContext, viewer: GetViewer, task_id: int, body: TickIn) -> None:
    """Writes down the site check."""
    with context.database.write() as session:
        gates.tick(session, viewer, task_id, body.checks, guard=body.guard, now=now())


@router.post("/tasks/{task_id}/well-work/enter", status_code=204)
async def post_enter(context: GetContext, viewer: GetViewer, task_id: int, body: EnterIn) -> None:
    """People go down; 409 says why they may not."""
    await going(context, viewer, task_id, body)


@router.post("/tasks/{task_id}/well-work/air")
async def post_air(context: GetContext, viewer: GetViewer, task_id: int, body: HandHeldIn) -> dict[str, Any]:
    """The air was read again. `bad` says what is out of range: everybody comes up then."""
    return {"bad": await air(context, viewer, task_id, body, "en")}


@router.post("/tasks/{task_id}/well-work/out", status_code=204)
def post_out(context: GetContext, viewer: GetViewer, task_id: int) -> None:
    """All are out."""
    with context.database.write() as session:
        entry.leave(session, viewer, task_id, now=now())


@router.post("/tasks/{task_id}/roadworks", status_code=204)
def post_roadworks(context: GetContext, viewer: GetViewer, task_id: int, body: RoadworksIn) -> None:
    """Says whether covers that opened together are roadworks."""
    with context.database.write() as session:
        roadworks.answer(session, viewer, task_id, roadworks=body.roadworks, now=now())


@router.post("/positions/{position_id}/baseline")
async def post_baseline(
    context: GetContext, viewer: GetViewer, position_id: str, body: BaselineIn
) -> dict[str, float]:
    """Takes the angle that the cover lies at now for the installed one."""
    return await renew(context, viewer, position_id, seated=body.seated)


async def newest(context: Context, *well_ids: str) -> Latest:
    """What the wells, or these, said last; nothing where the store does not answer, so that nobody goes down
    by what is old."""
    try:
        return await of_wells(context, well_ids=well_ids or None, now=now())
    except StoreUnavailableError:
        return {}


async def going(context: Context, viewer: Viewer, task_id: int, given: EnterIn) -> None:
    """`entry.enter` with the newest readings."""
    seen = await newest(context)

    def go() -> None:
        with context.database.write() as session:
            entry.enter(session, viewer, task_id, given, latest=seen, now=now())

    await run_in_threadpool(go)


async def air(context: Context, viewer: Viewer, task_id: int, given: HandHeldIn, language: str) -> list[str]:
    """`entry.recheck` with the newest readings; what is bad, in words."""
    seen = await newest(context)

    def check() -> list[str]:
        with context.database.write() as session:
            found = entry.recheck(session, viewer, task_id, given, latest=seen, now=now())
        return [fault.words(language) for fault in found]

    return await run_in_threadpool(check)


async def renew(context: Context, viewer: Viewer, position_id: str, *, seated: bool) -> dict[str, float]:
    """`baseline.renew` with the newest readings."""
    seen, _ = await listing.newest(context, [position_id], now=now())

    def put() -> dict[str, float]:
        with context.database.write() as session:
            return baseline.renew(
                session,
                viewer,
                position_id,
                seated=seated,
                newest=seen.get(position_id, ()),
                catalogue=context.catalogue,
                now=now(),
            )

    return await run_in_threadpool(put)
