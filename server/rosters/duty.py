"""Who is on duty at a moment, by the roster."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Select, and_, or_, select
from sqlalchemy.orm import Session

from server.db.models import Shift, User


def on_duty(
    session: Session, role: str, area_path: Sequence[str], station_ids: Sequence[str], at: datetime
) -> list[User]:
    """The people whose shift for `role` is running at `at`, for one of the areas of `area_path` or one of
    the stations; a shift without either counts everywhere. Disabled people are never on duty."""
    query = select(User).where(
        User.id.in_(users(role, area_path, station_ids, at)), User.disabled_at.is_(None)
    )
    return list(session.scalars(query.order_by(User.id)))


def users(role: str, area_path: Sequence[str], station_ids: Sequence[str], at: datetime) -> Select[int]:
    """The same as a query for the people's numbers, to be put into another one."""
    return select(Shift.user_id).where(
        Shift.role == role,
        Shift.starts_at <= at,
        Shift.ends_at > at,
        Shift.cancelled_at.is_(None),
        or_(
            Shift.area_id.in_(area_path),
            Shift.station_id.in_(station_ids),
            and_(Shift.area_id.is_(None), Shift.station_id.is_(None)),
        ),
    )
