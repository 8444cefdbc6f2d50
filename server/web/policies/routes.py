"""`/policies`: the rules that a manager may change, each with its history."""

from typing import Final

from fastapi import APIRouter, Request
from fastapi.responses import RedirectResponse, Response
from pydantic import ValidationError

from server.clock import now
from server.dependencies import GetContext, GetViewer
from server.policies import service
from server.policies.catalogue import POLICIES, found
from server.users import reach
from server.users.roles import Right
from server.web.policies import form
from server.web.policies.words import vocabularies
from server.web.rendering import language_of, render

router = APIRouter(include_in_schema=False)
_WRONG: Final = 422


@router.get("/policies", name="policies:list")
def listed(request: Request, context: GetContext, viewer: GetViewer) -> Response:
    """All policies, with what each says now."""
    viewer.require(Right.PLAYBOOKS)
    language = language_of(request, viewer)
    with context.database.read() as session:
        words = vocabularies(context, session, language)
        shown = [
            {
                "name": name,
                "title": policy.TITLES[language],
                "about": policy.TITLES.get(f"{language}_about", ""),
                "says": form.summary(service.current(session, policy), language, words),
                "versions": len(service.history(session, name)),
            }
            for name, policy in POLICIES.items()
        ]
    return render(
        request,
        "policies/list.html",
        viewer,
        here="policies:list",
        policies=shown,
        writes=viewer.area_ids is None,
    )


@router.get("/policies/{policy_name}", name="policies:edit")
def edit(request: Request, context: GetContext, viewer: GetViewer, policy_name: str) -> Response:
    """The form of one, and its history; to read only for people with an area."""
    viewer.require(Right.PLAYBOOKS)
    policy = found(policy_name)
    language = language_of(request, viewer)
    with context.database.read() as session:
        words = vocabularies(context, session, language)
        now_says = service.current(session, policy)
        history = service.history_with_people(session, policy_name)
    return render(
        request,
        "policies/edit.html",
        viewer,
        here="policies:list",
        name=policy_name,
        title=policy.TITLES[language],
        inputs=form.inputs(now_says, language, words),
        history=[
            (row, person, form.summary(service.read(policy, row), language, words)) for row, person in history
        ],
        problems=[],
        writes=viewer.area_ids is None,
    )


@router.post("/policies/{policy_name}", name="policies:save")
async def save(request: Request, context: GetContext, viewer: GetViewer, policy_name: str) -> Response:
    """Saves the next version, or goes back to the packaged one."""
    viewer.require(Right.PLAYBOOKS)
    reach.require_everywhere(viewer, "rules")
    policy = found(policy_name)
    language = language_of(request, viewer)
    fields = form.sent((await request.form()).multi_items())
    try:
        wanted = policy() if "reset" in fields else form.read(policy, fields)
    except ValidationError as error:
        with context.database.read() as session:
            words = vocabularies(context, session, language)
        return render(
            request,
            "policies/edit.html",
            viewer,
            status=_WRONG,
            here="policies:list",
            name=policy_name,
            title=policy.TITLES[language],
            inputs=form.again(policy, fields, language, words),
            history=[],
            problems=form.wrong(policy, error, language),
            writes=True,
        )
    with context.database.write() as session:
        service.put(session, viewer, wanted, now=now())
    return RedirectResponse(str(request.app.url_path_for("policies:edit", policy_name=policy_name)), 303)
