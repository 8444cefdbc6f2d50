"""Whom to call about a resident: as rows, and as the lines in which people write them."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Row, select
from sqlalchemy.orm import Session

from server.db.models import Contact, User
from server.errors import InvalidError
from server.residents.schemas import ContactIn, Relation

_NEIGHBOUR: Final = ("邻居", "neighbour", "neighbor")
_DOCTOR: Final = ("医生", "doctor")
_NUMBER: Final = re.compile(r"(?<!\d)1\d{10}(?!\d)|\+?\d[\d -]{1,18}\d|\d{3,}")
"""A mobile number, or digits with spaces and dashes between them."""


@dataclass(frozen=True, slots=True)
class Line:
    """One contact as it is written: "女儿 王芳 13800138000"."""

    name: str
    phone: str
    relation: Relation


def parse(written: str) -> list[Line]:
    """The contacts in a text, one a line or between semicolons, each with its number."""
    pieces = [piece.strip() for piece in re.split(r"[;；\n]", written) if piece.strip()]
    return [line for piece in pieces for line in _lines(piece)]


def write(session: Session, resident_id: str, lines: Iterable[Line]) -> None:
    """Makes these the resident's contacts. Those that stay the same keep their keys and links to people."""
    before = {(row.name, row.phone): row for row in of(session, resident_id)}
    wanted: list[ContactIn] = []
    for line in lines:
        same = before.get((line.name, line.phone))
        wanted.append(
            ContactIn(name=line.name, phone=line.phone, relation=line.relation)
            if same is None
            else ContactIn.model_validate(same)
        )
    put(session, resident_id, wanted)


def put(session: Session, resident_id: str, wanted: Sequence[ContactIn]) -> None:
    """Makes these the resident's contacts, in this order. Raises InvalidError for a person who is not
    there."""
    linked = {one.user_id for one in wanted} - {None}
    known = set(session.scalars(select(User.id).where(User.id.in_(linked)))) if linked else set()
    for number, one in enumerate(wanted):
        if one.user_id is not None and one.user_id not in known:
            where = f"contacts.{number}.user_id"
            raise InvalidError(f"{where}: there is no user {one.user_id}", where=where)
    before = {(row.name, row.phone): row for row in of(session, resident_id)}
    for rank, one in enumerate(wanted):
        row = before.pop((one.name, one.phone), None) or Contact(resident_id=resident_id)
        for name, value in one.model_dump().items():
            setattr(row, name, value)
        row.rank = rank
        session.add(row)
    for row in before.values():
        session.delete(row)
    session.flush()


def of(session: Session, resident_id: str) -> Sequence[Contact]:
    """A resident's contacts in the order in which they are called."""
    query = select(Contact).where(Contact.resident_id == resident_id)
    return session.scalars(query.order_by(Contact.rank, Contact.id)).all()


def text(contacts: Iterable[Contact | Row[Any]]) -> str:
    """The contacts as lines."""
    return "\n".join(f"{row.name} {row.phone}".strip() for row in contacts)


def _lines(written: str) -> list[Line]:
    """One piece of text: its name, once for each number in it. A number never stays in the name, which is
    kept in clear."""
    numbers = [number.strip() for number in _NUMBER.findall(written)]
    name = " ".join(_NUMBER.sub(" ", written).split()).strip(" ,，:：()（）")
    lowered = name.lower()
    relation: Relation = "family"
    if any(word in lowered for word in _NEIGHBOUR):
        relation = "neighbour"
    elif any(word in lowered for word in _DOCTOR):
        relation = "doctor"
    return [Line(name=name or "–", phone=number, relation=relation) for number in numbers or [""]]
