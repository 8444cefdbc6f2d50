"""`/figures`, its tables and its printed report."""

from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import Response

from server.clock import now
from server.dependencies import GetContext, GetViewer
from server.figures import months
from server.figures.model import Figures, light
from server.figures.routes import model_names, report_file, tables_file
from server.figures.service import figures
from server.figures.tables import SCREEN, SEVERITIES, Table, shortened, tables, written
from server.places import lists
from server.policies.service import current
from server.tasks.policy import TaskPolicy
from server.users.roles import Right
from server.web.rendering import language_of, render

router = APIRouter(include_in_schema=False)
CHOICE = 24
"""Months to choose from."""
CHARTED = 12
"""Bars of a chart by area or by model."""


@router.get("/figures", name="figures:page")
def page(
    request: Request, context: GetContext, viewer: GetViewer, month: str = "", area: str = ""
) -> Response:
    """A month's figures."""
    viewer.require(Right.ASSIGN_TASKS)
    language = language_of(request, viewer)
    with context.database.read() as session:
        found = figures(session, viewer, month or None, area=area or None, now=now())
        kinds = current(session, TaskPolicy)
        areas = lists.areas(session)
    made = tables(found, language, kinds, model_names(context))
    latest = months.month_at(now(), found.month.zone)
    comma = "、" if language == "zh" else ", "
    return render(
        request,
        "figures/page.html",
        viewer,
        here="figures:page",
        figures=found,
        lights=_lights(found),
        tables=[shortened(table, SCREEN) for table in made],
        charts=_charts(found, made),
        written=written,
        kinds=comma.join(getattr(kinds.kind(kind), language) for kind in found.policy.kinds),
        severities=comma.join(SEVERITIES[language].get(one, one) for one in found.policy.severities),
        choice=[latest.plus(-number).text for number in range(CHOICE)],
        areas=areas,
        area=area,
    )


@router.get("/figures/tables.zip", name="figures:tables")
def exported(
    request: Request, context: GetContext, viewer: GetViewer, month: str = "", area: str = ""
) -> Response:
    """The tables as CSV files."""
    return tables_file(context, viewer, month or None, area or None, language_of(request, viewer))


@router.get("/figures/report.pdf", name="figures:report")
def printed(
    request: Request, context: GetContext, viewer: GetViewer, month: str = "", area: str = ""
) -> Response:
    """The printed report."""
    return report_file(context, viewer, month or None, area or None, language_of(request, viewer))


def _lights(found: Figures) -> list[dict[str, Any]]:
    """The three shares that have a target."""
    policy, total = found.policy, found.total
    shown = (
        ("first", total.first_share, policy.first_percent, total.within_first, total.judged_first),
        ("second", total.second_share, policy.second_percent, total.within_second, total.judged_second),
        ("protected", found.coverage.protected_share, policy.protected_percent, None, None),
    )
    seconds = {"first": policy.first_s, "second": policy.second_s}
    return [
        {
            "key": key,
            "seconds": seconds.get(key),
            "value": value,
            "target": f"{target:g}",
            "part": part,
            "whole": whole,
            "light": light(value, target, policy.near_percent),
        }
        for key, value, target, part, whole in shown
    ]


def _charts(found: Figures, made: list[Table]) -> dict[str, Any]:
    """What the page's script draws."""

    def percent(value: float | None) -> float | None:
        return None if value is None else round(value * 100, 2)

    models = next(table for table in made if table.key == "models")
    areas = [(found.names.get(row.key, row.key), row.opened) for row in found.areas[:CHARTED]]
    return {
        "months": [row.key for row in found.trend],
        "first": [percent(row.first_share) for row in found.trend],
        "second": [percent(row.second_share) for row in found.trend],
        "targets": [found.policy.first_percent, found.policy.second_percent],
        "hours": [row.opened for row in found.hours_of_day],
        "areas": areas,
        "models": [(row[0], row[3]) for row in models.rows[:CHARTED] if row[3]],
    }
