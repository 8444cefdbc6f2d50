"""The tree of areas, up and down: grid, community, subdistrict."""

from typing import Final

from sqlalchemy import bindparam, literal, select
from sqlalchemy.orm import Session

from server.db.models import Area

DEEPEST: Final = 8
"""Twice the levels that there are: a tree that was written as a ring ends here."""

_start = select(Area.id, Area.parent_id, literal(0).label("depth")).where(Area.id == bindparam("id"))
_tree = _start.cte("way_up", recursive=True)
_tree = _tree.union_all(
    select(Area.id, Area.parent_id, _tree.c.depth + 1).where(
        Area.id == _tree.c.parent_id, _tree.c.depth < DEEPEST
    )
)
_WAY_UP: Final = select(_tree.c.id).order_by(_tree.c.depth)

_below = _start.cte("below", recursive=True)
_below = _below.union_all(
    select(Area.id, Area.parent_id, _below.c.depth + 1).where(
        Area.parent_id == _below.c.id, _below.c.depth < DEEPEST
    )
)
_SUBTREE: Final = select(_below.c.id)


def path(session: Session, area_id: str) -> tuple[str, ...]:
    """The area itself, then the one around it, and so on up; empty for an area that is not there."""
    return tuple(session.connection().scalars(_WAY_UP, {"id": area_id}))


def subtree(session: Session, area_id: str) -> frozenset[str]:
    """The area and all areas in it; empty for an area that is not there."""
    return frozenset(session.connection().scalars(_SUBTREE, {"id": area_id}))
