"""Where the water of a well comes from."""

from collections.abc import Collection, Sequence

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from server.db.models import Well, WellUpstream
from server.errors import InvalidError


def of(session: Session, well_ids: Collection[str] | None = None) -> dict[str, list[str]]:
    """The upstream neighbours of these wells (or of all), by well; sorted."""
    query = select(WellUpstream.well_id, WellUpstream.upstream_id)
    if well_ids is not None:
        query = query.where(WellUpstream.well_id.in_(well_ids))
    found: dict[str, list[str]] = {}
    for well_id, upstream_id in session.execute(query.order_by(WellUpstream.upstream_id)):
        found.setdefault(well_id, []).append(upstream_id)
    return found


def below(session: Session, well_id: str) -> list[str]:
    """The wells that this one's water runs to; sorted."""
    query = select(WellUpstream.well_id).where(WellUpstream.upstream_id == well_id)
    return list(session.scalars(query.order_by(WellUpstream.well_id)))


def put(session: Session, well_id: str, wanted: Sequence[str]) -> None:
    """Makes these the upstream neighbours. Raises InvalidError for one that can't be."""
    ids = sorted(set(wanted))
    if well_id in ids:
        raise InvalidError("upstream: a well is not above itself: take it out", where="upstream")
    known = set(session.scalars(select(Well.id).where(Well.id.in_(ids)))) if ids else set()
    if missing := [one for one in ids if one not in known]:
        raise InvalidError(f"upstream: there is no well {missing[0]!r}: create it first", where="upstream")
    session.execute(delete(WellUpstream).where(WellUpstream.well_id == well_id))
    session.add_all(WellUpstream(well_id=well_id, upstream_id=one) for one in ids)
    session.flush()
