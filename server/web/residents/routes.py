"""`/residents`: the list, one resident behind a reason, absences, consents."""

from collections.abc import Callable
from typing import Annotated, Any, Final, get_args

from fastapi import APIRouter, Form, Request
from fastapi.responses import RedirectResponse, Response
from pydantic import ValidationError
from sqlalchemy.orm import Session

from server.clock import now
from server.context import Context
from server.days import LOCAL
from server.db.models import Area, Resident
from server.dependencies import GetContext, GetViewer
from server.errors import ConflictError, InvalidError, ServerError
from server.places import lists as places
from server.places.service import found
from server.policies.service import current
from server.residents import absences, care, consents, details, lists, looking
from server.residents.policy import ResidentPolicy
from server.residents.schemas import AbsenceKind, ConsentIn, ConsentKind
from server.tasks.views import MASK
from server.users.roles import Right
from server.users.viewer import Viewer
from server.web.rendering import is_fragment, render
from server.web.residents import form

router = APIRouter(include_in_schema=False)
HERE: Final = "residents:list"
ABSENCES: Final[tuple[str, ...]] = get_args(AbsenceKind)
CONSENTS: Final[tuple[str, ...]] = get_args(ConsentKind)
_WRONG: Final = 422


@router.get("/residents", name=HERE)
def listed(
    request: Request,
    context: GetContext,
    viewer: GetViewer,
    q: str = "",
    area: str = "",
    risk: str = "",
    show: str = "",
    after: str = "",
) -> Response:
    """The list: found by name, address or id."""
    viewer.require(Right.VIEW_RESIDENTS)
    wanted = lists.Wanted(
        search=q.strip()[:100],
        area_id=area,
        risk=risk,
        away=show == "away",
        no_consent=show == "no_consent",
        unprotected=show == "unprotected",
        care="ended" if show == "ended" else "now",
    )
    with context.database.read() as session:
        lines = lists.listed(session, viewer, wanted, now=now(), after=after, limit=lists.AT_ONCE + 1)
        areas = places.areas(session)
    shown = lines[: lists.AT_ONCE]
    return render(
        request,
        "residents/_rows.html" if is_fragment(request) else "residents/list.html",
        viewer,
        here=HERE,
        lines=shown,
        more=shown[-1].id if len(lines) > lists.AT_ONCE else "",
        areas=areas,
        asked={"q": q, "area": area, "risk": risk, "show": show},
        may_edit=viewer.may(Right.EDIT_RESIDENTS),
    )


@router.get("/residents/{resident_id}", name="residents:detail")
def detail(request: Request, context: GetContext, viewer: GetViewer, resident_id: str) -> Response:
    """One resident: in full while this person has given a reason, otherwise masked and asking for one."""
    viewer.require(Right.VIEW_RESIDENTS)
    return page(request, context, viewer, resident_id)


@router.post("/residents/{resident_id}/open", name="residents:open")
def open_details(
    request: Request,
    context: GetContext,
    viewer: GetViewer,
    resident_id: str,
    reason: Annotated[str, Form()] = "",
    words: Annotated[str, Form()] = "",
) -> Response:
    """Gives a reason: the details are open for some minutes, and the look is written down."""
    viewer.require(Right.VIEW_RESIDENTS)
    try:
        with context.database.write() as session:
            looking.begin(session, viewer, resident_id, code=reason, words=words, now=now())
    except InvalidError as error:
        return page(request, context, viewer, resident_id, problem=error)
    return back(request, resident_id)


@router.post("/residents/{resident_id}/absences", name="residents:away")
async def put_absence(request: Request, context: GetContext, viewer: GetViewer, resident_id: str) -> Response:
    """Notes an absence."""
    viewer.require(Right.VIEW_RESIDENTS)
    fields = {name: value for name, value in (await request.form()).items() if isinstance(value, str)}

    def act(session: Session) -> None:
        try:
            wanted = form.absence(fields)
        except ValidationError as error:
            raise InvalidError("; ".join(form.wrong(error).values()), where="until") from error
        absences.put(session, viewer, resident_id, wanted, now=now())

    return do(request, context, viewer, resident_id, act)


@router.post("/residents/{resident_id}/absences/{absence_id}", name="residents:absence")
def change_absence(
    request: Request,
    context: GetContext,
    viewer: GetViewer,
    resident_id: str,
    absence_id: int,
    until: Annotated[str, Form()] = "",
    act: Annotated[str, Form()] = "extend",
) -> Response:
    """Gives an absence another end, or ends it now."""

    def change(session: Session) -> None:
        if act == "end":
            absences.end(session, viewer, absence_id, now=now())
            return
        moment = form.moment(until)
        if moment is None:
            raise InvalidError("write the new end", where="until")
        absences.extend(session, viewer, absence_id, until=moment, now=now())

    return do(request, context, viewer, resident_id, change)


@router.post("/residents/{resident_id}/consents", name="residents:consent")
def give_consent(
    request: Request,
    context: GetContext,
    viewer: GetViewer,
    resident_id: str,
    kind: Annotated[str, Form()] = "",
    note: Annotated[str, Form()] = "",
) -> Response:
    """Notes a consent."""

    def give(session: Session) -> None:
        try:
            wanted = ConsentIn.model_validate({"kind": kind, "note": note})
        except ValidationError as error:
            raise InvalidError("; ".join(form.wrong(error).values()), where="note") from error
        consents.give(session, viewer, resident_id, wanted.kind, note=wanted.note, now=now())

    return do(request, context, viewer, resident_id, give)


@router.post("/residents/{resident_id}/consents/{consent_id}", name="residents:withdraw")
def withdraw(
    request: Request, context: GetContext, viewer: GetViewer, resident_id: str, consent_id: int
) -> Response:
    """The resident takes a consent back."""

    def act(session: Session) -> None:
        consents.withdraw(session, viewer, consent_id, now=now())

    return do(request, context, viewer, resident_id, act)


@router.post("/residents/{resident_id}/left", name="residents:left")
def left(
    request: Request,
    context: GetContext,
    viewer: GetViewer,
    resident_id: str,
    left: Annotated[str, Form()] = "",
) -> Response:
    """Care ends, or begins again."""

    def act(session: Session) -> None:
        care.set_left(session, viewer, resident_id, left=left == "1", now=now())

    return do(request, context, viewer, resident_id, act)


def do(
    request: Request, context: Context, viewer: Viewer, resident_id: str, act: Callable[[Session], None]
) -> Response:
    """Does one thing and goes back to the resident's page, or shows there why it could not be done."""
    try:
        with context.database.write() as session:
            act(session)
    except (ConflictError, InvalidError) as error:
        return page(request, context, viewer, resident_id, problem=error)
    return back(request, resident_id)


def back(request: Request, resident_id: str) -> Response:
    """To the resident's page."""
    return RedirectResponse(str(request.app.url_path_for("residents:detail", resident_id=resident_id)), 303)


def page(
    request: Request,
    context: Context,
    viewer: Viewer,
    resident_id: str,
    *,
    problem: ServerError | None = None,
) -> Response:
    """The resident's page. Every time it shows the details, that is written down."""
    moment = now()
    with context.database.read() as session:
        resident = found(session, Resident, resident_id)
        reason = looking.is_open(session, viewer, resident_id, now=moment)
        rules = current(session, ResidentPolicy)
        area = session.get_one(Area, resident.area_id).name
    shown: details.Details | None = None
    if reason is not None and resident.erased_at is None:
        with context.database.write() as session:
            looking.read_again(session, viewer, resident_id, reason=reason, now=moment)
            shown = details.of(
                session,
                viewer,
                found(session, Resident, resident_id),
                context.texts,
                catalogue=context.catalogue,
                now=moment,
            )
    values: dict[str, Any] = {
        "details": shown,
        "reasons": rules.reasons,
        "minutes": rules.open_minutes,
        "name": resident.name if viewer.unmasked or shown else resident.name[:1] + MASK,
        "area": area,
        "resident_id": resident_id,
        "erased_at": resident.erased_at,
        "problem": problem.message if problem else "",
        "absence_kinds": ABSENCES,
        "consent_kinds": CONSENTS,
        "today": moment.astimezone(LOCAL),
        "local": form.local,
        "may_edit": viewer.may(Right.EDIT_RESIDENTS),
        "may_erase": viewer.may(Right.PRIVACY),
    }
    status = problem.status if problem else 200
    return render(request, "residents/detail.html", viewer, status=status, here=HERE, **values)
