"""`/`, `/tasks`, `/tasks/{id}` and what people do there."""

from dataclasses import dataclass
from functools import partial
from typing import Annotated, Any, Final

from fastapi import APIRouter, Form, Request
from fastapi.responses import JSONResponse, RedirectResponse, Response
from sqlalchemy.orm import Session
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import UploadFile

from server.clock import now
from server.context import Context
from server.days import midnight
from server.db.models import Occurrence
from server.dependencies import GetContext, GetViewer
from server.devices import dependents
from server.devices import repository as devices
from server.dispatch import asks
from server.errors import ConflictError, ForbiddenError, InvalidError, ServerError
from server.residents import looking
from server.tasks import acts, kinds, photos, repository, service, views, watching
from server.tasks.states import TaskAction
from server.users.roles import Right
from server.users.service import list_assignable
from server.users.viewer import Viewer
from server.web.rendering import is_fragment, language_of, render
from server.web.tasks import board, chart, occurrences, refusals, telephone
from server.web.tasks.forms import ActForm

router = APIRouter(include_in_schema=False)
OPEN_AT_ONCE: Final = 50
"""Open tasks shown at once, the most urgent first: more than one room can work on."""
OPEN_AT_MOST: Final = 500
"""… and when all are asked for: a whole city's power cut may have this many."""
ENDED_AT_ONCE: Final = 50
_FORM_BYTES: Final = 20_000


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why an action was refused."""

    error: ServerError
    action: TaskAction

    def sentence(self, task: views.TaskView, language: str) -> str:
        """It in words."""
        return refusals.sentence(self.error, task, language, self.action)


@router.get("/", name="home")
def home(request: Request, viewer: GetViewer) -> Response:
    """The start is the list of tasks."""
    viewer.require(Right.VIEW_TASKS)
    return RedirectResponse(str(request.app.url_path_for("tasks:list")), 303)


@router.get("/tasks", name="tasks:list")
def listed(
    request: Request,
    context: GetContext,
    viewer: GetViewer,
    tab: repository.Tab = "open",
    kind: str = "",
    level: str = "",
    ended: bool = False,
    every: bool = False,
    before: int | None = None,
) -> Response:
    """The list, or (to the page's own script) just the cards."""
    viewer.require(Right.VIEW_TASKS)
    tab = "ended" if ended else tab
    chosen = kind if kind in viewer.task_kinds else ""
    moment = now()
    live = tab in board.LIVE_TABS
    limit = (OPEN_AT_MOST if every else OPEN_AT_ONCE) if live else ENDED_AT_ONCE
    with context.database.read() as session:
        found = repository.listed(
            session,
            viewer,
            tab=tab,
            kinds=[chosen] if chosen else None,
            level=level or None,
            since=midnight(moment),
            before_id=before,
            worst_first=moment if live else None,
            limit=limit + 1,
        )
        total = (
            repository.count_by_group(
                session, viewer, tab, kinds=[chosen] if chosen else None, level=level or None, now=moment
            )
            if live
            else None
        )
        tasks = views.views(session, viewer, found, context.texts)
        policy = kinds.policy(session)
    tasks, more = tasks[:limit], len(tasks) > limit
    return render(
        request,
        "tasks/_board.html" if is_fragment(request) else "tasks/list.html",
        viewer,
        here="tasks:list",
        groups=board.arranged(tasks, moment),
        board=board,
        kinds=[each for each in policy.kinds if each.id in viewer.task_kinds],
        kind=chosen,
        level=level,
        levels=bool(level) or any(task.level == acts.SUBDISTRICT for task in tasks),
        tab=tab,
        tabs=board.tabs(viewer),
        is_live=live,
        older=tasks[-1].id if more and not live else None,
        more=limit if more and live else None,
        total=dict(zip(("waiting", "working"), total, strict=True)) if total else {},
        every=every,
    )


@router.get("/tasks/{task_id}", name="tasks:detail")
def detail(request: Request, task_id: int, context: GetContext, viewer: GetViewer) -> Response:
    """One task."""
    viewer.require(Right.VIEW_TASKS)
    with context.database.read() as session:
        return _page(request, session, context, viewer, task_id)


@router.get("/tasks/{task_id}/chart.json", name="tasks:chart")
async def chart_data(request: Request, task_id: int, context: GetContext, viewer: GetViewer) -> Response:
    """The readings around the event, ready to be drawn."""
    viewer.require(Right.VIEW_TASKS)
    return JSONResponse(
        await chart.around(context, viewer, task_id, language=language_of(request, viewer), now=now())
    )


@router.get("/tasks/{task_id}/photos/{photo_id}", name="tasks:photo")
def photo(context: GetContext, viewer: GetViewer, task_id: int, photo_id: int) -> Response:
    """A photo. Looking is written down."""
    return photos.answer(context, viewer, task_id, photo_id, now=now())


@router.post("/tasks/{task_id}/photos", name="tasks:photos")
async def add_photo(request: Request, task_id: int, context: GetContext, viewer: GetViewer) -> Response:
    """Keeps a photo from the form."""
    size = request.headers.get("content-length", "")
    problem: ServerError | None = None
    if not size.isdecimal() or int(size) > photos.MOST_BYTES + _FORM_BYTES:
        problem = InvalidError("the photo is too large", where="photo")
    else:
        async with request.form(max_files=1, max_fields=4) as sent:
            upload = sent.get("photo")
            data = await upload.read() if isinstance(upload, UploadFile) else b""
        try:
            await run_in_threadpool(photos.add, context, viewer, task_id, data, now=now())
        except (ConflictError, ForbiddenError, InvalidError) as error:
            problem = error
    return await run_in_threadpool(_answer, request, context, viewer, task_id, TaskAction.PHOTO, problem)


@router.post("/tasks/{task_id}/watch", name="tasks:watch")
def watch(
    request: Request,
    task_id: int,
    context: GetContext,
    viewer: GetViewer,
    on: Annotated[str, Form()] = "",
) -> Response:
    """Follows the task, or follows it no more."""
    with context.database.write() as session:
        if on:
            watching.watch(session, viewer, task_id)
        else:
            watching.unwatch(session, viewer, task_id)
    return _answer(request, context, viewer, task_id, TaskAction.NOTE, None)


@router.post("/tasks/{task_id}/{action}", name="tasks:act")
def act(
    request: Request,
    task_id: int,
    action: TaskAction,
    context: GetContext,
    viewer: GetViewer,
    facts: Annotated[ActForm, Form()],
) -> Response:
    """Does one thing to a task. Answers with the card or the page as it is afterwards; where it could not be
    done, with a sentence why."""
    wanted = facts.act(action)
    problem: ServerError | None = None
    try:
        with context.database.write() as session:
            service.act(session, viewer, task_id, wanted, now=now())
    except (ConflictError, ForbiddenError, InvalidError) as error:
        problem = error
    return _answer(request, context, viewer, task_id, action, problem, wanted, card=facts.view == "card")


def _answer(
    request: Request,
    context: Context,
    viewer: Viewer,
    task_id: int,
    action: TaskAction,
    problem: ServerError | None,
    wanted: service.Act | None = None,
    *,
    card: bool = False,
) -> Response:
    with context.database.read() as session:
        if problem is not None and _is_done_already(session, viewer, task_id, action):
            problem = None
        if problem is None and not is_fragment(request):
            return RedirectResponse(str(request.app.url_path_for("tasks:detail", task_id=task_id)), 303)
        said = None if problem is None else Refusal(problem, action)
        if card and is_fragment(request):
            return _card(request, session, context, viewer, task_id, said)
        return _page(request, session, context, viewer, task_id, said, wanted)


def _occurrence_words(session: Session, context: Context, page: views.TaskPage) -> dict[str, Any]:
    attached = devices.attached(session, position_ids=[position.id for position in page.positions])
    profiles = {position.id: context.catalogue.get(device.profile) for device, position in attached}

    def words_of(occurrence: Occurrence, language: str) -> str:
        return occurrences.words(profiles.get(occurrence.position_id or ""), occurrence.value, language)

    return {"words_of": words_of, "lasting": partial(occurrences.lasts, page.occurrences)}


def _standing(page: views.TaskPage, context: Context, language: str) -> list[str]:
    """What is not over by itself, in words: whoever ends the task is told."""
    there = [alarm for alarm in page.alarms if not alarm.cleared_at]
    found = [alarm.rule for alarm in there if occurrences.lasts(page.occurrences, alarm)]
    return [context.texts.name(rule, language) for rule in dict.fromkeys(found)]


def _unprotected(
    context: Context, session: Session, viewer: Viewer, page: views.TaskPage
) -> dependents.Dependents | None:
    subject = page.task.subject
    if subject.kind != "gateway":
        return None
    found = dependents.of_faults(session, viewer, subject.id, page.alarms, page.occurrences)
    if found is not None and viewer.unmasked:
        seen = [one.id for one in found.listed]
        looking.note_seen(context.database, viewer, seen, now=now(), task_id=page.task.id)
    return found


def _is_done_already(session: Session, viewer: Viewer, task_id: int, action: TaskAction) -> bool:
    """Whether this person's earlier, same request got through: a double tap is not an error."""
    task = repository.seen_by(session, viewer, task_id)
    done = {
        TaskAction.ACKNOWLEDGE: task.acknowledged_at,
        TaskAction.DEPART: task.departed_at,
        TaskAction.ARRIVE: task.arrived_at,
        TaskAction.RESOLVE: task.resolved_at,
        TaskAction.CLOSE: task.closed_at,
    }
    events = repository.timeline(session, task_id)
    last = next((event for event in reversed(events) if event.from_state != event.to_state), None)
    return (
        done.get(action) is not None
        and last is not None
        and last.action == action
        and last.actor_id == viewer.user_id
    )


def _card(
    request: Request,
    session: Session,
    context: Context,
    viewer: Viewer,
    task_id: int,
    problem: Refusal | None = None,
) -> Response:
    task = repository.seen_by(session, viewer, task_id)
    (seen,) = views.views(session, viewer, [task], context.texts)
    return render(
        request,
        "tasks/_card.html",
        viewer,
        status=problem.error.status if problem else 200,
        task=seen,
        what="",
        group=board.group(seen, now()),
        order=board.order(seen),
        problem=problem.sentence(seen, language_of(request, viewer)) if problem else "",
    )


def _page(
    request: Request,
    session: Session,
    context: Context,
    viewer: Viewer,
    task_id: int,
    problem: Refusal | None = None,
    wanted: service.Act | None = None,
) -> Response:
    moment = now()
    looking.note_task(context.database, viewer, task_id, now=moment)
    page = views.page(session, viewer, task_id, context.texts, opened=moment)
    giving = {TaskAction.REASSIGN, TaskAction.HAND_OVER} & set(page.task.actions)
    assignable = list_assignable(session, viewer, page.task.kind) if giving else []
    policy = kinds.policy(session)
    language = language_of(request, viewer)
    asked = asks.standing(session, task_id)
    may_see = viewer.unmasked and not page.task.closed_at
    callees = asks.callees(session, task_id, asked, now=moment) if may_see else {}
    return render(
        request,
        "tasks/_detail.html" if is_fragment(request) else "tasks/detail.html",
        viewer,
        status=problem.error.status if problem else 200,
        here="tasks:list",
        page=page,
        task=page.task,
        outcomes=policy.outcomes_of(page.task.kind),
        causes=policy.causes,
        outcome_name=policy.outcome,
        cause_name=policy.cause,
        naps=board.naps(policy.snooze_max_minutes),
        assignable=[(user.id, user.name, user.role) for user in assignable],
        rule_name=context.texts.name,
        standing=_standing(page, context, language),
        dial=telephone.dial,
        callable=telephone.callable_lines,
        **_occurrence_words(session, context, page),
        unprotected=_unprotected(context, session, viewer, page),
        asks=asked,
        callees=callees,
        problem=problem.sentence(page.task, language) if problem else "",
        wanted=wanted,
    )
