"""`/api/v1/playbooks` and `/api/v1/responders`."""

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Path
from pydantic import BaseModel, ConfigDict

from gateway.rules.model import Severity
from server.clock import now
from server.dependencies import GetContext, GetViewer
from server.dispatch import asks, playbooks, responders
from server.dispatch.core import Ask
from server.dispatch.playbooks import PlaybookIn
from server.dispatch.responders import ResponderIn
from server.users.roles import Right

router = APIRouter(tags=["dispatch"])

KindId = Annotated[str, Path(pattern=r"^[a-z][a-z0-9_]{1,29}$")]


class PlaybookOut(BaseModel):
    """One version of a playbook; without `version` it is the packaged one."""

    model_config = ConfigDict(from_attributes=True)

    kind: str
    severity: str
    resident_id: str | None = None
    version: int | None = None
    created_at: datetime | None = None
    ended_at: datetime | None = None
    plan: PlaybookIn


class ResponderOut(ResponderIn):
    """How one person can be called."""

    user_id: int
    name: str
    role: str


@router.get("/playbooks")
def list_playbooks(context: GetContext, viewer: GetViewer) -> list[PlaybookOut]:
    """The packaged playbooks, then all versions of those written here, the newest first."""
    viewer.require(Right.PLAYBOOKS)
    packaged = [
        PlaybookOut(kind=kind, severity=severity, plan=plan)
        for (kind, severity), plan in playbooks.packaged().items()
    ]
    with context.database.read() as session:
        return packaged + [PlaybookOut.model_validate(row) for row in playbooks.stored(session)]


@router.put("/playbooks/{kind}/{severity}")
def put_playbook(
    context: GetContext,
    viewer: GetViewer,
    kind: KindId,
    severity: Severity,
    body: PlaybookIn,
    resident_id: str | None = None,
) -> PlaybookIn:
    """Writes the next version, for all or for one resident."""
    with context.database.write() as session:
        playbooks.put(
            session,
            viewer,
            kind=kind,
            severity=severity,
            resident_id=resident_id,
            plan=body,
            now=now(),
        )
    return body


@router.delete("/playbooks/{kind}/{severity}", status_code=204)
def remove_playbook(
    context: GetContext,
    viewer: GetViewer,
    kind: KindId,
    severity: Severity,
    resident_id: str | None = None,
) -> None:
    """Takes it away: the more general one counts again."""
    with context.database.write() as session:
        playbooks.put(
            session,
            viewer,
            kind=kind,
            severity=severity,
            resident_id=resident_id,
            plan=None,
            now=now(),
        )


@router.get("/responders")
def list_responders(context: GetContext, viewer: GetViewer) -> list[ResponderOut]:
    """Everybody who works on tasks, and how they can be called."""
    viewer.require(Right.PLAYBOOKS)
    with context.database.read() as session:
        return [
            ResponderOut(user_id=user.id, name=user.name, role=user.role, **known.model_dump())
            for user, known in responders.listed(session, viewer)
        ]


@router.put("/responders/{user_id}")
def put_responder(context: GetContext, viewer: GetViewer, user_id: int, body: ResponderIn) -> ResponderIn:
    """Duty, volunteering, place and keys of one person."""
    with context.database.write() as session:
        responders.put(session, viewer, user_id, body, now=now())
    return body


@router.post("/tasks/{task_id}/calls/{ask}", status_code=204)
def note_call(context: GetContext, viewer: GetViewer, task_id: int, ask: Ask, reached: bool = True) -> None:
    """Writes on the timeline that the resident, 120 or 110 was telephoned."""
    with context.database.write() as session:
        asks.note(session, viewer, task_id, ask, reached=reached, now=now())
