"""`/`, `/tasks`, `/tasks/{id}` and what people do there."""

from functools import partial
from typing import Annotated, Any, Final

from fastapi import APIRouter, Form, Request
from fastapi.responses import JSONResponse, RedirectResponse, Response
from sqlalchemy.orm import Session

from server.clock import now
from server.context import Context
from server.db.models import Occurrence
from server.dependencies import GetContext, GetViewer
from server.devices import dependents
from server.devices import repository as devices
from server.dispatch import asks
from server.errors import ConflictError, ForbiddenError, InvalidError, ServerError
from server.residents import looking
from server.tasks import repository, service, views
from server.tasks.states import Outcome, TaskAction
from server.users.roles import Right
from server.users.service import list_assignable
from server.users.viewer import Viewer
from server.web.rendering import is_fragment, language_of, render
from server.web.tasks import board, chart, occurrences, refusals, telephone

router = APIRouter(include_in_schema=False)
OPEN_AT_ONCE: Final = 500
"""Open tasks shown at once. A subdistrict has tens; a whole city's power cut may have this many."""
ENDED_AT_ONCE: Final = 50


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
    kind: str = "",
    ended: bool = False,
    before: int | None = None,
) -> Response:
    """The list, or (to the page's own script) just the cards."""
    viewer.require(Right.VIEW_TASKS)
    chosen = kind if kind in viewer.task_kinds else ""
    limit = ENDED_AT_ONCE if ended else OPEN_AT_ONCE
    with context.database.read() as session:
        tasks = views.views(
            session,
            viewer,
            repository.listed(
                session,
                viewer,
                only_open=not ended,
                only_ended=ended,
                kinds=[chosen] if chosen else None,
                before_id=before,
                limit=limit + 1,
            ),
            context.texts,
        )
    tasks, more = tasks[:limit], len(tasks) > limit
    return render(
        request,
        "tasks/_board.html" if is_fragment(request) else "tasks/list.html",
        viewer,
        here="tasks:list",
        groups=board.arranged(tasks),
        board=board,
        kinds=[each for each in board.KINDS if each in viewer.task_kinds],
        kind=chosen,
        ended=ended,
        older=tasks[-1].id if ended and more else None,
        more=limit if more and not ended else None,
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


@router.post("/tasks/{task_id}/{action}", name="tasks:act")
def act(
    request: Request,
    task_id: int,
    action: TaskAction,
    context: GetContext,
    viewer: GetViewer,
    outcome: Annotated[str, Form()] = "",
    note: Annotated[str, Form()] = "",
    assignee_id: Annotated[str, Form()] = "",
    view: Annotated[str, Form()] = "",
) -> Response:
    """Does one thing to a task. Answers with the card or the page as it is afterwards; where it could not be
    done, with a sentence why."""
    wanted = service.Act(
        action=action,
        note=note,
        outcome=Outcome(outcome) if outcome in set(Outcome) else None,
        assignee_id=int(assignee_id) if assignee_id.isdecimal() else None,
    )
    problem: ServerError | None = None
    try:
        with context.database.write() as session:
            service.act(session, viewer, task_id, wanted, now=now())
    except (ConflictError, ForbiddenError, InvalidError) as error:
        problem = error
    with context.database.read() as session:
        if problem is not None and _is_done_already(session, viewer, task_id, action):
            problem = None
        if problem is None and not is_fragment(request):
            return RedirectResponse(str(request.app.url_path_for("tasks:detail", task_id=task_id)), 303)
        show = _card if view == "card" and is_fragment(request) else _page
        return show(request, session, context, viewer, task_id, problem, wanted)


def _occurrence_words(session: Session, context: Context, page: views.TaskPage) -> dict[str, Any]:
    attached = devices.attached(session, position_ids=[position.id for position in page.positions])
    profiles = {position.id: context.catalogue.get(device.profile) for device, position in attached}

    def words_of(occurrence: Occurrence, language: str) -> str:
        return occurrences.words(profiles.get(occurrence.position_id or ""), occurrence.value, language)

    return {"words_of": words_of, "lasting": partial(occurrences.lasts, page.occurrences)}


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
    problem: ServerError | None = None,
    _wanted: service.Act | None = None,
) -> Response:
    task = repository.seen_by(session, viewer, task_id)
    (seen,) = views.views(session, viewer, [task], context.texts)
    return render(
        request,
        "tasks/_card.html",
        viewer,
        status=problem.status if problem else 200,
        task=seen,
        what="",
        group=board.group(seen),
        order=board.order(seen),
        problem=refusals.sentence(problem, seen, language_of(request, viewer)) if problem else "",
    )


def _page(
    request: Request,
    session: Session,
    context: Context,
    viewer: Viewer,
    task_id: int,
    problem: ServerError | None = None,
    wanted: service.Act | None = None,
) -> Response:
    moment = now()
    looking.note_task(context.database, viewer, task_id, now=moment)
    page = views.page(session, viewer, task_id, context.texts, opened=moment)
    assignable = list_assignable(session, page.task.kind) if TaskAction.REASSIGN in page.task.actions else []
    language = language_of(request, viewer)
    return render(
        request,
        "tasks/_detail.html" if is_fragment(request) else "tasks/detail.html",
        viewer,
        status=problem.status if problem else 200,
        here="tasks:list",
        page=page,
        task=page.task,
        outcomes=refusals.outcomes(page.task.kind),
        assignable=[(user.id, user.name, user.role) for user in assignable],
        rule_name=context.texts.name,
        dial=telephone.dial,
        callable=telephone.callable_lines,
        **_occurrence_words(session, context, page),
        unprotected=_unprotected(context, session, viewer, page),
        asks=asks.standing(session, task_id),
        problem=refusals.sentence(problem, page.task, language) if problem else "",
        wanted=wanted,
    )
