"""`/wells`, `/wells/{id}` and `/wells/site/{task}`: covers, water, and the work at a well."""

from collections.abc import Callable
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, RedirectResponse, Response
from pydantic import BaseModel, ValidationError
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import FormData

from server.clock import now
from server.context import Context
from server.dependencies import GetContext, GetViewer
from server.errors import ConflictError, ForbiddenError, InvalidError, ServerError
from server.places import upstream
from server.tasks import repository
from server.users.roles import Right
from server.users.viewer import Viewer
from server.web.i18n import say
from server.web.rendering import language_of, render
from server.web.tasks.refusals import said
from server.web.wells import chart
from server.wells import entry, gates, roadworks, views
from server.wells.entry import EnterIn, HandHeldIn
from server.wells.routes import air, going, newest, renew
from server.wells.water import STALE

router = APIRouter(include_in_schema=False)


@router.get("/wells", name="wells:list")
async def listed(request: Request, context: GetContext, viewer: GetViewer) -> Response:
    """All wells, those with a task first."""
    viewer.require(Right.VIEW_DEVICES)
    latest = await newest(context)

    def look() -> list[views.WellView]:
        with context.database.read() as session:
            return views.listed(session, viewer, catalogue=context.catalogue, latest=latest)

    wells = await run_in_threadpool(look)
    return await run_in_threadpool(render, request, "wells/list.html", viewer, here="wells:list", wells=wells)


@router.get("/wells/near", name="wells:near")
def near(request: Request, context: GetContext, viewer: GetViewer) -> Response:
    """The open covers that this person was told of: a piece of the list of tasks."""
    with context.database.read() as session:
        return render(request, "wells/_near.html", viewer, found=views.near(session, viewer))


@router.get("/wells/{well_id}", name="wells:detail")
async def detail(request: Request, well_id: str, context: GetContext, viewer: GetViewer) -> Response:
    """One well."""
    viewer.require(Right.VIEW_DEVICES)
    return await _well(request, context, viewer, well_id)


@router.get("/wells/{well_id}/chart.json", name="wells:chart")
async def level(request: Request, well_id: str, context: GetContext, viewer: GetViewer) -> Response:
    """Its level over the last day, ready to be drawn."""
    viewer.require(Right.VIEW_DEVICES)
    latest = await newest(context, well_id)
    drawn = await chart.course(
        context, viewer, well_id, latest, language=language_of(request, viewer), now=now()
    )
    return JSONResponse(drawn)


@router.post("/wells/{well_id}/baseline/{position_id}", name="wells:baseline")
async def baseline(
    request: Request, well_id: str, position_id: str, context: GetContext, viewer: GetViewer
) -> Response:
    """Takes the angle that a cover lies at now for the installed one."""
    form = await request.form()
    try:
        await renew(context, viewer, position_id, seated=bool(form.get("seated")))
    except (ConflictError, InvalidError) as error:
        return await _well(request, context, viewer, well_id, error)
    return RedirectResponse(str(request.app.url_path_for("wells:detail", well_id=well_id)), 303)


@router.get("/wells/site/{task_id}", name="wells:work")
async def work(request: Request, task_id: int, context: GetContext, viewer: GetViewer) -> Response:
    """The work at a well: who is below, the air, the site check. Made for a telephone."""
    viewer.require(Right.VIEW_TASKS)
    return await run_in_threadpool(_work, request, context, viewer, task_id, "", 200)


@router.post("/wells/site/{task_id}/{what}", name="wells:act")
async def act(request: Request, task_id: int, what: str, context: GetContext, viewer: GetViewer) -> Response:
    """Does one thing of the work. Answers with the page, and with a sentence where it could not be done."""
    form = await request.form()
    language = language_of(request, viewer)
    problem, status = "", 200
    try:
        if what == "enter":
            await going(context, viewer, task_id, _filled(EnterIn, form))
        elif what == "air":
            bad = await air(context, viewer, task_id, _filled(HandHeldIn, form), language)
            if bad:
                problem = say(language, "wells.leave_now", what=say(language, "app.list").join(bad))
        elif what in _PLAIN:
            await run_in_threadpool(_plain, context, viewer, task_id, what, form)
    except (ConflictError, ForbiddenError, InvalidError) as error:
        problem, status = _sentence(error, language), error.status
    if not problem:
        return RedirectResponse(str(request.app.url_path_for("wells:work", task_id=task_id)), 303)
    return await run_in_threadpool(_work, request, context, viewer, task_id, problem, status)


def _plain(context: Context, viewer: Viewer, task_id: int, what: str, form: FormData) -> None:
    with context.database.write() as session:
        _PLAIN[what](session, viewer, task_id, form)


_PLAIN: dict[str, Callable[..., object]] = {
    "out": lambda session, viewer, task_id, _form: entry.leave(session, viewer, task_id, now=now()),
    "checks": lambda session, viewer, task_id, form: gates.tick(
        session, viewer, task_id, list(form.getlist("checks")), guard=str(form.get("guard", "")), now=now()
    ),
    "roadworks": lambda session, viewer, task_id, form: roadworks.answer(
        session, viewer, task_id, roadworks=form.get("roadworks") == "yes", now=now()
    ),
}


def _filled(model: type[Any], form: FormData) -> Any:
    values = {
        key.removeprefix("air."): str(value).replace(",", ".").strip()
        for key, value in form.items()
        if key.startswith("air.") and str(value).strip()
    }
    given = {key: str(value) for key, value in form.items() if key in model.model_fields}
    try:
        checked: BaseModel = model.model_validate({**given, "values": values})
    except ValidationError as error:
        raise InvalidError(f"{error.errors()[0]['msg']}", where="air", say="wells.numbers") from error
    return checked


def _sentence(error: ServerError, language: str) -> str:
    if "say" in error.details:
        return said(error, language)
    if isinstance(error, ForbiddenError):
        return say(language, "error.403.help")
    where = error.details.get("where", "")
    return say(
        language, f"wells.wrong.{where}" if where in ("guard", "instrument", "seated") else "wells.numbers"
    )


def _work(
    request: Request, context: Context, viewer: Viewer, task_id: int, problem: str, status: int
) -> Response:
    with context.database.read() as session:
        task = repository.seen_by(session, viewer, task_id)
        return render(
            request,
            "wells/work.html",
            viewer,
            status=status,
            here="wells:list",
            task=task,
            work=views.work(session, task_id),
            problem=problem,
            may_work=viewer.may(Right.WORK_TASKS),
            rule=context.texts.name(task.rule, language_of(request, viewer)),
        )


async def _well(
    request: Request, context: Context, viewer: Viewer, well_id: str, error: ServerError | None = None
) -> Response:
    latest = await newest(context, well_id)

    def look() -> Response:
        with context.database.read() as session:
            well = views.one(session, viewer, well_id, catalogue=context.catalogue, latest=latest)
            below = upstream.below(session, well_id)
            around = views.listed(
                session,
                viewer,
                catalogue=context.catalogue,
                latest=latest,
                well_ids=[*well.upstream, *below],
            )
            return render(
                request,
                "wells/detail.html",
                viewer,
                status=error.status if error else 200,
                here="wells:list",
                well=well,
                above=[one for one in around if one.id in well.upstream],
                below=[one for one in around if one.id in below],
                stale=now() - STALE,
                may_register=viewer.may(Right.REGISTER),
                problem=_sentence(error, language_of(request, viewer)) if error else "",
            )

    return await run_in_threadpool(look)
