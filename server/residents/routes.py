"""`/api/v1/residents` with contacts, absences and consents. A PUT creates or corrects."""

from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Query
from fastapi.responses import JSONResponse, StreamingResponse
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy.orm import Session
from starlette.concurrency import run_in_threadpool

from server.audit import service as audit
from server.clock import now
from server.db.models import Resident
from server.dependencies import GetContext, GetViewer
from server.errors import InvalidError
from server.places import service as places
from server.places.schemas import ResidentIn
from server.residents import (
    absences,
    care,
    consents,
    contacts,
    copying,
    erasure,
    export,
    lists,
    looking,
    retention,
)
from server.residents.schemas import (
    AbsenceIn,
    AbsenceOut,
    ConsentIn,
    ConsentOut,
    ContactIn,
    UntilIn,
)
from server.users.roles import Right

router = APIRouter(tags=["residents"])
Reason = Annotated[str, Query(min_length=3, max_length=500, description="Why you look: it is written down")]


class ResidentOut(ResidentIn):
    """A resident, in full."""

    model_config = ConfigDict(from_attributes=True, extra="ignore")

    id: str
    left_at: datetime | None = None
    erased_at: datetime | None = None
    # What is stored may be empty after an erasure, which nobody could write.
    address: str = Field(default="")
    name: str = Field(default="")


class ResidentSummary(BaseModel):
    """A resident without personal details; name and address for those who care for people."""

    id: str
    area_id: str
    risk: str
    away_until: datetime | None = None
    consent: bool
    left_at: datetime | None = None
    name: str | None = None
    address: str | None = None


class EraseIn(BaseModel):
    """The resident's id once more: an erasure can't be undone."""

    confirm: str


class ErasedOut(BaseModel):
    """What was erased."""

    id: str
    photos: int


class LeftIn(BaseModel):
    """Whether the resident is looked after: `left` ends it, and begins the time until erasure."""

    left: bool


@router.get("/residents", response_model_exclude_none=True)
def list_residents(
    context: GetContext,
    viewer: GetViewer,
    search: Annotated[str, Query(max_length=100)] = "",
    area: str = "",
    risk: str = "",
    away: bool = False,
    no_consent: bool = False,
    care_of: lists.Care = "now",
    after: str = "",
    limit: Annotated[int, Query(ge=1, le=10_000)] = 10_000,
) -> list[ResidentSummary]:
    """Residents by id, without their details; `after` pages on. `search` looks in id, name and address."""
    viewer.require(Right.VIEW_TASKS)
    wanted = lists.Wanted(
        search=search, area_id=area, risk=risk, away=away, no_consent=no_consent, care=care_of
    )
    with context.database.read() as session:
        lines = lists.listed(session, viewer, wanted, now=now(), after=after, limit=limit)
    return [
        ResidentSummary(
            id=line.id,
            area_id=line.area_id,
            risk=line.risk,
            away_until=line.away.until if line.away else None,
            consent=line.consent,
            left_at=line.left_at,
            name=line.name if viewer.unmasked else None,
            address=line.address if viewer.unmasked else None,
        )
        for line in lines
    ]


@router.get("/residents/{key}")
def get_resident(context: GetContext, viewer: GetViewer, key: str, reason: Reason) -> ResidentOut:
    """One resident in full. Needs a reason, which is written to the audit log."""
    with context.database.write() as session:
        return _out(session, looking.read_for(session, viewer, key, reason=reason, now=now()))


@router.put("/residents/{key}")
def put_resident(context: GetContext, viewer: GetViewer, key: str, body: ResidentIn) -> ResidentOut:
    """Creates or corrects a resident. `contacts` or the lines of `contact` replace those that were there."""
    viewer.require(Right.EDIT_RESIDENTS)
    with context.database.write() as session:
        resident = places.put_resident(session, key, body, now=now())
        audit.write(session, viewer, action="write", subject=("resident", key), now=now())
        return _out(session, resident)


@router.put("/residents/{key}/left")
def put_left(context: GetContext, viewer: GetViewer, key: str, body: LeftIn) -> ResidentSummary:
    """Ends care for a resident, or takes it up again."""
    with context.database.write() as session:
        row = care.set_left(session, viewer, key, left=body.left, now=now())
        agreed = key in consents.given(session, [key])
        return ResidentSummary(
            id=key, area_id=row.area_id, risk=row.risk, consent=agreed, left_at=row.left_at
        )


@router.get("/residents/{key}/export")
def export_resident(context: GetContext, viewer: GetViewer, key: str) -> JSONResponse:
    """Everything that is kept about a resident, for the person's right of access."""
    with context.database.write() as session:
        found = export.everything(session, viewer, key, now=now())
    return JSONResponse(
        found,
        headers={"Cache-Control": "no-store", "Content-Disposition": "attachment; filename=resident.json"},
    )


@router.get("/residents/{key}/export.zip", response_class=StreamingResponse)
async def export_resident_whole(context: GetContext, viewer: GetViewer, key: str) -> StreamingResponse:
    """The same as a ZIP, with every reading of the home: a CSV a position."""
    moment = now()

    def gather() -> tuple[dict[str, Any], list[copying.Source]]:
        with context.database.write() as session:
            found = export.everything(session, viewer, key, now=moment)
            return found, copying.sources(session, context.catalogue, key)

    document, sources = await run_in_threadpool(gather)
    parts = copying.zipped(document, sources, context.store, language=viewer.language, page=None, now=moment)
    return StreamingResponse(parts, media_type="application/zip", headers=copying.headers(key))


@router.post("/residents/{key}/erase")
def erase_resident(context: GetContext, viewer: GetViewer, key: str, body: EraseIn) -> ErasedOut:
    """Erases a resident's data for good; the id in `confirm` says that it is meant."""
    if body.confirm != key:
        raise InvalidError("write the resident's id into `confirm`: this can't be undone", where="confirm")
    with context.database.write() as session:
        photos = erasure.erase(session, viewer, key, now=now())
    retention.forget_files(context.settings.effective_photos, photos)
    return ErasedOut(id=key, photos=len(photos))


@router.get("/residents/{key}/absences")
def list_absences(context: GetContext, viewer: GetViewer, key: str, reason: Reason) -> list[AbsenceOut]:
    """A resident's absences, the newest first. Needs a reason, as the details do."""
    with context.database.write() as session:
        looking.read_for(session, viewer, key, reason=reason, now=now())
        return [AbsenceOut.model_validate(row) for row in absences.of(session, key)]


@router.post("/residents/{key}/absences", status_code=201)
def put_absence(context: GetContext, viewer: GetViewer, key: str, body: AbsenceIn) -> AbsenceOut:
    """Notes that a resident is not at home. It ends by itself at `until`."""
    with context.database.write() as session:
        return AbsenceOut.model_validate(absences.put(session, viewer, key, body, now=now()))


@router.post("/absences/{absence_id}/extend")
def extend_absence(context: GetContext, viewer: GetViewer, absence_id: int, body: UntilIn) -> AbsenceOut:
    """Gives an absence another end."""
    with context.database.write() as session:
        row = absences.extend(session, viewer, absence_id, until=body.until, now=now())
        return AbsenceOut.model_validate(row)


@router.post("/absences/{absence_id}/end")
def end_absence(context: GetContext, viewer: GetViewer, absence_id: int) -> AbsenceOut:
    """The resident came home early."""
    with context.database.write() as session:
        return AbsenceOut.model_validate(absences.end(session, viewer, absence_id, now=now()))


@router.get("/residents/{key}/consents")
def list_consents(context: GetContext, viewer: GetViewer, key: str, reason: Reason) -> list[ConsentOut]:
    """What a resident agreed to and took back, the newest first. Needs a reason, as the details do."""
    with context.database.write() as session:
        looking.read_for(session, viewer, key, reason=reason, now=now())
        return [ConsentOut.model_validate(row) for row in consents.of(session, key)]


@router.post("/residents/{key}/consents", status_code=201)
def give_consent(context: GetContext, viewer: GetViewer, key: str, body: ConsentIn) -> ConsentOut:
    """Notes a consent; one that stands already is given back."""
    with context.database.write() as session:
        row = consents.give(session, viewer, key, body.kind, note=body.note, now=now())
        return ConsentOut.model_validate(row)


@router.post("/consents/{consent_id}/withdraw")
def withdraw_consent(context: GetContext, viewer: GetViewer, consent_id: int) -> ConsentOut:
    """The resident takes a consent back."""
    with context.database.write() as session:
        return ConsentOut.model_validate(consents.withdraw(session, viewer, consent_id, now=now()))


def _out(session: Session, resident: Resident) -> ResidentOut:
    rows = contacts.of(session, resident.id)
    values = {column.key: getattr(resident, column.key) for column in Resident.__mapper__.column_attrs}
    return ResidentOut.model_validate(
        {
            **values,
            "contact": contacts.text(rows),
            "contacts": [ContactIn.model_validate(row) for row in rows],
        }
    )
