"""What a gateway concludes from quiet while the resident is away: kept, and told only when it counts anew."""

from datetime import datetime, timedelta

from sqlalchemy import select

from gateway.rules.model import Severity
from server.alarms import anew, service
from server.alarms.service import Recorded
from server.clock import to_ms
from server.db.database import Database
from server.db.models import Alarm, Occurrence, Task
from server.residents import absences
from server.residents.schemas import AbsenceIn
from tests.contract.server.conftest import NOW, viewer_of
from tests.contract.server.test_alarm_record import press

DAY = timedelta(days=1)
QUIET: dict[str, object] = {
    "rule": "no_motion",
    "severity": Severity.MAJOR,
    "point": "since_motion",
    "value": 1500,
    "ends": True,
}


def away(database: Database, days: float) -> int:
    """The resident is away from the beginning on."""
    wanted = AbsenceIn(kind="family", since=NOW, until=NOW + days * DAY)
    with database.write() as session:
        return absences.put(session, viewer_of(database, "zhou"), "r1", wanted, now=NOW).id


def record(database: Database, seq: int, moment: datetime, **changed: object) -> Recorded:
    """One message of the gateway, on time."""
    times = {"device_ms": to_ms(moment), "gateway_ms": to_ms(moment)}
    with database.write() as session:
        return service.record(session, gateway_id="gw-1", message=press(seq, **times, **changed), now=moment)


def look(database: Database, moment: datetime) -> list[tuple[str, bool]]:
    """One round; then the open alarms, and whether their task is late."""
    with database.write() as session:
        anew.sweep(session, now=moment)
    with database.read() as session:
        rows = session.execute(select(Alarm.rule, Task.late).join(Task).where(Alarm.cleared_at.is_(None)))
        return [(rule, late) for rule, late in rows]


def test_quiet_while_away_tells_nobody_and_a_call_for_help_everybody(staffed: Database) -> None:
    away(staffed, 5)
    assert record(staffed, 1, NOW + DAY, **QUIET) is Recorded.SUSPENDED
    with staffed.read() as session:
        assert session.scalars(select(Task)).all() == []
        assert session.scalars(select(Occurrence.rule)).all() == ["no_motion"]
    for seq, rule in enumerate(("sos", "fall", "smoke", "no_motion"), 2):
        found = record(staffed, seq, NOW + DAY, rule=rule, breach=f"b{rule}")
        assert found is not Recorded.SUSPENDED, rule


def test_what_still_stands_counts_anew_from_the_return(staffed: Database) -> None:
    """Not from the days away: a whole day after the absence's end, and not late."""
    away(staffed, 3)
    record(staffed, 1, NOW + DAY, **QUIET)
    assert look(staffed, NOW + 3.9 * DAY) == []
    assert look(staffed, NOW + 4 * DAY) == [("no_motion", False)]
    assert look(staffed, NOW + 4.1 * DAY) == [("no_motion", False)]


def test_what_begins_soon_after_the_return_is_of_the_days_away_too(staffed: Database) -> None:
    away(staffed, 0.8)
    assert record(staffed, 1, NOW + DAY, **QUIET) is Recorded.SUSPENDED
    assert look(staffed, NOW + 1.8 * DAY) == [("no_motion", False)]
    assert record(staffed, 2, NOW + 2 * DAY, **QUIET) is Recorded.JOINED


def test_whoever_moves_again_is_not_missed(staffed: Database) -> None:
    away(staffed, 3)
    record(staffed, 1, NOW + DAY, **QUIET)
    record(staffed, 2, NOW + 3.5 * DAY, **{**QUIET, "breach": "b1"}, event="cleared")
    assert look(staffed, NOW + 5 * DAY) == []


def test_home_early_counts_from_then_and_longer_away_from_the_new_end(staffed: Database) -> None:
    absence = away(staffed, 5)
    record(staffed, 1, NOW + DAY, **QUIET)
    viewer = viewer_of(staffed, "zhou")
    with staffed.write() as session:
        absences.extend(session, viewer, absence, until=NOW + 9 * DAY, now=NOW + DAY)
    assert look(staffed, NOW + 6 * DAY) == []
    with staffed.write() as session:
        absences.end(session, viewer, absence, now=NOW + 7 * DAY)
    assert look(staffed, NOW + 7.9 * DAY) == []
    assert look(staffed, NOW + 8 * DAY) == [("no_motion", False)]
