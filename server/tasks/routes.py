"""`/api/v1/tasks`."""

from typing import Annotated, Literal

from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict

from gateway.rules.model import TaskKind
from server.clock import now
from server.dependencies import GetContext, GetViewer
from server.residents import looking
from server.tasks import repository, service
from server.tasks.schemas import ActIn
from server.tasks.states import TaskAction
from server.tasks.views import Sent, TaskView, TimelineEntry, page, views
from server.users.roles import Right

router = APIRouter(prefix="/tasks", tags=["tasks"])

PathAction = Literal["acknowledge", "depart", "arrive", "resolve", "close", "reassign", "note", "cancel"]


class TaskOut(BaseModel):
    """A task with its timeline and what to do."""

    model_config = ConfigDict(from_attributes=True)

    task: TaskView
    advise: dict[str, str]
    timeline: list[TimelineEntry]
    sends: list[Sent]


@router.get("")
def list_tasks(
    context: GetContext,
    viewer: GetViewer,
    state: Literal["open", "all"] = "open",
    kind: TaskKind | None = None,
    before_id: int | None = None,
    limit: Annotated[int, Query(ge=1, le=500)] = 100,
) -> list[TaskView]:
    """Tasks that you see, newest first; `before_id` pages on."""
    viewer.require(Right.VIEW_TASKS)
    with context.database.read() as session:
        tasks = repository.listed(
            session,
            viewer,
            only_open=state == "open",
            kinds=[kind] if kind else None,
            before_id=before_id,
            limit=limit,
        )
        return views(session, viewer, tasks, context.texts)


@router.get("/{task_id}")
def get_task(context: GetContext, viewer: GetViewer, task_id: int) -> TaskOut:
    """One task; while it is not ended with the resident's details, which leaves a line in the audit log."""
    viewer.require(Right.VIEW_TASKS)
    moment = now()
    looking.note_task(context.database, viewer, task_id, now=moment)
    with context.database.read() as session:
        return TaskOut.model_validate(page(session, viewer, task_id, context.texts, opened=moment))


@router.post("/{task_id}/{action}")
def act_on_task(
    context: GetContext, viewer: GetViewer, task_id: int, action: PathAction, body: ActIn | None = None
) -> TaskView:
    """Moves a task. 409 where it has moved on: the message says who has it."""
    facts = body or ActIn()
    wanted = service.Act(
        action=TaskAction(action), note=facts.note, outcome=facts.outcome, assignee_id=facts.assignee_id
    )
    with context.database.write() as session:
        task = service.act(session, viewer, task_id, wanted, now=now())
        session.flush()
        return views(session, viewer, [task], context.texts)[0]
