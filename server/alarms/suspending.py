"""What a gateway concludes from nobody moving while the resident is known to be away: kept, told to nobody.

A gateway does not know the register of absences. Its rules of quiet (the policy's list) are kept as
occurrences alone while the resident is away, and for as long afterwards as such a rule needs: quiet counts
anew from their return, not from the days away. What still stands then becomes an alarm
(`server.alarms.anew`). A call for help is never suspended.
"""

from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from gateway.rules.model import Severity, TaskKind
from server.policies.service import current
from server.residents import absences
from server.residents.policy import ResidentPolicy


def until(
    session: Session,
    resident_id: str | None,
    *,
    rule: str,
    severity: str,
    task_kind: TaskKind,
    now: datetime,
) -> datetime | None:
    """Until when such an alarm of this resident is not told; None where it is told now."""
    if resident_id is None or task_kind is not TaskKind.CARE or severity == Severity.CRITICAL:
        return None
    policy = current(session, ResidentPolicy)
    if rule not in policy.away_suspends:
        return None
    anew = timedelta(hours=policy.away_anew_hours)
    spans = absences.spans(session, [resident_id], since=now - anew, until=now + timedelta(microseconds=1))
    return max((away.until + anew for away in spans), default=None)
