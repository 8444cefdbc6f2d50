"""`/api/v1/figures`."""

from dataclasses import asdict
from datetime import timedelta
from typing import Any, Literal

from fastapi import APIRouter, Response
from sqlalchemy.orm import Session

from server.audit import service as audit
from server.clock import now
from server.context import Context
from server.dependencies import GetContext, GetViewer
from server.figures import export, report
from server.figures.model import Figures, Row
from server.figures.service import figures
from server.figures.tables import Table, tables
from server.policies.service import current
from server.tasks.policy import TaskPolicy
from server.users.viewer import Viewer

router = APIRouter(prefix="/figures", tags=["figures"])
Language = Literal["zh", "en"]


@router.get("/{month}")
def month_figures(
    context: GetContext, viewer: GetViewer, month: str, area: str | None = None
) -> dict[str, Any]:
    """A month ("2026-03"): counts, shares (0 to 1) and times (seconds), in all and by group."""
    with context.database.read() as session:
        found = figures(session, viewer, month, area=area, now=now())
    return as_document(found)


@router.get("/{month}/tables.zip")
def month_tables(
    context: GetContext, viewer: GetViewer, month: str, area: str | None = None, language: Language = "zh"
) -> Response:
    """The tables of a month as CSV files in a ZIP."""
    return tables_file(context, viewer, month, area, language)


@router.get("/{month}/report.pdf")
def month_report(
    context: GetContext, viewer: GetViewer, month: str, area: str | None = None, language: Language = "zh"
) -> Response:
    """The printed report of a month."""
    return report_file(context, viewer, month, area, language)


def tables_file(
    context: Context, viewer: Viewer, month: str | None, area: str | None, language: str
) -> Response:
    """The ZIP as an answer; that it was taken is written in the audit log."""
    with context.database.read() as session:
        found, made, _ = of_month(context, session, viewer, month, area, language)
    _note(context, viewer, found, "figures_exported")
    body = export.zipped(made, found.month.text, language)
    return _file(body, "application/zip", f"sunwell-{found.month.text}.zip")


def report_file(
    context: Context, viewer: Viewer, month: str | None, area: str | None, language: str
) -> Response:
    """The PDF as an answer; that it was taken is written in the audit log."""
    with context.database.read() as session:
        found, made, kinds = of_month(context, session, viewer, month, area, language)
    _note(context, viewer, found, "figures_printed")
    body = report.pdf(found, made, language, kinds, now=now())
    return _file(body, "application/pdf", f"sunwell-{found.month.text}.pdf")


def of_month(
    context: Context, session: Session, viewer: Viewer, month: str | None, area: str | None, language: str
) -> tuple[Figures, list[Table], TaskPolicy]:
    """The figures, their tables in words, and the kinds of task. What leaves the system names no resident."""
    found = figures(session, viewer, month, area=area, masked=True, now=now())
    kinds = current(session, TaskPolicy)
    return found, tables(found, language, kinds, model_names(context)), kinds


def model_names(context: Context) -> dict[str, str]:
    """Vendor and model by profile."""
    return {profile.id: f"{profile.vendor} {profile.model}" for profile in context.catalogue.values()}


def as_document(found: Figures) -> dict[str, Any]:
    """The figures as JSON: spans in seconds."""
    total = found.coverage
    return {
        "month": found.month.text,
        "zone": found.month.zone,
        "total": _row(found.total),
        "late": _row(found.late),
        **{
            name: [_row(row) for row in getattr(found, name)]
            for name in ("areas", "kinds", "hours_of_day", "trend")
        },
        "models": [asdict(one) for one in found.models],
        "homes": [asdict(one) for one in found.homes],
        "steps": [asdict(one) for one in found.steps],
        "tests": asdict(found.tests),
        "coverage": {
            "residents": total.residents,
            "looked_after_s": total.looked_after.total_seconds(),
            "unprotected_s": total.unprotected.total_seconds(),
            "unprotected_away_s": total.unprotected_away.total_seconds(),
            "protected_share": total.protected_share,
        },
        "targets": found.policy.model_dump(mode="json"),
    }


def _row(row: Row) -> dict[str, Any]:
    return {
        **_in_seconds(asdict(row)),
        "first_share": row.first_share,
        "second_share": row.second_share,
    }


def _in_seconds(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _in_seconds(one) for key, one in value.items()}
    return value.total_seconds() if isinstance(value, timedelta) else value


def _note(context: Context, viewer: Viewer, found: Figures, action: str) -> None:
    with context.database.write() as session:
        audit.write(session, viewer, action=action, subject=("month", found.month.text), now=now())


def _file(body: bytes, kind: str, name: str) -> Response:
    headers = {"Content-Disposition": f'attachment; filename="{name}"', "Cache-Control": "no-store"}
    return Response(body, media_type=kind, headers=headers)
