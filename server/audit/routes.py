"""`/api/v1/audit`."""

from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict

from server.audit import service
from server.dependencies import GetContext, GetViewer
from server.users.roles import Right

router = APIRouter(prefix="/audit", tags=["audit"])


class AuditOut(BaseModel):
    """One line of the log."""

    model_config = ConfigDict(from_attributes=True)

    id: int
    at: datetime
    user_id: int | None
    action: str
    subject_kind: str
    subject_id: str
    reason: str
    detail: dict[str, Any]


@router.get("")
def list_audit(
    context: GetContext,
    viewer: GetViewer,
    before_id: int | None = None,
    limit: Annotated[int, Query(ge=1, le=1_000)] = 200,
) -> list[AuditOut]:
    """Who did or saw what, newest first."""
    viewer.require(Right.VIEW_AUDIT)
    with context.database.read() as session:
        return [
            AuditOut.model_validate(entry)
            for entry in service.listed(session, limit=limit, before_id=before_id)
        ]
