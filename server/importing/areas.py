"""Rows of areas: where each may stand in the tree that the file makes, and writing them."""

from collections.abc import Mapping

from sqlalchemy import select
from sqlalchemy.orm import Session

from server.db.models import Area
from server.places import tree
from server.places.schemas import AreaIn
from server.users import areas as ladder


def problems(session: Session, rows: Mapping[str, AreaIn]) -> dict[str, tuple[str, str]]:
    """By area: the column and what is wrong with its place, in the tree as it would be."""
    there: dict[str, tuple[str, str | None]] = {
        row.id: (row.kind, row.parent_id)
        for row in session.execute(select(Area.id, Area.kind, Area.parent_id))
    }
    there |= {key: (row.kind, row.parent_id) for key, row in rows.items()}
    wrong = {
        key: ("parent_id", what)
        for key, row in rows.items()
        if (what := tree.misplaced(key, row.kind, row.parent_id, there.get))
    }
    for key, (kind, parent_id) in there.items():
        if parent_id is None or key in rows or parent_id not in rows:
            continue
        if tree.RANKS.index(rows[parent_id].kind) >= tree.RANKS.index(kind):
            wrong[parent_id] = ("kind", f"the {kind} {key} lies in it")
    return wrong


def write(session: Session, rows: Mapping[str, AreaIn]) -> None:
    """Adds or corrects areas: those above before those in them."""
    there = {row.id: row for row in session.scalars(select(Area))} if rows else {}
    new = [key for key in rows if key not in there]
    for key in sorted(new, key=lambda one: _depth(one, rows)):
        row = rows[key]
        session.add(Area(id=key, kind=row.kind, name=row.name, parent_id=row.parent_id))
        session.flush()
    for key in rows.keys() & there.keys():
        area, row = there[key], rows[key]
        area.kind, area.name, area.parent_id = row.kind, row.name, row.parent_id
    session.flush()


def _depth(key: str, rows: Mapping[str, AreaIn]) -> int:
    depth = 0
    above: str | None = key
    while above is not None and above in rows and depth <= ladder.DEEPEST:
        above, depth = rows[above].parent_id, depth + 1
    return depth
