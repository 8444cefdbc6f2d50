"""`/api/v1/residents/{id}/rhythm`."""

import asyncio
from typing import Annotated

from fastapi import APIRouter, Query

from server.clock import now
from server.context import Context
from server.dependencies import GetContext, GetViewer
from server.residents import looking
from server.rhythm import service
from server.rhythm.service import FixedIn, RhythmView
from server.users.viewer import Viewer

router = APIRouter(prefix="/residents", tags=["residents"])
Reason = Annotated[str, Query(min_length=3, max_length=500, description="Why you look: it is written down")]


@router.get("/{resident_id}/rhythm")
async def read(context: GetContext, viewer: GetViewer, resident_id: str, reason: Reason) -> RhythmView:
    """What is usual for this resident, and the days it was learned from. Minutes count from midnight."""
    await asyncio.to_thread(_look, context, viewer, resident_id, reason)
    return await service.view(context, resident_id, now=now())


@router.put("/{resident_id}/rhythm", status_code=204)
def put(context: GetContext, viewer: GetViewer, resident_id: str, body: FixedIn) -> None:
    """Lays down what counts for this resident instead of what is learned, with the reason."""
    with context.database.write() as session:
        service.put_fixed(session, viewer, resident_id, body, now=now())


def _look(context: Context, viewer: Viewer, resident_id: str, reason: str) -> None:
    with context.database.write() as session:
        looking.read_for(session, viewer, resident_id, reason=reason, now=now())
