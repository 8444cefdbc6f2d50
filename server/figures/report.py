"""The printed report of a month: A4, two to four pages, Chinese or English.

Chinese is set in STSong-Light, which is not carried in the file: readers and printers bring a font for it.
"""

import io
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from functools import partial
from typing import Any, Final
from xml.sax.saxutils import escape

from reportlab.lib.colors import HexColor, white
from reportlab.lib.pagesizes import A4
from reportlab.lib.styles import ParagraphStyle
from reportlab.lib.units import mm
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.cidfonts import UnicodeCIDFont
from reportlab.platypus import KeepTogether, Paragraph, SimpleDocTemplate, Spacer
from reportlab.platypus import Table as Grid

from server.figures import drawing
from server.figures.model import Figures, Light, light
from server.figures.months import zone_of
from server.figures.tables import SEVERITIES, Table, shortened, written
from server.figures.words import words
from server.tasks.policy import TaskPolicy

CHINESE: Final = "STSong-Light"
_WIDE: Final = A4[0] - 30 * mm
_ROWS: Final = {"areas": 14, "homes": 10, "models": 10, "coverage": 16, "kinds": 16, "hours": 0, "trend": 12}
"""Rows on paper; the exported tables have all."""
_TOTALLED: Final = frozenset({"areas", "hours"})
"""Tables whose last row is the total."""
_LONG: Final = 8
"""Rows of a table that may go on on the next page."""
_SHARES: Final = {"text": 15, "count": 5.6, "share": 7.4, "time": 10.5, "hours": 8}
"""How wide columns are to each other."""
_TONES: Final = {
    Light.REACHED: (HexColor("#1e7a44"), HexColor("#e6f4ea"), "+"),
    Light.NEAR: (HexColor("#8a6400"), HexColor("#fbf4d9"), "~"),
    Light.MISSED: (HexColor("#c4221f"), HexColor("#fdecea"), "!"),
    Light.NONE: (drawing.SOFT, HexColor("#f3f1ec"), "–"),
}
_BASE: Final = ParagraphStyle("base", fontName="Helvetica", fontSize=8.5, leading=12, textColor=drawing.INK)
_SMALL: Final = ParagraphStyle("small", parent=_BASE, fontSize=7.5, leading=10.5, textColor=drawing.SOFT)
_CELL: Final = ParagraphStyle("cell", parent=_BASE, fontSize=7.8, leading=10.5)
_TITLE: Final = ParagraphStyle("title", parent=_BASE, fontSize=19, leading=24, spaceAfter=2)
_HEAD: Final = ParagraphStyle(
    "head", parent=_BASE, fontSize=11.5, leading=15, spaceBefore=9, spaceAfter=4, keepWithNext=1
)
_BIG: Final = ParagraphStyle("big", parent=_BASE, fontSize=21, leading=25)


def pdf(
    figures: Figures, tables: Sequence[Table], language: str, kinds: TaskPolicy, *, now: datetime
) -> bytes:
    """The report as a PDF. The same for the same figures and `now`."""
    pdfmetrics.registerFont(UnicodeCIDFont(CHINESE))
    say = partial(words, language)
    by_key = {table.key: shortened(table) for table in tables}
    by_key["trend"] = _without_empty(by_key["trend"])
    title = f"{say('report')} {figures.month.text}"
    place = figures.names.get(figures.area, figures.area) if figures.area else say("all_areas")
    made = now.astimezone(zone_of(figures.month.zone)).strftime("%Y-%m-%d %H:%M")
    story: list[Any] = [
        _paragraph(title, _TITLE),
        _paragraph(f"{place} · {say('made', time=made, zone=figures.month.zone)}", _SMALL),
        Spacer(1, 4 * mm),
        _lights(figures, language),
        Spacer(1, 3 * mm),
        _paragraph(_what_counts(figures, language, kinds), _SMALL),
        *_block(by_key["total"], language),
        Spacer(1, 3 * mm),
        *_charts(figures, language),
    ]
    for key in ("trend", "areas", "kinds", "late", "models", "homes", "steps", "tests", "coverage"):
        story += _block(by_key[key], language)
    out = io.BytesIO()
    document = SimpleDocTemplate(
        out,
        pagesize=A4,
        leftMargin=15 * mm,
        rightMargin=15 * mm,
        topMargin=14 * mm,
        bottomMargin=16 * mm,
        title=title,
        author="Sunwell",
        invariant=1,
    )
    foot = partial(_foot, title, language)
    document.build(story, onFirstPage=foot, onLaterPages=foot)
    return out.getvalue()


def _lights(figures: Figures, language: str) -> Any:
    policy, total = figures.policy, figures.total
    near = policy.near_percent
    shown = (
        (total.first_share, policy.first_percent, words(language, "first", seconds=policy.first_s)),
        (total.second_share, policy.second_percent, words(language, "second", seconds=policy.second_s)),
        (figures.coverage.protected_share, policy.protected_percent, words(language, "protected")),
    )
    cells, style = [], [("VALIGN", (0, 0), (-1, -1), "TOP"), ("BOX", (0, 0), (-1, -1), 3, white)]
    for number, (value, target, name) in enumerate(shown):
        tone, ground, sign = _TONES[state := light(value, target, near)]
        aim = words(language, "target", target=f"{target:g}")
        said = f"{sign} {words(language, f'light.{state}')} · {aim}"
        big = ParagraphStyle("tone", parent=_BIG, textColor=tone)
        small = ParagraphStyle("said", parent=_BASE, textColor=tone)
        share = "–" if value is None else f"{value * 100:.2f} %"
        cells.append([_paragraph(share, big), _paragraph(name, _BASE), _paragraph(said, small)])
        style += [("BACKGROUND", (number, 0), (number, 0), ground), ("INNERGRID", (0, 0), (-1, -1), 3, white)]
    return Grid([cells], colWidths=[_WIDE / 3] * 3, style=style)


def _charts(figures: Figures, language: str) -> list[Any]:
    def percent(value: float | None) -> float | None:
        return None if value is None else value * 100

    policy = figures.policy
    courses = [
        (
            words(language, "first", seconds=policy.first_s),
            [percent(row.first_share) for row in figures.trend],
            policy.first_percent,
        ),
        (
            words(language, "second", seconds=policy.second_s),
            [percent(row.second_share) for row in figures.trend],
            policy.second_percent,
        ),
    ]
    months = [row.key[2:] for row in figures.trend]
    hours = [(row.key, row.opened) for row in figures.hours_of_day]
    areas = [(figures.names.get(row.key, row.key), row.opened) for row in figures.areas[:12]]
    found = [
        drawing.lines(months, courses, width=_WIDE, height=135, title=words(language, "chart.shares")),
        Spacer(1, 3 * mm),
        drawing.bars(hours, width=_WIDE, height=115, every=2, title=words(language, "chart.hours")),
    ]
    if areas:
        found += [
            Spacer(1, 3 * mm),
            drawing.bars(areas, width=_WIDE, height=115, title=words(language, "chart.areas")),
        ]
    return found


def _block(table: Table, language: str) -> list[Any]:
    """A table with its heading; nothing where the paper has no room for it at all."""
    most = _ROWS.get(table.key, 20)
    if not most:
        return []
    heading = _paragraph(words(language, f"table.{table.key}"), _HEAD)
    if not table.rows:
        return [KeepTogether([heading, _paragraph(words(language, "none"), _SMALL)])]
    shown = table.rows[:most]
    if table.key in _TOTALLED and len(table.rows) > most:
        shown = (*table.rows[: most - 1], table.rows[-1])
    names = [_paragraph(words(language, column.key), _SMALL) for column in table.columns]
    lines = [
        [
            _paragraph(written(value, column.kind, language), _CELL)
            for value, column in zip(row, table.columns, strict=True)
        ]
        for row in shown
    ]
    shares = [_SHARES[column.kind] for column in table.columns]
    grid = Grid(
        [names, *lines],
        colWidths=[_WIDE * one / sum(shares) for one in shares],
        repeatRows=1,
        style=[
            ("LINEBELOW", (0, 0), (-1, -1), 0.5, drawing.RULE),
            ("BACKGROUND", (0, 0), (-1, 0), HexColor("#f3f1ec")),
            ("VALIGN", (0, 0), (-1, -1), "MIDDLE"),
            ("TOPPADDING", (0, 0), (-1, -1), 1.5),
            ("BOTTOMPADDING", (0, 0), (-1, -1), 2.5),
            ("LEFTPADDING", (0, 0), (-1, -1), 3),
            ("RIGHTPADDING", (0, 0), (-1, -1), 3),
        ],
    )
    block: list[Any] = [heading, grid] if len(shown) > _LONG else [KeepTogether([heading, grid])]
    if len(table.rows) > most:
        block.append(_paragraph(words(language, "rest", count=len(table.rows) - most), _SMALL))
    return block


def _without_empty(table: Table) -> Table:
    """Without the months before there was anything."""
    return replace(table, rows=tuple(row for row in table.rows if any(row[1:3])))


def _what_counts(figures: Figures, language: str, kinds: TaskPolicy) -> str:
    policy = figures.policy
    comma = "、" if language == "zh" else ", "
    return " ".join(
        (
            words(
                language,
                "what_counts",
                kinds=comma.join(getattr(kinds.kind(kind), language) for kind in policy.kinds),
                severities=comma.join(SEVERITIES[language].get(one, one) for one in policy.severities),
            ),
            words(language, "what_is_answer"),
        )
    )


def _foot(title: str, language: str, canvas: Any, _document: Any) -> None:
    canvas.saveState()
    canvas.setFillColor(drawing.SOFT)
    for text, anchor, x in (
        (title, canvas.drawString, 15 * mm),
        (words(language, "page", number=canvas.getPageNumber()), canvas.drawRightString, A4[0] - 15 * mm),
    ):
        canvas.setFont(drawing.font_of(text), 7.5)
        anchor(x, 9 * mm, text)
    canvas.restoreState()


def _paragraph(text: str, style: ParagraphStyle) -> Any:
    """A paragraph whose Latin is set in the Latin font, and the rest in the Chinese one."""
    runs: list[tuple[bool, str]] = []
    for letter in text:
        latin = letter.isascii() or letter in "–·…"
        if runs and (runs[-1][0] == latin or letter == " "):
            runs[-1] = (runs[-1][0], runs[-1][1] + letter)
        else:
            runs.append((latin, letter))
    marked = "".join(
        escape(run) if latin else f'<font name="{CHINESE}">{escape(run)}</font>' for latin, run in runs
    )
    return Paragraph(marked, style)
