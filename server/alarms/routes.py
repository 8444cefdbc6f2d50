"""`/api/v1/alarms`."""

from datetime import datetime
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict
from sqlalchemy import select

from server.alarms import repository
from server.db.models import Alarm, Task
from server.dependencies import GetContext, GetViewer
from server.errors import NotFoundError
from server.users.roles import Right

router = APIRouter(prefix="/alarms", tags=["alarms"])


class OccurrenceOut(BaseModel):
    """One occurrence, with the first three of the four clocks."""

    model_config = ConfigDict(from_attributes=True)

    id: int
    gateway_id: str
    event: str
    breach: str
    device_id: str | None
    value: dict[str, Any]
    device_at: datetime
    gateway_at: datetime
    server_at: datetime
    clock_trusted: bool
    late: bool


class AlarmOut(BaseModel):
    """An alarm."""

    model_config = ConfigDict(from_attributes=True)

    id: int
    source_kind: str
    source_id: str
    rule: str
    severity: str
    area_id: str
    task_id: int
    began_at: datetime
    opened_at: datetime
    last_at: datetime
    occurrences: int
    cleared_at: datetime | None
    cleared_by: str | None


@router.get("")
def list_alarms(
    context: GetContext,
    viewer: GetViewer,
    state: Literal["open", "all"] = "open",
    limit: Annotated[int, Query(ge=1, le=500)] = 100,
) -> list[AlarmOut]:
    """Alarms of the kinds of task that you see, newest first."""
    viewer.require(Right.VIEW_TASKS)
    with context.database.read() as session:
        found = repository.listed(session, only_open=state == "open", kinds=viewer.task_kinds, limit=limit)
        return [AlarmOut.model_validate(alarm) for alarm in found]


@router.get("/{alarm_id}/occurrences")
def list_occurrences(context: GetContext, viewer: GetViewer, alarm_id: int) -> list[OccurrenceOut]:
    """Every press and report under one alarm, newest first."""
    viewer.require(Right.VIEW_TASKS)
    with context.database.read() as session:
        query = select(Alarm).join(Task).where(Alarm.id == alarm_id, Task.kind.in_(viewer.task_kinds))
        if session.scalar(query) is None:
            raise NotFoundError(f"there is no alarm {alarm_id}")
        return [
            OccurrenceOut.model_validate(occurrence)
            for occurrence in repository.occurrences_of(session, [alarm_id], limit=1_000)
        ]
