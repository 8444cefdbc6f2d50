"""QR labels to stick on: an id, its code, the model. No name and no address: everybody reads them.

Ids and models are Latin letters and digits, so the PDF's own Helvetica does: no font is carried along.
"""

import io
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

import segno
from reportlab.lib.pagesizes import A4
from reportlab.lib.units import mm
from reportlab.pdfgen.canvas import Canvas
from sqlalchemy import select
from sqlalchemy.orm import Session

from firmware_profiles import Catalogue
from server.commissioning.codes import CodeKind, label
from server.db.models import Attachment, Device, Position
from server.errors import InvalidError

COLUMNS: Final = 3
ROWS: Final = 8
"""A4 sheets of 24 labels, 70 x 37 mm: sold everywhere."""
_WIDE: Final = 70 * mm
_HIGH: Final = 37 * mm
_TOP: Final = (A4[1] - ROWS * _HIGH) / 2
_QR: Final = 27 * mm
_PAD: Final = 4 * mm
MOST: Final = 5_000


@dataclass(frozen=True, slots=True)
class Label:
    """One label: what its code says, and up to three lines."""

    code: str
    lines: tuple[str, ...]


def chosen(
    session: Session,
    catalogue: Catalogue,
    *,
    kind: Literal["position", "device"],
    ids: Sequence[str] | None,
) -> list[Label]:
    """The labels of positions or devices in service, by id. Raises InvalidError for too many."""
    query = (
        select(Position.id, Device.id, Device.profile, Device.serial)
        .outerjoin(Attachment, (Attachment.position_id == Position.id) & Attachment.until.is_(None))
        .outerjoin(Device, Device.id == Attachment.device_id)
        .order_by(Position.id)
    )
    key = Position.id if kind == "position" else Device.id
    query = query.where(key.is_not(None))
    if ids:
        query = query.where(key.in_(ids))
    rows = session.execute(query.limit(MOST + 1)).all()
    if len(rows) > MOST:
        raise InvalidError(f"more than {MOST} labels: choose by id")
    made = []
    for position_id, device_id, profile_id, serial in rows:
        profile = catalogue.get(profile_id) if profile_id else None
        model = f"{profile.vendor} {profile.model}" if profile else profile_id or ""
        if kind == "position":
            made.append(Label(label(CodeKind.POSITION, position_id), (position_id, model)))
        else:
            made.append(Label(label(CodeKind.DEVICE, device_id), (device_id, model, serial)))
    return made


def pdf(labels: Iterable[Label]) -> bytes:
    """The sheets. Deterministic for the same labels."""
    out = io.BytesIO()
    canvas: Any = Canvas(out, pagesize=A4, invariant=1)
    canvas.setTitle("Sunwell")
    number = -1
    for number, one in enumerate(labels):
        place = number % (COLUMNS * ROWS)
        if number and place == 0:
            canvas.showPage()
        row, column = divmod(place, COLUMNS)
        _draw(canvas, one, column * _WIDE, A4[1] - _TOP - (row + 1) * _HIGH)
    if number < 0:
        canvas.setFont("Helvetica", 12)
        canvas.drawString(20 * mm, A4[1] - 30 * mm, "No labels: register positions first.")
    canvas.save()
    return out.getvalue()


def _draw(canvas: Any, one: Label, left: float, bottom: float) -> None:
    matrix = tuple(segno.make(one.code, error="m", micro=False).matrix)
    module = _QR / len(matrix)
    top = bottom + (_HIGH + _QR) / 2
    path = canvas.beginPath()
    for y, line in enumerate(matrix):
        for x, dark in enumerate(line):
            if dark:
                path.rect(left + _PAD + x * module, top - (y + 1) * module, module, module)
    canvas.drawPath(path, stroke=0, fill=1)
    words = left + _PAD + _QR + 3 * mm
    room = _WIDE - _PAD - _QR - 6 * mm
    canvas.setFont("Helvetica-Bold", 9)
    canvas.drawString(words, top - 8, "Sunwell")
    level = top - 8 - 13
    for index, text in enumerate(one.lines):
        font = "Helvetica-Bold" if index == 0 else "Helvetica"
        for part in _wrapped(canvas, _latin(text), font, 8, room)[:3]:
            canvas.setFont(font, 8)
            canvas.drawString(words, level, part)
            level -= 10


def _wrapped(canvas: Any, text: str, font: str, size: float, room: float) -> list[str]:
    lines: list[str] = []
    line = ""
    for letter in text:
        if canvas.stringWidth(line + letter, font, size) > room:
            lines.append(line)
            line = ""
        line += letter
    return [*lines, line] if line else lines


def _latin(text: str) -> str:
    return "".join(letter if " " <= letter <= "~" else "?" for letter in text)
