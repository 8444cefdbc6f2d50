"""Short lists to choose from in forms: (id, name)."""

from sqlalchemy import select
from sqlalchemy.orm import Session

from server.db.models import Area, Gateway, Resident, Well
from server.tasks.views import MASK


def areas(session: Session) -> list[tuple[str, str]]:
    """All areas by name."""
    return [(row.id, row.name) for row in session.execute(select(Area.id, Area.name).order_by(Area.name))]


def gateways(session: Session) -> list[tuple[str, str]]:
    """All gateways by name."""
    return [
        (row.id, row.name) for row in session.execute(select(Gateway.id, Gateway.name).order_by(Gateway.name))
    ]


def residents(session: Session, *, masked: bool) -> list[tuple[str, str]]:
    """All residents by id; their names as an initial only where `masked`."""
    rows = session.execute(select(Resident.id, Resident.name).order_by(Resident.id))
    return [(row.id, row.name[:1] + MASK if masked else row.name) for row in rows]


def wells(session: Session) -> list[tuple[str, str]]:
    """All wells by id."""
    return [(row.id, row.name) for row in session.execute(select(Well.id, Well.name).order_by(Well.id))]
