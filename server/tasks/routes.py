"""`/api/v1/tasks`."""

from typing import Annotated, Literal

from fastapi import APIRouter, Query, Request
from fastapi.responses import Response
from pydantic import BaseModel, ConfigDict
from starlette.concurrency import run_in_threadpool

from server.clock import now
from server.commissioning.routes import limited
from server.days import midnight
from server.dependencies import GetContext, GetViewer
from server.residents import looking
from server.tasks import kinds, photos, repository, service, watching
from server.tasks.history import Moment, Sent, TimelineEntry
from server.tasks.policy import TaskPolicy
from server.tasks.schemas import ActIn
from server.tasks.states import TaskAction
from server.tasks.views import Linked, TaskView, page, views
from server.users.roles import Right

router = APIRouter(prefix="/tasks", tags=["tasks"])

PathAction = Literal[
    "acknowledge", "heard", "depart", "arrive", "resolve", "close", "hand_over", "snooze", "note", "escalate",
    "return", "reassign", "cancel", "review", "renew",
]  # fmt: skip


class TaskOut(BaseModel):
    """A task with its timeline and what to do. `history` is the timeline with the steps that are planned or
    were cancelled and all messages."""

    model_config = ConfigDict(from_attributes=True)

    task: TaskView
    advise: dict[str, str]
    timeline: list[TimelineEntry]
    sends: list[Sent]
    history: list[Moment]
    linked: list[Linked]
    watchers: list[str]


class PhotoOut(BaseModel):
    """A photo that was kept."""

    id: int


@router.get("")
def list_tasks(
    context: GetContext,
    viewer: GetViewer,
    state: repository.Tab = "open",
    kind: Annotated[str, Query(max_length=30)] | None = None,
    level: Literal["community", "subdistrict"] | None = None,
    before_id: int | None = None,
    limit: Annotated[int, Query(ge=1, le=500)] = 100,
) -> list[TaskView]:
    """Tasks that you see, newest first; `before_id` pages on. `open` are those that are not planned for
    later."""
    viewer.require(Right.VIEW_TASKS)
    with context.database.read() as session:
        tasks = repository.listed(
            session,
            viewer,
            tab=state,
            kinds=[kind] if kind else None,
            level=level,
            since=midnight(now()),
            before_id=before_id,
            limit=limit,
        )
        return views(session, viewer, tasks, context.texts)


@router.get("/kinds")
def list_kinds(context: GetContext, viewer: GetViewer) -> TaskPolicy:
    """The kinds of task, how they end, and the causes of false alarms."""
    viewer.require(Right.VIEW_TASKS)
    with context.database.read() as session:
        return kinds.policy(session)


@router.get("/{task_id}")
def get_task(context: GetContext, viewer: GetViewer, task_id: int) -> TaskOut:
    """One task; while it is not ended with the resident's details, which leaves a line in the audit log."""
    viewer.require(Right.VIEW_TASKS)
    moment = now()
    looking.note_task(context.database, viewer, task_id, now=moment)
    with context.database.read() as session:
        return TaskOut.model_validate(page(session, viewer, task_id, context.texts, opened=moment))


@router.post("/{task_id}/photos", status_code=201)
async def add_photo(request: Request, context: GetContext, viewer: GetViewer, task_id: int) -> PhotoOut:
    """Keeps a photo (JPEG, PNG or WebP as the body, at most 5 MB); nothing but the picture is kept."""
    viewer.require(Right.WORK_TASKS)
    data = await limited(request, photos.MOST_BYTES)
    return PhotoOut(id=await run_in_threadpool(photos.add, context, viewer, task_id, data, now=now()))


@router.get("/{task_id}/photos/{photo_id}")
def get_photo(context: GetContext, viewer: GetViewer, task_id: int, photo_id: int) -> Response:
    """The photo. Looking is written down: it may show somebody's home."""
    return photos.answer(context, viewer, task_id, photo_id, now=now())


@router.put("/{task_id}/watch", status_code=204)
def watch(context: GetContext, viewer: GetViewer, task_id: int) -> None:
    """Follows the task: you are told who takes it and how it ends."""
    with context.database.write() as session:
        watching.watch(session, viewer, task_id)


@router.delete("/{task_id}/watch", status_code=204)
def unwatch(context: GetContext, viewer: GetViewer, task_id: int) -> None:
    """Follows it no more."""
    with context.database.write() as session:
        watching.unwatch(session, viewer, task_id)


@router.post("/{task_id}/{action}")
def act_on_task(
    context: GetContext, viewer: GetViewer, task_id: int, action: PathAction, body: ActIn | None = None
) -> TaskView:
    """Moves a task. 409 where it has moved on: the message says who has it."""
    wanted = (body or ActIn()).act(TaskAction(action))
    with context.database.write() as session:
        task = service.act(session, viewer, task_id, wanted, now=now())
        session.flush()
        return views(session, viewer, [task], context.texts)[0]
