"""`/api/v1/coverage`."""

from datetime import timedelta
from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict

from server.clock import now
from server.coverage import service
from server.coverage.remarks import Remark
from server.coverage.views import PAGE, Counts, Line, RetestView
from server.dependencies import GetContext, GetViewer
from server.users.roles import Right

router = APIRouter(prefix="/coverage", tags=["coverage"])


class CoverageOut(BaseModel):
    """Who is unprotected now."""

    model_config = ConfigDict(from_attributes=True)

    counts: Counts
    protected: int
    lines: list[Line]
    remarks: list[Remark]


class ShareOut(BaseModel):
    """One resident's hours."""

    resident_id: str
    name: str
    area: str
    looked_after_hours: float
    unprotected_hours: float
    unprotected_away_hours: float


class MonthOut(BaseModel):
    """A month's hours. `protected_share` is of the time at home, 0 to 1."""

    month: str
    residents: int
    looked_after_hours: float
    unprotected_hours: float
    unprotected_away_hours: float
    protected_share: float | None
    shares: list[ShareOut]
    retests: list[RetestView]


@router.get("")
def who_is_unprotected(
    context: GetContext,
    viewer: GetViewer,
    area: str | None = None,
    offset: Annotated[int, Query(ge=0)] = 0,
    limit: Annotated[int, Query(ge=1, le=500)] = PAGE,
) -> CoverageOut:
    """Who is unprotected now, by risk, then by since when."""
    viewer.require(Right.VIEW_TASKS)
    with context.database.read() as session:
        page = service.page(
            session, viewer, catalogue=context.catalogue, area=area, offset=offset, limit=limit, now=now()
        )
    return CoverageOut(
        counts=page.counts,
        protected=page.counts.protected,
        lines=list(page.lines),
        remarks=list(page.remarks),
    )


@router.get("/months/{month}")
def month(context: GetContext, viewer: GetViewer, month: str, area: str | None = None) -> MonthOut:
    """The unprotected hours of a month ("2026-03"), most first, and the re-tests that fall due."""
    viewer.require(Right.VIEW_TASKS)
    with context.database.read() as session:
        view = service.month(session, viewer, month, area=area, now=now())
    return MonthOut(
        month=view.month.text,
        residents=view.sums.residents,
        looked_after_hours=in_hours(view.sums.looked_after),
        unprotected_hours=in_hours(view.sums.unprotected),
        unprotected_away_hours=in_hours(view.sums.unprotected_away),
        protected_share=view.sums.protected_share,
        shares=[
            ShareOut(
                resident_id=share.resident_id,
                name=view.names[share.resident_id][0],
                area=view.names[share.resident_id][1],
                looked_after_hours=in_hours(share.looked_after),
                unprotected_hours=in_hours(share.unprotected),
                unprotected_away_hours=in_hours(share.unprotected_away),
            )
            for share in view.shown
        ],
        retests=list(view.retests),
    )


def in_hours(span: timedelta) -> float:
    """Hours, to the second."""
    return round(span.total_seconds() / 3600, 4)
