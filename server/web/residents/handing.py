"""`/residents/{id}/record`: all that is kept of a resident, to read and print; `…/export`: the same to hand
over, with every reading."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import partial
from typing import Any, Final

from fastapi import APIRouter, Request
from fastapi.responses import Response, StreamingResponse
from starlette.concurrency import run_in_threadpool

from server.clock import now
from server.context import Context
from server.days import LOCAL
from server.dependencies import GetContext, GetViewer
from server.errors import StoreUnavailableError
from server.policies.service import current
from server.readings import service as readings
from server.residents import copying, export
from server.residents.copying import Packed, Source
from server.residents.policy import ResidentPolicy
from server.tasks import kinds
from server.users.viewer import Viewer
from server.web.rendering import STATIC, language_of, render, text

router = APIRouter(include_in_schema=False)
_TEMPLATE: Final = "residents/record.html"


@router.get("/residents/{resident_id}/record", name="residents:record")
async def record(request: Request, context: GetContext, viewer: GetViewer, resident_id: str) -> Response:
    """The record as a page."""
    moment = now()
    document, sources, words = await run_in_threadpool(
        _gathered, request, context, viewer, resident_id, moment
    )
    newest, missing = await _newest(context, sources, language_of(request, viewer), moment)
    return render(
        request, _TEMPLATE, viewer, **words, record=document, newest=newest, missing=missing, css=""
    )


@router.get("/residents/{resident_id}/export", name="residents:export")
async def handed(request: Request, context: GetContext, viewer: GetViewer, resident_id: str) -> Response:
    """Everything that is kept, as a ZIP for the resident."""
    moment = now()
    language = language_of(request, viewer)
    document, sources, words = await run_in_threadpool(
        _gathered, request, context, viewer, resident_id, moment
    )

    def page(packed: Sequence[Packed], missing: bool) -> str:
        css = (STATIC / "record.css").read_text(encoding="utf-8")
        values = {**words, "record": document, "packed": packed, "missing": missing, "css": css}
        return text(request.app, _TEMPLATE, language, viewer, **values)

    parts = copying.zipped(document, sources, context.store, language=language, page=page, now=moment)
    return StreamingResponse(parts, media_type="application/zip", headers=copying.headers(resident_id))


def _gathered(
    request: Request, context: Context, viewer: Viewer, resident_id: str, moment: datetime
) -> tuple[dict[str, Any], list[Source], dict[str, Any]]:
    """The record, where its readings are, and the words for both. The look is written down."""
    language = language_of(request, viewer)
    with context.database.write() as session:
        document = export.everything(session, viewer, resident_id, now=moment)
        sources = copying.sources(session, context.catalogue, resident_id)
        policy = kinds.policy(session)
        reasons = current(session, ResidentPolicy).reasons
    words = {
        "local": _local,
        "places": {one["id"]: one["name"] for one in document["positions"]},
        "rule_name": context.texts.name,
        "outcome_name": partial(_outcome, policy),
        "reasons": {one.code: one.zh if language == "zh" else one.en for one in reasons},
    }
    return document, sources, words


async def _newest(
    context: Context, sources: Sequence[Source], language: str, moment: datetime
) -> tuple[list[dict[str, Any]], bool]:
    """The newest value of each point of the home; and whether the store did not answer."""
    ids = sorted({source.position_id for source in sources})
    try:
        latest = await readings.latest(context.store, context.catalogue, now=moment, positions=ids)
    except StoreUnavailableError:
        return [], True
    found: list[dict[str, Any]] = []
    for source in sources:
        for value in latest.get(source.position_id, ()):
            point = source.points.get(value.field)
            if point is not None and value.time >= source.since:
                what = point.name.zh if language == "zh" else point.name.en
                said = value.value if isinstance(value.value, str) else f"{value.value:g} {point.unit or ''}"
                found.append({"place": source.name, "what": what, "value": said, "time": value.time})
    return found, False


def _local(moment: datetime | str | None) -> str:
    """A moment, or its ISO text, by the clock of China; nothing for none."""
    if moment is None:
        return ""
    at = datetime.fromisoformat(moment) if isinstance(moment, str) else moment
    return at.astimezone(LOCAL).strftime("%Y-%m-%d %H:%M:%S")


def _outcome(policy: Any, outcome: str) -> Mapping[str, str]:
    found = policy.outcome(outcome)
    return {"zh": found.zh, "en": found.en}
