"""Going down, coming up, and the site check before a well's task ends. On both SQL engines."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select, update

from gateway.rules.model import Severity
from server.db.database import Database
from server.db.models import Alarm, Delivery, DispatchStep, Task, TaskEvent, User, WellEntry
from server.devices.views import Latest
from server.errors import ConflictError, ForbiddenError, InvalidError
from server.tasks import service as tasks
from server.tasks.service import Act
from server.tasks.states import TaskAction
from server.timeseries.store import LatestValue
from server.users.roles import Role
from server.users.viewer import Viewer
from server.wells import entry, gates
from server.wells.entry import EnterIn, HandHeldIn
from server.wells.policy import WellPolicy
from tests.contract.server.conftest import NOW, person, viewer_of
from tests.contract.server.covers import lay_wells, open_cover, work

A = TaskAction
GOOD = {"oxygen": 20.8, "h2s": 0.0, "co": 1.0, "lel": 0.0}
CHECKS = [check.key for check in WellPolicy().checks]


def at(minutes: float) -> datetime:
    """That long after the cover opened."""
    return NOW + timedelta(minutes=minutes)


class Site:
    """A well's task, worked on by zhao."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.zhao = viewer_of(database, "zhao")
        self.task_id = 0

    def act(self, action: TaskAction, minutes: float = 0, outcome: str | None = None) -> None:
        with self.database.write() as session:
            tasks.act(session, self.zhao, self.task_id, Act(action=action, outcome=outcome), now=at(minutes))

    def tick(self, *keys: str, minutes: float = 0, guard: str = "老周") -> None:
        with self.database.write() as session:
            gates.tick(session, self.zhao, self.task_id, list(keys), guard=guard, now=at(minutes))

    def enter(
        self,
        minutes: float = 0,
        *,
        latest: Latest | None = None,
        viewer: Viewer | None = None,
        guard: str = "老周",
        instrument: str = "四合一 07",
        **values: float,
    ) -> None:
        given = EnterIn(instrument=instrument, values={**GOOD, **values}, crew=2, guard=guard)
        with self.database.write() as session:
            entry.enter(
                session, viewer or self.zhao, self.task_id, given, latest=latest or {}, now=at(minutes)
            )

    def recheck(self, minutes: float, **values: float) -> list[str]:
        given = HandHeldIn(instrument="四合一 07", values={**GOOD, **values})
        with self.database.write() as session:
            faults = entry.recheck(session, self.zhao, self.task_id, given, latest={}, now=at(minutes))
        return [fault.limit.point for fault in faults]

    def leave(self, minutes: float) -> None:
        with self.database.write() as session:
            entry.leave(session, self.zhao, self.task_id, now=at(minutes))

    def watch(self, minutes: float, latest: Latest | None = None) -> int:
        with self.database.write() as session:
            return entry.watch(session, latest or {}, now=at(minutes))

    def open_rules(self) -> list[str]:
        with self.database.read() as session:
            query = select(Alarm.rule).where(Alarm.cleared_at.is_(None), Alarm.source_kind == "well")
            return sorted(session.scalars(query))

    def events(self, action: str) -> list[dict[str, Any]]:
        with self.database.read() as session:
            return list(session.scalars(select(TaskEvent.detail).where(TaskEvent.action == action)))

    def below(self) -> WellEntry | None:
        with self.database.read() as session:
            return gates.entry_of(session, self.task_id)


@pytest.fixture
def site(staffed: Database) -> Site:
    """The cover was opened, zhao is there."""
    lay_wells(staffed)
    site = Site(staffed)
    site.task_id = open_cover(staffed, 1)
    site.act(A.ACKNOWLEDGE)
    site.act(A.ARRIVE)
    return site


def sensor(minutes: float, **values: float) -> Latest:
    """What a sensor at the well said then."""
    return {"w1-cover": [LatestValue(field, at(minutes), value) for field, value in values.items()]}


class TestSiteCheck:
    def test_no_end_before_every_line_is_ticked(self, site: Site) -> None:
        with pytest.raises(ConflictError, match="Somebody guards the place"):
            site.act(A.RESOLVE, outcome="repaired")
        site.tick(*CHECKS[:-1])
        with pytest.raises(ConflictError, match="the road is clear") as refused:
            site.act(A.RESOLVE, outcome="repaired")
        assert refused.value.details["say"] == "wells.gate.site"
        site.tick(*CHECKS)
        site.act(A.RESOLVE, outcome="repaired")
        site.act(A.CLOSE)

    def test_a_cover_that_opens_again_wants_it_again(self, site: Site) -> None:
        site.tick(*CHECKS)
        open_cover(site.database, 2, at=at(1))
        with pytest.raises(ConflictError, match="site check"):
            site.act(A.RESOLVE, 2, outcome="repaired")

    def test_needs_the_guards_name_and_known_lines(self, site: Site) -> None:
        with pytest.raises(InvalidError, match="who guards"):
            site.tick(*CHECKS, guard="  ")
        with pytest.raises(InvalidError, match="no line 'all'"):
            site.tick("all")

    def test_water_ended_from_the_desk_needs_none(self, staffed: Database) -> None:
        lay_wells(staffed)
        site = Site(staffed)
        site.task_id = open_cover(staffed, 1, rule="water_high", point="water_level", value=2100)
        site.act(A.ACKNOWLEDGE)
        site.act(A.RESOLVE, outcome="repaired")

    def test_a_care_task_knows_nothing_of_it(self, staffed: Database) -> None:
        with staffed.read() as session:
            task = Task(id=1, kind="care", subject_kind="resident", subject_id="r1")
            gates.check(session, task, A.RESOLVE, {}, NOW)


class TestGoingDown:
    def test_into_good_air_counted_and_guarded(self, site: Site) -> None:
        site.enter(5)
        below = site.below()
        assert below is not None
        assert (below.crew, below.check_due_at) == (2, at(35))
        (told,) = site.events("well_entered")
        assert (told["crew"], told["instrument"], told["note"]) == (2, "四合一 07", "老周")
        assert told["air"] == GOOD

    @pytest.mark.parametrize(
        ("values", "why"),
        [
            ({"oxygen": 19.4}, "Oxygen 19.4 % .at least 19.5."),
            ({"oxygen": 23.6}, "Oxygen 23.6 % .at most 23.5."),
            ({"h2s": 7.1}, "Hydrogen sulphide 7.1 ppm"),
        ],
    )
    def test_not_into_bad_air(self, site: Site, values: dict[str, Any], why: str) -> None:
        with pytest.raises(ConflictError, match=why):
            site.enter(5, **values)
        assert site.below() is None

    def test_sensors_count_while_they_are_fresh_and_a_bad_one_beats_the_hand(self, site: Site) -> None:
        with pytest.raises(ConflictError, match="Oxygen 18 %"):
            site.enter(5, latest=sensor(1, oxygen=18.0))
        site.enter(20, latest=sensor(1, oxygen=18.0))  # long ago: the crew's instrument says how it is now

    def test_a_fresh_sensor_is_enough(self, site: Site) -> None:
        given = EnterIn(crew=1, guard="老周")
        with site.database.write() as session:
            entry.enter(session, site.zhao, 1, given, latest=sensor(4, **GOOD), now=at(5))
        assert site.below() is not None

    def test_not_without_readings_guard_instrument_arrival_or_task(self, site: Site) -> None:
        bare = EnterIn(crew=1, guard="周")
        with site.database.write() as session:
            with pytest.raises(ConflictError, match="Oxygen: no reading"):
                entry.enter(session, site.zhao, 1, bare, latest={}, now=at(5))
            with pytest.raises(ConflictError, match="too old"):
                entry.enter(session, site.zhao, 1, bare, latest=sensor(4, **GOOD), now=at(14.1))
        with pytest.raises(InvalidError, match="who stays above"):
            site.enter(5, guard=" ")
        with pytest.raises(InvalidError, match="which instrument"):
            site.enter(5, instrument="")
        with pytest.raises(ForbiddenError):
            site.enter(5, viewer=person(site.database, Role.MAINTENANCE, "qian"))
        site.enter(5)
        with pytest.raises(ConflictError, match="already"):
            site.enter(6)

    def test_not_before_arriving(self, staffed: Database) -> None:
        lay_wells(staffed)
        site = Site(staffed)
        site.task_id = open_cover(staffed, 1)
        site.act(A.ACKNOWLEDGE)
        with pytest.raises(ConflictError, match="arrive first"):
            site.enter(1)

    def test_not_under_a_critical_alarm(self, site: Site) -> None:
        open_cover(site.database, 2, rule="gas", severity=Severity.CRITICAL, point="gas_high")
        with pytest.raises(ConflictError, match="arrive first"):  # others are called again
            site.enter(5)
        site.act(A.ARRIVE, 5)
        with pytest.raises(ConflictError, match="critical alarm"):
            site.enter(5)

    def test_nobody_ends_the_task_while_somebody_is_below(self, site: Site) -> None:
        site.enter(5)
        site.tick(*CHECKS, minutes=6)
        with pytest.raises(ConflictError, match="2 people are in the well"):
            site.act(A.RESOLVE, 7, outcome="repaired")
        site.leave(30)
        assert site.events("well_left")[0]["minutes"] == 25
        site.act(A.RESOLVE, 31, outcome="repaired")


class TestWhileBelow:
    def test_an_overdue_check_is_told_again_and_again_to_holder_and_desk(self, site: Site) -> None:
        work(site.database, at(0))
        site.enter(5)
        assert site.watch(35) == 0
        assert site.watch(35.1) == 1
        assert site.open_rules() == ["air_check_overdue"]
        assert site.watch(36) == 0
        work(site.database, at(36))
        assert told(site.database) == {"zhao", "zhou"}
        assert site.watch(37.5) == 1
        assert site.recheck(38) == []
        assert site.open_rules() == []
        assert site.watch(39) == 0
        assert site.watch(68.1) == 1

    def test_a_check_needs_all_readings(self, site: Site) -> None:
        site.enter(5)
        given = HandHeldIn(instrument="x", values={"oxygen": 20.9})
        with site.database.write() as session, pytest.raises(ConflictError, match="no reading"):
            entry.recheck(session, site.zhao, 1, given, latest={}, now=at(20))

    def test_bad_air_by_hand_calls_them_out_at_once(self, site: Site) -> None:
        work(site.database, at(0))
        site.enter(5)
        assert site.recheck(20, oxygen=17.0) == ["oxygen"]
        assert site.open_rules() == ["leave_the_well"]
        work(site.database, at(20))
        assert told(site.database) == {"zhao", "zhou"}
        with site.database.read() as session:
            assert session.get_one(Task, 1).severity == Severity.CRITICAL
        site.leave(21)
        assert site.open_rules() == []

    def test_bad_air_by_a_sensor(self, site: Site) -> None:
        site.enter(5)
        assert site.watch(6, sensor(4.9, oxygen=18.0)) == 0  # from before they went
        assert site.watch(6, sensor(5.5, oxygen=19.6)) == 0
        assert site.watch(6, sensor(5.9, oxygen=18.0)) == 1
        assert site.watch(6.1, sensor(6.1, oxygen=17.0)) == 0  # the same two minutes
        assert site.watch(7, sensor(7, oxygen=17.0)) == 1
        assert site.open_rules() == ["leave_the_well"]

    def test_an_alarm_at_the_well_calls_them_out(self, site: Site) -> None:
        site.enter(5)
        open_cover(site.database, 2, at=at(5.5))
        assert site.watch(6) == 0
        open_cover(site.database, 3, at=at(6), rule="water_rising", point="water_level")
        assert site.watch(6) == 1
        site.leave(7)
        assert site.watch(8) == 0

    def test_nobody_below_is_nothing_to_watch(self, site: Site) -> None:
        with site.database.read() as session:
            assert not entry.anybody_below(session)
        with pytest.raises(ConflictError, match="nobody is in the well"):
            site.leave(5)


def told(database: Database) -> set[str]:
    """Who was told again or informed, by login."""
    with database.read() as session:
        return set(
            session.scalars(
                select(User.login)
                .join(Delivery, Delivery.user_id == User.id)
                .join(DispatchStep, DispatchStep.id == Delivery.step_id)
                .where(DispatchStep.kind.in_(("again", "inform")))
            )
        )


def test_where_there_is_no_dispatcher_all_who_work_there_hear_of_a_crew_in_danger(site: Site) -> None:
    with site.database.write() as session:
        session.execute(update(User).where(User.login == "zhou").values(disabled_at=NOW))
    person(site.database, Role.MAINTENANCE, "qian")
    site.enter()
    site.watch(61)
    work(site.database, at(61))
    assert told(site.database) >= {"zhao", "qian"}
