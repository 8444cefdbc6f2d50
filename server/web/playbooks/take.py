"""`/take/{token}`: the page behind the link in a message. It asks for one tap, since messengers open links
themselves to show what is behind them; the tap takes the task, and nothing else can be done or seen here."""

from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Final

from fastapi import APIRouter, Request
from fastapi.responses import Response
from sqlalchemy import select
from sqlalchemy.orm import Session

from server.audit import service as audit
from server.clock import now
from server.context import Context
from server.db.models import Delivery, DispatchStep, Resident, Task, User
from server.dependencies import GetWhole
from server.dispatch.asks import NUMBERS
from server.dispatch.core import Ask
from server.errors import ConflictError, ForbiddenError, NotFoundError
from server.notify import deliveries, links
from server.notify.sender import link_key
from server.tasks import service
from server.tasks.states import OPEN_STATES, TaskAction
from server.users import sessions
from server.users.viewer import Viewer
from server.web.rendering import language_of, render
from server.web.tasks.telephone import dial

router = APIRouter(include_in_schema=False)
_BAD: Final = 403


@dataclass(frozen=True, slots=True, kw_only=True)
class _Seen:
    """What the page says: one of ask, yours, gone, ended. `phone` is the resident's, for whoever has the task
    and was asked to telephone; never on a page that a messenger may have opened by itself."""

    state: str
    task: Task
    holder: str = ""
    ask: Ask = Ask.GO
    phone: str = ""


@router.get("/take/{token}", name="take:page")
def page(request: Request, context: GetWhole, token: str) -> Response:
    """Asks for the tap."""
    try:
        link = links.read(link_key(context.settings), token, now=now())
        with context.database.read() as session:
            _viewer(session, link)
            seen = _seen(session, link)
    except (links.BadLinkError, NotFoundError):
        return render(request, "playbooks/take.html", None, status=_BAD, seen=None)
    return _shown(request, context, seen, token)


@router.post("/take/{token}", name="take:do")
def take(request: Request, context: GetWhole, token: str) -> Response:
    """Takes the task for the person whom the link was sent to."""
    try:
        link = links.read(link_key(context.settings), token, now=now())
        with context.database.write() as session:
            viewer = _viewer(session, link)
            with suppress(ConflictError):  # nothing has changed then, and the page says who has it
                action = _means(session, link)
                service.act(session, viewer, link.task_id, service.Act(action=action), now=now())
            deliveries.answered(session, link.delivery_id, now=now())
            session.flush()
            seen = _with_phone(session, viewer, _seen(session, link))
    except (links.BadLinkError, NotFoundError, ForbiddenError):
        return render(request, "playbooks/take.html", None, status=_BAD, seen=None)
    return _shown(request, context, seen, token)


def _means(session: Session, link: links.Link) -> TaskAction:
    """The tap of whoever has the task says that they know what has come."""
    task = session.get(Task, link.task_id, with_for_update=True)
    if task is not None and task.unheard_at is not None and task.assignee_id == link.user_id:
        return TaskAction.HEARD
    return TaskAction.ACKNOWLEDGE


def _shown(request: Request, context: Context, seen: _Seen, token: str) -> Response:
    language = language_of(request, None)
    return render(
        request,
        "playbooks/take.html",
        None,
        seen=seen,
        token=token,
        number=NUMBERS.get(seen.ask, seen.phone),
        dial=dial,
        what=context.texts.name(seen.task.rule, language),
    )


def _viewer(session: Session, link: links.Link) -> Viewer:
    """The person of the link, acting as themselves. Raises NotFoundError."""
    user = session.get(User, link.user_id)
    if user is None or user.disabled_at is not None:
        raise NotFoundError("this person is not there any more")
    return sessions.viewer_of(session, user)


def _with_phone(session: Session, viewer: Viewer, seen: _Seen) -> _Seen:
    asked = seen.state == "yours" and seen.ask is Ask.CALL_RESIDENT
    if not asked or seen.task.subject_kind != "resident":
        return seen
    resident = session.get_one(Resident, seen.task.subject_id)
    audit.write(
        session, viewer, action="read_phone", subject=("resident", resident.id), now=now(), task=seen.task.id
    )
    return replace(seen, phone=resident.phone)


def _seen(session: Session, link: links.Link) -> _Seen:
    task = session.get(Task, link.task_id)
    if task is None:
        raise NotFoundError(f"there is no task {link.task_id}")
    step = select(DispatchStep.ask).join(Delivery, Delivery.step_id == DispatchStep.id)
    ask = Ask(session.scalar(step.where(Delivery.id == link.delivery_id)) or Ask.GO)
    holder = session.get(User, task.assignee_id) if task.assignee_id is not None else None
    if task.state not in OPEN_STATES:
        return _Seen(state="ended", task=task)
    mine = holder is not None and holder.id == link.user_id
    if task.state in ("new", "dispatched") or (mine and task.unheard_at is not None):
        return _Seen(state="ask", task=task, ask=ask)
    if mine:
        return _Seen(state="yours", task=task, ask=ask)
    return _Seen(state="gone", task=task, holder=holder.name if holder is not None else "")
