"""Who is unprotected, in the record: opened, ended, added up, shown. On both SQL engines."""

from datetime import datetime, timedelta

import pytest
from sqlalchemy import select, update

from firmware_profiles import Catalogue
from server.alarms import service as alarms
from server.alarms.texts import GATEWAY_OFFLINE
from server.clock import to_ms
from server.commissioning.states import Protection
from server.commissioning.views import positions
from server.context import Context
from server.coverage import having, hours, service, spans, views
from server.coverage.core import Cause
from server.coverage.spans import BEAT, JUDGED_TO
from server.coverage.standing import standing, unprotected
from server.coverage.watch import Watch
from server.db.database import Change, Database
from server.db.models import (
    Absence,
    Area,
    CommissioningTest,
    Device,
    Gateway,
    Heartbeat,
    Position,
    Resident,
    Task,
    UnprotectedSpan,
    Window,
)
from server.devices.helping import Help
from server.devices.service import retire
from server.gateways import faults
from server.gateways import views as gateways
from server.places import service as places
from server.places.schemas import ResidentIn
from server.timeseries.store import LatestValue, Point
from server.users.roles import Role
from server.users.viewer import Viewer
from server.welfare import calls
from tests.contract.server.conftest import NOW

MANAGER = Viewer(user_id=1, name="陈", role=Role.MANAGER)
CREW = Viewer(user_id=2, name="赵", role=Role.MAINTENANCE)
HOUR = timedelta(hours=1)


@pytest.mark.parametrize("far", [10**18, -(10**18)])
def test_an_impossible_backlog_of_one_gateway_does_not_end_coverage(
    street: Database, catalogue: Catalogue, far: int
) -> None:
    """A server of before took it."""
    with street.write() as session:
        session.get_one(Gateway, "gw-1").health = {"at_ms": 1, "uptime_s": 1.0, "data_oldest_ms": far}
    with street.read() as session:
        spans.judge(session, catalogue=catalogue, values={}, now=NOW)
        assert {view.id for view in gateways.listed(session)} == {"gw-1", "gw-2"}


def at(hours_later: float) -> datetime:
    return NOW + timedelta(hours=hours_later)


def sign(database: Database, *positions: str, due: datetime | None = None) -> None:
    """Signed tests of what hangs there."""
    with database.write() as session:
        for position in positions:
            session.add(
                CommissioningTest(
                    position_id=position,
                    device_id=f"d-{position}",
                    started_at=NOW,
                    expires_at=NOW,
                    ended_at=NOW,
                    ended="signed_off",
                    due_at=due or NOW + timedelta(days=30),
                    settled=True,
                )
            )


def said(moment: datetime, battery: float = 80.0) -> dict[str, list[LatestValue]]:
    """Both sensors of the home spoke then."""
    return {position: [LatestValue("battery", moment, battery)] for position in ("home-sos", "home-fall")}


def look(
    database: Database,
    catalogue: Catalogue,
    moment: datetime,
    values: dict[str, list[LatestValue]] | None,
    *,
    opens_silence: bool = True,
    ids: list[str] | None = None,
) -> None:
    """One round."""
    with database.read() as session:
        change = spans.judge(
            session,
            catalogue=catalogue,
            values=values,
            opens_silence=opens_silence,
            now=moment,
            resident_ids=ids,
        )
    spans.keep(database, change, now=moment)


def causes(database: Database, moment: datetime) -> list[tuple[str, datetime]]:
    """Why r1 is unprotected, and since when."""
    with database.read() as session:
        found = standing(session, resident_ids=["r1"], now=moment)["r1"]
        return [(gap.cause, gap.since) for gap in found.gaps]


def test_untested_sensors_do_not_protect_until_somebody_signs(street: Database, catalogue: Catalogue) -> None:
    look(street, catalogue, at(1), said(at(1)))
    look(street, catalogue, at(1), said(at(1)))
    assert causes(street, at(1)) == [(Cause.UNTESTED, NOW), (Cause.UNTESTED, NOW)]
    sign(street, "home-sos", "home-fall")
    look(street, catalogue, at(2), None, ids=["r1"])
    assert causes(street, at(2)) == []
    with street.read() as session:
        rows = session.scalars(select(UnprotectedSpan)).all()
        assert [(row.since, row.until) for row in rows] == [(NOW, at(2)), (NOW, at(2))]


def test_silence_begins_at_the_last_word_and_ends_when_it_speaks_again(
    street: Database, catalogue: Catalogue
) -> None:
    sign(street, "home-sos", "home-fall")
    values = said(at(1))
    look(street, catalogue, at(1), values)
    assert causes(street, at(1)) == []
    late = at(24 * 20)
    look(street, catalogue, late, {**values, "home-fall": [LatestValue("battery", late, 80.0)]})
    assert causes(street, late) == [(Cause.SILENT, at(1))]
    look(street, catalogue, late, None)  # the store does not answer: what was silent stays so
    assert causes(street, late) == [(Cause.SILENT, at(1))]
    look(street, catalogue, late + HOUR, said(late + HOUR))
    assert causes(street, late + HOUR) == []


def test_a_restart_makes_nobody_silent_and_forgets_nobody(street: Database, catalogue: Catalogue) -> None:
    sign(street, "home-sos", "home-fall", due=at(24 * 90))
    late = at(24 * 20)
    heard = {"home-sos": [LatestValue("battery", at(1), 80.0)], "home-fall": said(late)["home-fall"]}
    look(street, catalogue, late, heard, opens_silence=False)
    assert causes(street, late) == []
    look(street, catalogue, late, heard)
    assert causes(street, late) == [(Cause.SILENT, at(1))]
    look(street, catalogue, late + HOUR, heard, opens_silence=False)
    assert causes(street, late + HOUR) == [(Cause.SILENT, at(1))]


def test_a_gateway_that_is_away_is_one_cause_and_calls_for_welfare_calls(
    street: Database, catalogue: Catalogue
) -> None:
    sign(street, "home-sos", "home-fall")
    with street.write() as session:
        faults.raise_fault(
            session, session.get_one(Gateway, "gw-1"), rule=GATEWAY_OFFLINE, since=at(1), now=at(1.1)
        )
    look(street, catalogue, at(1.1), None, ids=["r1"])
    assert causes(street, at(2)) == [(Cause.GATEWAY, at(1))]
    with street.read() as session:
        assert unprotected(session, now=at(2)) == {"r1": at(1)}
        assert unprotected(session, now=at(2), causes=["battery"]) == {}
        (line,) = views.lines(session, MANAGER, now=at(2))
        task = session.scalars(select(Task)).one()
        assert (line.name, line.area, line.since, line.gaps[0].thing) == ("王秀英", "第一网格", at(1), "gw-1")
        assert line.gaps[0].task == views.TaskRef(id=task.id, state="new", assignee="", visible=True)
        assert [one.name for one in views.lines(session, CREW, now=at(2))] == ["王**"]
        session.rollback()
    with street.write() as session:
        session.add(Absence(resident_id="r1", kind="family", since=NOW, until=at(9), created_at=NOW))
    with street.read() as session:
        assert unprotected(session, now=at(2)) == {}
        assert unprotected(session, now=at(2), at_home=False) == {"r1": at(1)}
        counted = views.counts(session, now=at(2))
        assert (counted.residents, counted.unprotected, counted.away, counted.protected) == (1, 0, 1, 0)
        assert views.lines(session, MANAGER, now=at(2))[0].away_until == at(9)
    with street.write() as session:
        alarms.end_alarm(
            session, source_kind="gateway", source_id="gw-1", rule=GATEWAY_OFFLINE, by="server", now=at(3)
        )
    look(street, catalogue, at(3), None, ids=["r1"])
    assert causes(street, at(3)) == []


def test_a_low_battery_and_a_sensor_taken_away(street: Database, catalogue: Catalogue) -> None:
    sign(street, "home-sos", "home-fall")
    look(street, catalogue, at(1), {**said(at(1)), "home-sos": [LatestValue("battery", at(1), 3.0)]})
    assert causes(street, at(1)) == [(Cause.BATTERY, at(1))]
    with street.write() as session:
        retire(session, "d-home-fall", catalogue=catalogue, now=at(2))
    look(street, catalogue, at(2), said(at(2)))
    assert causes(street, at(2)) == [(Cause.REMOVED, at(2))]


def test_somebody_without_any_sensor_is_unprotected_from_the_first_day(
    street: Database, catalogue: Catalogue
) -> None:
    sign(street, "home-sos", "home-fall")
    with street.write() as session:
        session.add(Area(id="far", kind="grid", name="第二网格"))
        session.flush()
        session.add(Resident(id="r2", area_id="far", name="李大爷", address="", risk="high"))
        session.add(Resident(id="r3", area_id="area", name="赵奶奶", address=""))
        session.flush()
        session.add(Position(id="r3-bed", area_id="area", name="床头", resident_id="r3", created_at=at(-50)))
    look(street, catalogue, at(1), said(at(1)))
    with street.read() as session:
        found = views.lines(session, MANAGER, now=at(2))
        assert [(one.resident_id, one.risk, one.gaps[0].cause, one.since) for one in found] == [
            ("r2", "high", Cause.NONE, at(1)),  # nothing dates them: known since the round that saw them
            ("r3", "normal", Cause.NONE, at(-50)),
        ]
        counted = views.counts(session, now=at(2))
        assert (counted.unprotected, counted.high_risk, counted.by_cause) == (2, 1, {"none": 2})
        far = service.page(session, MANAGER, catalogue=catalogue, area="far", now=at(2))
        assert [(one.resident_id, one.helps) for one in far.lines] == [("r2", ())]
    with street.write() as session:
        session.get_one(Resident, "r2").left_at = at(3)
    look(street, catalogue, at(3), said(at(3)))
    with street.read() as session:
        assert [one.resident_id for one in views.lines(session, MANAGER, now=at(3))] == ["r3"]


def test_somebody_who_never_had_a_sensor_is_unprotected_since_they_were_written_down(
    street: Database, catalogue: Catalogue
) -> None:
    """However late the first round; and nobody is so from before the last round that found them protected."""
    with street.write() as session:
        places.put_resident(
            session, "r2", ResidentIn(area_id="area", name="李大爷", address="x"), now=at(-70)
        )
    sign(street, "home-sos", "home-fall")
    look(street, catalogue, at(1), said(at(1)))
    with street.write() as session:
        places.put_resident(session, "r2", ResidentIn(area_id="area", name="李大爷", address="y"), now=at(2))
        session.add(Heartbeat(name=BEAT, at=at(3), detail={JUDGED_TO: at(2.5).isoformat()}))
        session.execute(update(Position).where(Position.resident_id == "r1").values(resident_id="r2"))
    look(street, catalogue, at(3), said(at(3)))
    with street.read() as session:
        rows = session.scalars(select(UnprotectedSpan).order_by(UnprotectedSpan.id)).all()
        assert [(row.resident_id, row.cause, row.since, row.until) for row in rows] == [
            ("r2", Cause.NONE, at(-70), at(3)),
            ("r1", Cause.NONE, at(2.5), None),
        ]
        sums = hours.hours(session, start=at(-100), end=at(10), now=at(10))
        assert (sums.residents, sums.looked_after) == (2, (80 + 7.5) * HOUR)
        assert sums.unprotected == (73 + 7.5) * HOUR


def test_a_presence_sensor_alone_protects_nobody_however_well_it_works(
    street: Database, catalogue: Catalogue
) -> None:
    """It is of the family of fall radars, signed and heard, and calls no help."""
    sign(street, "home-sos", "home-fall")
    with street.write() as session:
        session.get_one(Device, "d-home-sos").profile = "elsys-ers"
        session.get_one(Device, "d-home-fall").profile = "sonoff-snzb-06p"
    look(street, catalogue, at(1), said(at(1)))
    assert causes(street, at(1)) == [(Cause.NONE, NOW)]
    with street.read() as session:
        (line,) = service.page(session, MANAGER, catalogue=catalogue, now=at(1)).lines
        assert line.helps == ()
        seen = {one.id: one.standing.state for one in positions(session, catalogue=catalogue, now=at(1))}
        assert seen["home-sos"] is Protection.TESTED
    with street.write() as session:
        session.get_one(Device, "d-home-fall").profile = "milesight-vs373"
    look(street, catalogue, at(2), said(at(2)))
    assert causes(street, at(2)) == []
    with street.read() as session:
        assert having.helps(session, ["r1"], catalogue=catalogue) == {"r1": (Help.FALL,)}


def test_work_at_a_home_is_a_gap_with_its_end_and_calls_for_a_welfare_call(
    street: Database, catalogue: Catalogue
) -> None:
    """The work is on the resident; the call about it is not kept quiet by the work itself."""
    sign(street, "home-sos", "home-fall")
    with street.write() as session:
        session.get_one(Resident, "r1").risk = "high"
        wanted = {"kind": "work", "scope_kind": "resident", "scope_id": "r1", "reason": "粉刷"}
        session.add(Window(**wanted, since=at(1), until=at(5), created_at=at(1)))
    look(street, catalogue, at(2), said(at(2)))
    assert causes(street, at(2)) == [(Cause.WORK, at(1))]
    with street.read() as session:
        (line,) = views.lines(session, MANAGER, now=at(2))
        assert (line.gaps[0].thing, line.gaps[0].until) == ("粉刷", at(5))
    calls.sweep(street, now=at(2))
    with street.read() as session:
        task = session.scalars(select(Task)).one()
        assert (task.rule, task.muted) == ("welfare_call", False)
    look(street, catalogue, at(5), said(at(5)))
    assert causes(street, at(5)) == []


def test_hours_count_overlapping_gaps_once_and_absences_apart(street: Database) -> None:
    times = [
        (1, 3, "silent"),
        (2, 5, "gateway"),
        (2.5, 3, "battery"),
        (8, None, "untested"),
        (-9, -8, "retest"),
    ]
    with street.write() as session:
        for since, until, cause in times:
            session.add(
                UnprotectedSpan(
                    resident_id="r1",
                    cause=cause,
                    thing_kind="position",
                    thing_id="home-sos",
                    since=at(since),
                    until=None if until is None else at(until),
                )
            )
        session.add(Absence(resident_id="r1", kind="travel", since=at(4), until=at(9), created_at=NOW))
    with street.read() as session:
        sums = hours.hours(session, start=at(0), end=at(100), now=at(10))
        assert (sums.unprotected, sums.looked_after, sums.away, sums.unprotected_away) == (
            6 * HOUR,  # 1 to 5, and 8 to now
            10 * HOUR,
            5 * HOUR,
            2 * HOUR,
        )
        assert sums.protected_share == pytest.approx(1 - 4 / 5)
        cut = hours.hours(session, start=at(2), end=at(9), now=at(10))
        assert cut.unprotected == 4 * HOUR
        nobody = hours.hours(session, start=at(0), end=at(9), now=at(10), area_ids=["elsewhere"])
        assert (nobody.residents, nobody.protected_share) == (0, None)
        calm = hours.hours(session, start=at(6), end=at(7), now=at(10), limit=5)  # sums alone
        assert (calm.residents, calm.looked_after, calm.unprotected, calm.shares) == (1, HOUR, 0 * HOUR, ())


def test_a_month_lists_the_hours_and_the_retests(street: Database, catalogue: Catalogue) -> None:
    sign(street, "home-sos", due=at(24 * 3))
    look(street, catalogue, at(1), said(at(1)))
    with street.read() as session:
        view = service.month(session, CREW, "2026-03", now=at(5))
        assert view.sums.unprotected == 5 * HOUR  # the fall sensor is untested
        assert view.names["r1"] == ("王**", "第一网格")
        assert [(one.position_id, one.late) for one in view.retests] == [("home-sos", False)]


async def test_the_watch_follows_what_happens_and_makes_its_rounds_alone(
    street: Database, context: Context
) -> None:
    watch, other = Watch(context), Watch(context)
    sign(street, "home-sos", "home-fall")
    points = [
        Point(
            family=family,
            area="area",
            position=position,
            device=f"d-{position}",
            gateway="gw-1",
            time_ms=to_ms(at(1)),
            fields={"battery": 80.0},
        )
        for family, position in (("button", "home-sos"), ("fall", "home-fall"))
    ]
    await context.store.write(points)
    assert await watch.round(at(1))
    assert not await other.round(at(1) + timedelta(seconds=5)), "one process at a time"
    assert await other.round(at(1) + timedelta(seconds=30))
    assert causes(street, at(1)) == []
    with street.write() as session:
        faults.raise_fault(
            session, session.get_one(Gateway, "gw-1"), rule=GATEWAY_OFFLINE, since=at(2), now=at(2.1)
        )
    with street.read() as session:
        assert spans.judged_to(session) is None, "told with the next round"
    assert await other.round(at(2))
    with street.read() as session:
        assert spans.judged_to(session) == at(1) + timedelta(seconds=30)
    task = Change("task", "1", "opened")
    await Watch(context).look([task, Change("gateway", "gw-1")], at(2.1))
    assert causes(street, at(2.1)) == [(Cause.GATEWAY, at(2))]
