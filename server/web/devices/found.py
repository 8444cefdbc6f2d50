"""`/devices/found/{id}`: adopting a found device, at a position that is there or made now."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from fastapi import APIRouter, Request
from fastapi.responses import RedirectResponse, Response
from pydantic import ValidationError
from sqlalchemy import select
from sqlalchemy.orm import Session
from starlette.concurrency import run_in_threadpool

from firmware_profiles import Catalogue, Profile
from firmware_profiles.generate.rule_menu import MENU
from server.audit import service as audit
from server.clock import now
from server.context import Context
from server.db.models import Attachment, FoundDevice, Position
from server.dependencies import GetContext, GetViewer
from server.errors import ConflictError, InvalidError, NotFoundError
from server.found import repository, service
from server.found.schemas import AdoptIn
from server.places import lists
from server.places.schemas import PositionIn
from server.places.service import put_position
from server.users.roles import Right
from server.users.viewer import Viewer
from server.web.rendering import render

router = APIRouter(include_in_schema=False)
VALUE_ROWS: Final = 4
VALUE_FIELDS: Final = ("label", "path", "unit", "on", "off", "rule", "momentary")


@dataclass(frozen=True, slots=True)
class Pending:
    """A found device with the profile that it would be read with."""

    device: FoundDevice
    profile: Profile | None


def pending(session: Session, catalogue: Catalogue) -> list[Pending]:
    """What waits to be adopted."""
    rows = repository.listed(session, pending=True)
    return [Pending(row, service.profile_of(row, catalogue)) for row in rows]


@router.get("/devices/found/{found_id}", name="devices:found")
def form(request: Request, found_id: int, context: GetContext, viewer: GetViewer) -> Response:
    """The form: where is it?"""
    viewer.require(Right.REGISTER)
    return _form(request, context, viewer, found_id, {}, "")


@router.post("/devices/found/{found_id}", name="devices:adopt")
async def adopt(request: Request, found_id: int, context: GetContext, viewer: GetViewer) -> Response:
    """Adopts it, or says what is wrong."""
    viewer.require(Right.REGISTER)
    sent = await request.form()
    given = {name: value.strip() for name, value in sent.items() if isinstance(value, str)}
    return await run_in_threadpool(_adopt, request, context, viewer, found_id, given)


def _adopt(
    request: Request, context: Context, viewer: Viewer, found_id: int, given: dict[str, str]
) -> Response:
    try:
        device_id = _register(context, viewer, found_id, given)
    except (InvalidError, ConflictError) as error:
        return _form(request, context, viewer, found_id, given, error.message, status=422)
    except ValidationError as error:
        wrong = "; ".join(f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in error.errors())
        return _form(request, context, viewer, found_id, given, wrong, status=422)
    there = request.app.url_path_for("devices:detail", device_id=device_id)
    return RedirectResponse(f"{there}?done=true", 303)


def _register(context: Context, viewer: Viewer, found_id: int, given: dict[str, str]) -> str:
    """All or nothing: a position without its device would protect nobody."""
    position_id = given.get("position", "") or given.get("position_id", "")
    parameters = {
        name.removeprefix("parameter."): text
        for name, text in given.items()
        if name.startswith("parameter.") and text
    }
    asked = AdoptIn.model_validate(
        {
            "position_id": position_id,
            "profile": given.get("profile") or None,
            "parameters": parameters,
            "values": values_of(given),
        }
    )
    with context.database.write() as session:
        if not given.get("position"):
            if session.get(Position, position_id) is not None:
                raise ConflictError(f"there is a position {position_id!r} already: choose it above")
            resident, _, well = given.get("subject", "").partition("|")
            made = {
                "area_id": given.get("area_id", ""),
                "name": given.get("position_name", ""),
                "resident_id": resident or None,
                "well_id": well or None,
            }
            put_position(session, position_id, PositionIn.model_validate(made), now=now())
        device = service.adopt(session, found_id, asked, catalogue=context.catalogue, now=now())
        audit.write(session, viewer, action="adopt", subject=("device", device.id), now=now(), found=found_id)
        return device.id


def values_of(given: Mapping[str, str]) -> list[dict[str, str]]:
    """The approved values of the form, `value.0.label` and so on; rows that are left empty are none."""
    rows = (
        {name: text for name in VALUE_FIELDS if (text := given.get(f"value.{number}.{name}", ""))}
        for number in range(VALUE_ROWS)
    )
    return [row for row in rows if row]


def _form(
    request: Request,
    context: Context,
    viewer: Viewer,
    found_id: int,
    given: dict[str, str],
    wrong: str,
    *,
    status: int = 200,
) -> Response:
    with context.database.read() as session:
        row = session.get(FoundDevice, found_id)
        if row is None:
            raise NotFoundError(f"there is no found device {found_id}")
        free = session.execute(
            select(Position.id, Position.name)
            .where(
                ~select(Attachment.id)
                .where(Attachment.position_id == Position.id, Attachment.until.is_(None))
                .exists()
            )
            .order_by(Position.id)
        ).all()
        masked = not viewer.may(Right.VIEW_RESIDENTS)
        choices = {
            "areas": lists.areas(session),
            "residents": lists.residents(session, masked=masked),
            "wells": lists.wells(session),
        }
    return render(
        request,
        "devices/found.html",
        viewer,
        status=status,
        here="devices:list",
        found=row,
        profile=service.profile_of(row, context.catalogue),
        profiles=list(context.catalogue.values()),
        value_rows=VALUE_ROWS if row.source == "home_assistant" else 0,
        alarms={key: rule.name for key, rule in MENU.items() if {"state", "event"} & set(rule.kinds)},
        positions=[(position_id, f"{name} ({position_id})") for position_id, name in free],
        given=given,
        wrong=wrong,
        **choices,
    )
