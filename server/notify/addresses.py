"""Where people are reached, as they or a manager entered it in the pages: rows, in the order to be tried."""

import operator
from collections.abc import Sequence
from datetime import datetime
from functools import reduce
from typing import Final

from sqlalchemy import String, cast, func, select
from sqlalchemy.orm import Session

from server.audit import service as audit
from server.db.models import Address, User
from server.errors import ForbiddenError, InvalidError, NotFoundError
from server.users.roles import Right
from server.users.viewer import Viewer

LONGEST: Final = 200


def stamp(session: Session) -> str:
    """Changes when any address does, or whose it is: also with a correction whose clock is behind, and when
    somebody's account is closed, opened again or renamed. Put together by the database: 5 ms for 1,000
    people, where unsealing them takes 40."""
    parts = (User.login, Address.channel, Address.rank, Address.updated_at)
    written = reduce(operator.add, (cast(part, String) + " " for part in parts))
    query = select(func.aggregate_strings(written, "\n")).select_from(Address)
    query = query.join(User, User.id == Address.user_id).where(User.disabled_at.is_(None))
    return session.scalar(query) or ""


def entered(session: Session) -> list[tuple[str, str, str]]:
    """All of them as (login, channel, the person's part), each person's in order."""
    rows = session.execute(
        select(User.login, Address.channel, Address.address)
        .join(User, User.id == Address.user_id)
        .where(User.disabled_at.is_(None))
        .order_by(Address.user_id, Address.rank, Address.id)
    )
    return [(row.login, row.channel, row.address) for row in rows]


def of(session: Session, user_id: int) -> Sequence[Address]:
    """One person's, in order."""
    query = select(Address).where(Address.user_id == user_id).order_by(Address.rank, Address.id)
    return session.scalars(query).all()


def put(
    session: Session,
    viewer: Viewer,
    user_id: int,
    channel: str,
    to: str,
    *,
    known: Sequence[str],
    first: bool = False,
    now: datetime,
) -> None:
    """Enters or corrects an address; an empty one takes it away. `first`: tried before the person's others.

    Raises ForbiddenError for somebody else's without the right, NotFoundError for an unknown person,
    InvalidError for a channel that is not in `known` or an address that cannot be one.
    """
    may_change(viewer, user_id)
    if session.get(User, user_id) is None:
        raise NotFoundError(f"there is no person {user_id}")
    to = to.strip()
    if channel not in known:
        raise InvalidError(f"there is no channel {channel!r}: there are {', '.join(known) or 'none'}")
    if len(to) > LONGEST or not to.isprintable():
        raise InvalidError(f"an address has at most {LONGEST} characters, all of them visible")
    rows = list(of(session, user_id))
    row = next((row for row in rows if row.channel == channel), None)
    if not to:
        if row is not None:
            session.delete(row)
    elif row is None:
        row = Address(user_id=user_id, channel=channel, rank=len(rows), address=to, updated_at=now)
        session.add(row)
        rows.append(row)
    if row is not None and to:
        row.address, row.updated_at, row.updated_by = to, now, viewer.user_id
        if first:
            rows.insert(0, rows.pop(rows.index(row)))
        for rank, each in enumerate(rows):
            each.rank = rank
    audit.write(session, viewer, action="address", subject=("user", str(user_id)), channel=channel, now=now)


def may_change(viewer: Viewer, user_id: int) -> None:
    """Raises ForbiddenError unless these are the viewer's own, or the viewer looks after people."""
    if user_id != viewer.user_id and not (viewer.may(Right.PLAYBOOKS) or viewer.may(Right.MANAGE_USERS)):
        raise ForbiddenError("other people's addresses are a manager's to change")
