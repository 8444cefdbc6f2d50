"""Charts of the printed report: bars, and lines against their targets, drawn as shapes."""

from collections.abc import Sequence
from typing import Any, Final

from reportlab.graphics.shapes import Drawing, Group, Line, PolyLine, Rect, String
from reportlab.lib.colors import HexColor
from reportlab.pdfbase.pdfmetrics import stringWidth

INK: Final = HexColor("#1c2426")
SOFT: Final = HexColor("#6b7679")
RULE: Final = HexColor("#e4e0d8")
BRAND: Final = HexColor("#0d5560")
SUN: Final = HexColor("#b4500a")
_LEFT: Final = 34
_BOTTOM: Final = 24
_TOP: Final = 14
_SIZE: Final = 7.5


def font_of(text: str) -> str:
    """A font that has all letters of the text: the PDF's own for Latin, and a Chinese one that readers
    bring along."""
    return "Helvetica" if text.isascii() else "STSong-Light"


def bars(
    values: Sequence[tuple[str, int]], *, width: float, height: float, every: int = 1, title: str = ""
) -> Any:
    """One bar a value; `every` so many are named."""
    drawing = Drawing(width, height)
    top = nice(max((value for _, value in values), default=0))
    _ground(drawing, width, height, 0, top, title)
    room = (width - _LEFT - 4) / max(len(values), 1)
    plot = height - _BOTTOM - _TOP
    for number, (name, value) in enumerate(values):
        left = _LEFT + number * room
        tall = plot * value / top
        drawing.add(Rect(left + room * 0.15, _BOTTOM, room * 0.7, tall, fillColor=BRAND, strokeColor=None))
        if value and room > 16:
            drawing.add(_text(left + room / 2, _BOTTOM + tall + 2, str(value), "middle", INK))
        if number % every == 0:
            drawing.add(_text(left + room / 2, _BOTTOM - 10, _cut(name, room * every), "middle", SOFT))
    return drawing


def lines(
    names: Sequence[str],
    courses: Sequence[tuple[str, Sequence[float | None], float]],
    *,
    width: float,
    height: float,
    title: str = "",
) -> Any:
    """Percentages over time; each course has its name, its values and its target, drawn dashed."""
    drawing = Drawing(width, height)
    known = [value for _, values, _ in courses for value in values if value is not None]
    least = min([*known, *(target for _, _, target in courses)], default=0.0)
    low = max(0.0, (least - 1) // 10 * 10)
    _ground(drawing, width, height, low, 100, title)
    room = (width - _LEFT - 4) / max(len(names), 1)
    plot = height - _BOTTOM - _TOP

    def level(value: float) -> float:
        return _BOTTOM + plot * (value - low) / (100 - low)

    for (name, values, target), colour, place in zip(courses, (BRAND, SUN), (0, 1), strict=False):
        dashed = Line(_LEFT, level(target), width - 4, level(target), strokeColor=colour, strokeWidth=0.8)
        dashed.strokeDashArray = [3, 3]
        drawing.add(dashed)
        run: list[float] = []
        for number, value in enumerate([*values, None]):
            if value is not None:
                x = _LEFT + (number + 0.5) * room
                run += [x, level(value)]
                drawing.add(_mark(x, level(value), colour, square=bool(place)))
            elif run:
                drawing.add(PolyLine(run, strokeColor=colour, strokeWidth=1.4))
                run = []
        left = width - 4 - (2 - place) * 130
        drawing.add(_mark(left, height - 5, colour, square=bool(place)))
        drawing.add(_text(left + 6, height - 8, _cut(name, 122), "start", INK))
    for number, name in enumerate(names):
        drawing.add(_text(_LEFT + (number + 0.5) * room, _BOTTOM - 10, _cut(name, room), "middle", SOFT))
    return drawing


def nice(most: int) -> int:
    """A round number that is at least `most`, and at least 4."""
    step = 1
    while step * 4 < most:
        step = step * 2 if str(step)[0] in "15" else step * 5 // 2
    return step * 4


def _ground(drawing: Any, width: float, height: float, low: float, high: float, title: str) -> None:
    plot = height - _BOTTOM - _TOP
    for step in range(5):
        y = _BOTTOM + plot * step / 4
        drawing.add(Line(_LEFT, y, width - 4, y, strokeColor=RULE, strokeWidth=0.6))
        drawing.add(_text(_LEFT - 4, y - 2.5, f"{low + (high - low) * step / 4:g}", "end", SOFT))
    if title:
        drawing.add(_text(0, height - 8, title, "start", INK))


def _mark(x: float, y: float, colour: Any, *, square: bool) -> Any:
    group = Group(Rect(-2, -2, 4, 4, fillColor=colour, strokeColor=None))
    group.translate(x, y)
    if not square:
        group.rotate(45)
    return group


def _text(x: float, y: float, text: str, anchor: str, colour: Any) -> Any:
    return String(x, y, text, fontName=font_of(text), fontSize=_SIZE, fillColor=colour, textAnchor=anchor)


def _cut(text: str, room: float) -> str:
    """As much of the end as there is room for: the names of grids differ there."""
    if stringWidth(text, font_of(text), _SIZE) <= room:
        return text
    while text and stringWidth("…" + text, "STSong-Light", _SIZE) > room:
        text = text[1:]
    return "…" + text
