"""The coverage page and a month's unprotected hours, as pages and API show them."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy.orm import Session

from firmware_profiles import Catalogue
from server.coverage import having, hours, views
from server.coverage.policy import CoveragePolicy
from server.coverage.remarks import Remark, remarks
from server.db.models import Area
from server.errors import NotFoundError
from server.figures import months
from server.figures.model import Light, light
from server.figures.months import Month
from server.figures.policy import FiguresPolicy
from server.policies.service import current
from server.users import areas
from server.users.viewer import Viewer

MOST: Final = 200
"""Residents of a month's list, those with the most hours first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CoveragePage:
    """Who is unprotected now; `more` where the list goes on. `remarks`: whose daily life is watched by fewer
    sensors than there are, or by none."""

    counts: views.Counts
    lines: tuple[views.Line, ...]
    more: bool
    remarks: tuple[Remark, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class MonthPage:
    """A month. `names` has name and area of those `shown`."""

    month: Month
    sums: hours.Hours
    shown: tuple[hours.Share, ...]
    names: dict[str, tuple[str, str]]
    retests: tuple[views.RetestView, ...]
    light: Light
    target: float


def page(
    session: Session,
    viewer: Viewer,
    *,
    catalogue: Catalogue,
    area: str | None = None,
    offset: int = 0,
    limit: int = views.PAGE,
    now: datetime,
) -> CoveragePage:
    """Who is unprotected now, in an area or everywhere. Raises NotFoundError."""
    area_ids = scope(session, area)
    found = views.lines(session, viewer, now=now, area_ids=area_ids, offset=offset, limit=limit + 1)
    helps = having.helps(session, [line.resident_id for line in found], catalogue=catalogue)
    return CoveragePage(
        counts=views.counts(session, now=now, area_ids=area_ids),
        lines=tuple(replace(line, helps=helps.get(line.resident_id, ())) for line in found[:limit]),
        more=len(found) > limit,
        remarks=tuple(remarks(session, viewer, catalogue=catalogue, area_ids=area_ids)),
    )


def month(
    session: Session, viewer: Viewer, text: str | None, *, area: str | None = None, now: datetime
) -> MonthPage:
    """The hours of a month (the present one without `text`). Raises NotFoundError, InvalidError."""
    area_ids = scope(session, area)
    policy = current(session, FiguresPolicy)
    chosen = months.parse(text, policy.zone) if text else months.month_at(now, policy.zone)
    found = hours.hours(
        session, start=chosen.start, end=chosen.end, now=now, area_ids=area_ids, limit=MOST + 1
    )
    shown = found.shares[:MOST]
    ahead = timedelta(days=current(session, CoveragePolicy).retest_ahead_days)
    return MonthPage(
        month=chosen,
        sums=found,
        shown=shown,
        names=views.names_of(session, viewer, [share.resident_id for share in shown]),
        retests=tuple(views.retests(session, viewer, ahead=ahead, now=now, area_ids=area_ids)),
        light=light(found.protected_share, policy.protected_percent, policy.near_percent),
        target=policy.protected_percent / 100,
    )


def scope(session: Session, area: str | None) -> frozenset[str] | None:
    """The areas of a question; None where it is about all. Raises NotFoundError."""
    if not area:
        return None
    if session.get(Area, area) is None:
        raise NotFoundError(f"there is no area {area[:60]!r}")
    return areas.subtree(session, area)
