"""Whom to call about a resident: as rows, and as the lines in which people write them."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Row, select
from sqlalchemy.orm import Session

from server.db.models import Contact

RELATIONS: Final = ("family", "neighbour", "friend", "doctor", "other")
_NEIGHBOUR: Final = ("邻居", "neighbour", "neighbor")
_DOCTOR: Final = ("医生", "doctor")
_NUMBER_AT_END: Final = re.compile(r"[\d +()-]*\d[\d +()-]*$")


@dataclass(frozen=True, slots=True)
class Line:
    """One contact as it is written: "女儿 王芳 13800138000"."""

    name: str
    phone: str
    relation: str


def parse(written: str) -> list[Line]:
    """The contacts in a text, one a line or between semicolons; the number stands at the end."""
    return [_line(piece.strip()) for piece in re.split(r"[;；\n]", written) if piece.strip()]


def write(session: Session, resident_id: str, lines: Iterable[Line]) -> None:
    """Makes these the resident's contacts. Those that stay the same keep their links to people."""
    wanted = list(lines)
    kept: dict[tuple[str, str], Contact] = {(row.name, row.phone): row for row in of(session, resident_id)}
    named = {(line.name, line.phone) for line in wanted}
    for key, row in kept.items():
        if key not in named:
            session.delete(row)
    for rank, line in enumerate(wanted):
        same = kept.get((line.name, line.phone))
        if same is None:
            session.add(
                Contact(
                    resident_id=resident_id,
                    rank=rank,
                    relation=line.relation,
                    name=line.name,
                    phone=line.phone,
                )
            )
        else:
            same.rank = rank


def of(session: Session, resident_id: str) -> Sequence[Contact]:
    """A resident's contacts in the order in which they are called."""
    query = select(Contact).where(Contact.resident_id == resident_id)
    return session.scalars(query.order_by(Contact.rank, Contact.id)).all()


def text(contacts: Iterable[Contact | Row[Any]]) -> str:
    """The contacts as lines."""
    return "\n".join(f"{row.name} {row.phone}".strip() for row in contacts)


def _line(written: str) -> Line:
    found = _NUMBER_AT_END.search(written)
    name = (written[: found.start()] if found else written).strip(" ,，:：")
    phone = found.group().strip() if found else ""
    lowered = name.lower()
    if any(word in lowered for word in _NEIGHBOUR):
        relation = "neighbour"
    elif any(word in lowered for word in _DOCTOR):
        relation = "doctor"
    else:
        relation = "family"
    return Line(name=name or phone, phone=phone, relation=relation)
