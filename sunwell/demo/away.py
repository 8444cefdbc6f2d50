"""The demo's resident who is away: with family for some days, as the register of absences shows it."""

from datetime import timedelta
from typing import Final

from sqlalchemy import select

from server.clock import now
from server.context import Context
from server.db.models import Absence, Resident

RESIDENT: Final = "r07"
DAYS: Final = 4


def settle(context: Context) -> None:
    """Notes the absence, where nothing was ever noted about this resident."""
    moment = now()
    with context.database.write() as session:
        known = session.scalar(select(Absence.id).where(Absence.resident_id == RESIDENT).limit(1))
        if known is not None or session.get(Resident, RESIDENT) is None:
            return
        session.add(
            Absence(
                resident_id=RESIDENT,
                kind="family",
                since=moment - timedelta(days=1),
                until=moment + timedelta(days=DAYS),
                note="在女儿家",
                created_at=moment,
            )
        )
