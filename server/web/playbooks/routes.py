"""`/playbooks`: who is told of what, the people who can be called, and how dispatch is doing."""

from datetime import datetime
from typing import Any, Final

from fastapi import APIRouter, Request
from fastapi.responses import RedirectResponse, Response
from pydantic import ValidationError
from sqlalchemy import select
from sqlalchemy.orm import Session
from starlette.datastructures import FormData

from gateway.rules.model import WORST_FIRST, Severity
from server.clock import now
from server.context import Context
from server.db.models import Heartbeat
from server.dependencies import GetContext, GetViewer
from server.dispatch import auditor, playbooks, responders
from server.dispatch.core import Ask, WhoKind
from server.dispatch.responders import ResponderIn
from server.errors import InvalidError, NotFoundError
from server.notify.channels import AddressBook
from server.residents import retention
from server.tasks import kinds
from server.tasks.policy import Kind, TaskPolicy
from server.users.roles import Right
from server.users.viewer import Viewer
from server.web.playbooks import form
from server.web.rendering import render

router = APIRouter(include_in_schema=False)
_WRONG: Final = 422
_SUBDISTRICT: Final = Kind(
    id=playbooks.SUBDISTRICT,
    zh="街道（任何类型）",
    en="Subdistrict (any kind)",
    icon="flag",
    outcomes=["other"],
)
"""Under this name stand the books of tasks of any kind that a community could not solve."""
_SERVER: Final = Kind(
    id=playbooks.SERVER,
    zh="服务器自身",
    en="The server itself",
    icon="bell",
    outcomes=["other"],
)
_BEYOND: Final = {book.id: book for book in (_SUBDISTRICT, _SERVER)}


@router.get("/playbooks", name="playbooks:list")
def listed(request: Request, context: GetContext, viewer: GetViewer) -> Response:
    """All playbooks that count now, with their history."""
    viewer.require(Right.PLAYBOOKS)
    return _list(request, context, viewer)


@router.get("/playbooks/{kind}/{severity}", name="playbooks:edit")
def edit(
    request: Request,
    context: GetContext,
    viewer: GetViewer,
    kind: str,
    severity: Severity,
    resident: str = "",
) -> Response:
    """The form of one."""
    viewer.require(Right.PLAYBOOKS)
    with context.database.read() as session:
        plan = _current(session).get((kind, severity, resident)) or playbooks.packaged_for(kind, severity)
    fields = {**form.limits(plan), "resident": resident}
    return _form(request, viewer, kind, severity, fields, form.rows(plan))


@router.post("/playbooks/{kind}/{severity}", name="playbooks:save")
async def save(
    request: Request, context: GetContext, viewer: GetViewer, kind: str, severity: Severity
) -> Response:
    """Saves the next version, or takes the playbook away."""
    viewer.require(Right.PLAYBOOKS)
    fields = _texts(await request.form())
    resident = fields.get("resident", "").strip()
    try:
        plan = None if "remove" in fields else form.read(fields)
        with context.database.write() as session:
            playbooks.put(
                session,
                viewer,
                kind=kind,
                severity=severity,
                resident_id=resident or None,
                plan=plan,
                now=now(),
            )
    except (ValidationError, InvalidError, NotFoundError) as error:
        problems = form.wrong(error) if isinstance(error, ValidationError) else [error.message]
        rows = [{name: fields.get(f"{name}_{row}", "") for name in form.FIELDS} for row in range(form.ROWS)]
        return _form(request, viewer, kind, severity, fields, rows, problems)
    return RedirectResponse(str(request.app.url_path_for("playbooks:list")), 303)


@router.post("/playbooks/people/{user_id:int}/save", name="playbooks:person")
async def save_person(request: Request, context: GetContext, viewer: GetViewer, user_id: int) -> Response:
    """Saves how one person can be called."""
    viewer.require(Right.PLAYBOOKS)
    fields = _texts(await request.form())
    try:
        wanted = ResponderIn.model_validate(
            {
                "on_duty": "on_duty" in fields,
                "volunteer": "volunteer" in fields,
                "latitude": fields.get("latitude") or None,
                "longitude": fields.get("longitude") or None,
                "keys_of": fields.get("keys", "").replace("，", ",").replace(",", " ").split(),
            }
        )
        with context.database.write() as session:
            responders.put(session, viewer, user_id, wanted, now=now())
    except (ValidationError, InvalidError, NotFoundError) as error:
        problems = form.wrong(error) if isinstance(error, ValidationError) else [error.message]
        return _list(request, context, viewer, problems)
    return RedirectResponse(str(request.app.url_path_for("playbooks:list")), 303)


def _list(request: Request, context: Context, viewer: Viewer, problems: list[str] | None = None) -> Response:
    with context.database.read() as session:
        known = AddressBook.of(context.settings).known(session)
        rows = playbooks.stored(session)
        people = responders.listed(session, viewer)
        late = auditor.overdue(session, now=now())
        beats = list(session.scalars(select(Heartbeat).order_by(Heartbeat.name)))
        loops = _loops(session, {beat.name: beat.at for beat in beats})
        kept_on = retention.waiting(session, now=now())
        written = kinds.policy(session)
    current = [row for row in rows if row.ended_at is None]
    stored = {(row.kind, row.severity): row for row in current if row.resident_id is None}
    shown: list[dict[str, Any]] = [
        {
            "kind": kind.id,
            "severity": severity,
            "plan": playbooks.read(row)
            if (row := stored.get((kind.id, severity)))
            else playbooks.packaged_for(kind.id, severity),
            "version": row.version if row else None,
            "resident": "",
        }
        for kind in (*written.kinds, *_BEYOND.values())
        for severity in WORST_FIRST
    ]
    shown += [
        {
            "kind": row.kind,
            "severity": row.severity,
            "plan": playbooks.read(row),
            "version": row.version,
            "resident": row.resident_id,
        }
        for row in current
        if row.resident_id is not None
    ]
    return render(
        request,
        "playbooks/list.html",
        viewer,
        status=_WRONG if problems else 200,
        here="playbooks:list",
        everywhere=viewer.area_ids is None,
        playbooks=shown,
        ended=[row for row in rows if row.ended_at is not None],
        people=[(user, how, known.ways(user.login, user.role)) for user, how in people],
        late=late,
        beats=loops,
        kept_on=kept_on,
        not_deleted=sum(beat.detail["failed"] for beat in beats if beat.name == retention.BEAT),
        kind_of=lambda name: _named(written, name),
        problems=problems or [],
    )


def _loops(session: Session, at: dict[str, datetime]) -> list[tuple[str, datetime | None, bool | None]]:
    """The loops, when each last got round, and whether it is still; None where nobody is told of that."""
    watched = {name for names in auditor.WATCHED.values() for name in names}
    return [
        (
            name,
            at.get(name),
            auditor.is_still(session, at.get(name), now=now()) if name in watched else None,
        )
        for name in sorted(watched | set(at) - {"audit"})
    ]


def _form(
    request: Request,
    viewer: Viewer,
    kind: str,
    severity: Severity,
    fields: dict[str, str],
    rows: list[dict[str, str]],
    problems: list[str] | None = None,
) -> Response:
    return render(
        request,
        "playbooks/edit.html",
        viewer,
        status=_WRONG if problems else 200,
        here="playbooks:list",
        everywhere=viewer.area_ids is None,
        kind=_kind(request, kind),
        severity=severity,
        resident=fields.get("resident", ""),
        limits={name: fields.get(name, "") for name in form.LIMITS},
        rows=rows,
        kinds=list(WhoKind),
        asks=list(Ask),
        problems=problems or [],
    )


def _current(session: Session) -> dict[tuple[str, str, str], playbooks.PlaybookIn]:
    rows = playbooks.stored(session)
    return {
        (row.kind, row.severity, row.resident_id or ""): playbooks.read(row)
        for row in rows
        if row.ended_at is None
    }


def _texts(fields: FormData) -> dict[str, str]:
    return {name: value for name, value in fields.items() if isinstance(value, str)}


def _kind(request: Request, name: str) -> Kind:
    context: Context = request.app.state.context
    with context.database.read() as session:
        return _named(kinds.policy(session), name)


def _named(written: TaskPolicy, name: str) -> Kind:
    return _BEYOND.get(name) or written.kind(name)
