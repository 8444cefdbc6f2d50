"""A test is seen from end to end; what it holds back is lost on no way out of it."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import func, select, update

from firmware_profiles import Catalogue
from gateway.rules.model import Severity, TaskKind
from gateway.wire import AlarmMessage
from server.alarms import service as alarms
from server.alarms.service import Recorded
from server.clock import to_ms
from server.commissioning import repository, service, views, witness
from server.commissioning.schemas import test_out as told
from server.commissioning.states import Protection
from server.coverage import views as coverage
from server.db.database import Database
from server.db.models import (
    Alarm,
    Area,
    Attachment,
    AuditEntry,
    CommissioningTest,
    Consent,
    Gateway,
    Occurrence,
    Task,
)
from server.errors import ConflictError, ForbiddenError, InvalidError
from server.users import reach
from server.users.roles import Role
from server.users.viewer import Viewer
from tests.contract.server.conftest import NOW, person

MANAGER = Viewer(user_id=1, name="陈", role=Role.MANAGER)
START = NOW + timedelta(hours=1)


def after(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


def message(seq: int, at: datetime, **other: Any) -> AlarmMessage:
    given: dict[str, Any] = {
        "epoch": "lane",
        "seq": seq,
        "event": "occurred",
        "breach": f"breach-{seq}",
        "position": "home-sos",
        "device": "d-home-sos",
        "rule": "sos",
        "severity": Severity.CRITICAL,
        "task_kind": TaskKind.CARE,
        "point": "action",
        "value": "emergency",
        "device_ms": to_ms(at),
        "gateway_ms": to_ms(at),
        "ends": False,
    }
    return AlarmMessage(**{**given, **other})


@pytest.fixture
def installer(street: Database) -> Viewer:
    return person(street, Role.INSTALLER, "installer")


class Bench:
    """A home in which a test runs."""

    def __init__(self, database: Database, viewer: Viewer, catalogue: Catalogue) -> None:
        self.database, self.viewer, self.catalogue = database, viewer, catalogue
        self.seq = 0

    def start(self, at: float = 0, position: str = "home-sos", **newest: Any) -> int:
        with self.database.write() as session:
            return service.start(
                session, self.viewer, position, catalogue=self.catalogue, newest=newest, now=after(at)
            ).id

    def press(self, at: float, *, arrives: float | None = None, **other: Any) -> Recorded:
        self.seq += 1
        asked = message(self.seq, after(at), **other)
        with self.database.write() as session:
            return alarms.record(
                session, gateway_id="gw-1", message=asked, now=after(at + 1 if arrives is None else arrives)
            )

    def sign(self, test: int, at: float, consent: Any = "given") -> None:
        with self.database.write() as session:
            service.sign_off(
                session,
                self.viewer,
                test,
                consent=consent,
                retest_days={},
                catalogue=self.catalogue,
                now=after(at),
            )

    def end(self, test: int, at: float, *, mine: bool) -> None:
        with self.database.write() as session:
            service.end(session, self.viewer, test, mine=mine, now=after(at))

    def sweep(self, at: float) -> int:
        with self.database.write() as session:
            return service.sweep(session, now=after(at))

    def state(self, at: float = 0, position: str = "home-sos") -> Protection:
        with self.database.read() as session:
            return repository.standings(session, now=after(at))[position].state

    def count(self, model: Any) -> int:
        with self.database.read() as session:
            return session.scalar(select(func.count()).select_from(model)) or 0


@pytest.fixture
def bench(street: Database, installer: Viewer, catalogue: Catalogue) -> Bench:
    return Bench(street, installer, catalogue)


def test_a_press_is_seen_signed_and_protects_until_it_is_due(bench: Bench) -> None:
    assert bench.state() is Protection.UNTESTED
    test = bench.start()
    assert bench.press(8) is Recorded.TEST
    assert bench.count(Task) == bench.count(Alarm) == 0
    bench.sign(test, 30)
    assert bench.state(31) is Protection.PROTECTING
    assert bench.state(31 + 30 * 86_400) is Protection.RETEST_DUE
    with bench.database.read() as session:
        seen = views.trial(session, test, catalogue=bench.catalogue, now=after(31))
        assert [entry.action for entry in session.query(AuditEntry)][-2:] == ["test_start", "test_signed"]
    assert (seen.seconds, seen.since_start, seen.state) == (1.0, 9.0, "signed_off")
    assert len(seen.held) == 1
    assert bench.sweep(31 + 3_600) == 0
    assert bench.press(40) is Recorded.OPENED  # signed: the next one is real


def test_the_next_signed_test_takes_the_place_of_the_one_before(bench: Bench) -> None:
    """Cancelled ones count for nothing, and other sensors' go on counting."""
    day = 86_400
    for at in (0, 20 * day, 40 * day):
        test = bench.start(at)
        assert bench.press(at + 8) is Recorded.TEST
        if at == 20 * day:
            bench.end(test, at + 30, mine=True)
        else:
            bench.sign(test, at + 30)
    with bench.database.read() as session:
        tests = session.scalars(select(CommissioningTest).order_by(CommissioningTest.id)).all()
        assert [one.superseded for one in tests] == [True, False, False]
        retests = coverage.retests(session, MANAGER, ahead=timedelta(days=31), now=after(41 * day))
        assert [one.due_at for one in retests] == [after(70 * day + 30)]
    assert bench.state(69 * day) is Protection.PROTECTING
    assert bench.state(71 * day) is Protection.RETEST_DUE


def test_the_residents_consent_at_the_sign_off_is_the_consent_to_care(bench: Bench) -> None:
    """Once, however many devices are installed in the home; and where nobody lives there is none."""
    for at, position in ((0, "home-sos"), (100, "home-sos")):
        test = bench.start(at, position)
        bench.press(at + 8)
        bench.sign(test, at + 30)
    with bench.database.read() as session:
        (row,) = session.scalars(select(Consent))
    assert (row.resident_id, row.kind, row.given_by) == ("r1", "care", bench.viewer.user_id)
    assert (row.given_at, row.note) == (after(30), service.CONSENT_NOTE)


def test_a_test_that_says_little_is_shown_and_holds_nothing_back(bench: Bench) -> None:
    """A row of before, of a device that is not there for whoever looks: no error, and no alarm lost."""
    test = bench.start()
    with bench.database.write() as session:
        session.get_one(CommissioningTest, test).trial = {}
    bench.press(30)
    assert bench.count(Alarm) == 1
    with bench.database.write() as session:
        row = session.get_one(CommissioningTest, test)
        witness.read(session, row, values={"battery": 80.0}, at=after(40), now=after(41))
    apart = reach.within(
        bench.database, Viewer(user_id=0, name="", role=Role.INSTALLER, area_ids=frozenset({"area"}))
    )
    with bench.database.write() as session:
        service.found(session, test).measured = {"battery": 80.0, "unheard_of": 1}
        session.execute(update(Attachment).values(until=after(45)))
        session.add(Area(id="elsewhere", kind="grid", name="x"))
        session.flush()
        session.execute(update(Gateway).values(area_id="elsewhere"))
    with apart.read() as session:
        shown = views.trial(session, test, catalogue=bench.catalogue, now=after(50))
    assert (shown.state, shown.asked, shown.profile) == ("seen", {}, None)
    assert told(shown).task == {}


def test_the_same_test_is_given_back_and_only_one_runs(bench: Bench) -> None:
    assert bench.start() == bench.start(5)
    assert bench.count(CommissioningTest) == 1


def test_a_double_message_stays_one(bench: Bench) -> None:
    bench.start()
    asked = message(1, after(3))
    for expected in (Recorded.TEST, Recorded.DUPLICATE):
        with bench.database.write() as session:
            assert alarms.record(session, gateway_id="gw-1", message=asked, now=after(4)) is expected
    assert bench.count(Occurrence) == 1


def test_without_a_signature_in_time_it_becomes_an_alarm(bench: Bench) -> None:
    test = bench.start()
    bench.press(8)
    assert bench.sweep(60) == 0
    with pytest.raises(ConflictError, match="over"):
        bench.sign(test, 400)
    assert bench.sweep(400) == 1
    assert bench.sweep(401) == 0
    with bench.database.read() as session:
        task = session.query(Task).one()
        kept = session.query(Occurrence).one()
    assert (task.kind, task.severity, task.subject_id, task.late) == ("care", "critical", "r1", True)
    assert task.device_at == after(8)
    assert kept.alarm_id is not None
    assert bench.state(401) is Protection.UNTESTED


def test_somebody_says_that_it_was_a_real_call(bench: Bench) -> None:
    test = bench.start()
    bench.press(8)
    bench.press(20)
    bench.end(test, 25, mine=False)
    with bench.database.read() as session:
        assert session.query(Alarm).one().occurrences == 2
    assert bench.press(30) is Recorded.JOINED


def test_somebody_says_that_the_presses_were_theirs(bench: Bench) -> None:
    test = bench.start()
    bench.press(8)
    bench.end(test, 25, mine=True)
    assert bench.sweep(4_000) == 0
    assert bench.count(Task) == 0
    assert bench.state(30) is Protection.UNTESTED


@pytest.mark.parametrize(
    "other",
    [
        {"device": "d-home-fall"},
        {"position": "home-fall", "device": "d-home-fall"},
        {"point": "help", "rule": "other"},
        {"value": "single"},
        {"device_ms": to_ms(after(-600))},
        {"gateway_ms": to_ms(after(-600)), "device_ms": to_ms(after(-600))},
        {"clock_trusted": False},
    ],
)
def test_whatever_else_happens_meanwhile_is_an_alarm(bench: Bench, other: dict[str, Any]) -> None:
    """Another device of the home, another rule, another value, an older press, a clock nobody can trust."""
    bench.start()
    assert bench.press(8, **other) is Recorded.OPENED


def test_a_press_after_the_time_is_an_alarm(bench: Bench) -> None:
    bench.start()
    assert bench.press(130) is Recorded.OPENED


def test_a_condition_that_stands_after_the_signature_becomes_an_alarm(bench: Bench) -> None:
    """The cover was opened for the test, and left open."""
    with bench.database.read() as session:
        trial = views.positions(session, catalogue=bench.catalogue, now=START)
        assert {view.id for view in trial} >= {"well"}
    test = bench.start(position="well")
    with bench.database.read() as session:
        asked = session.get_one(CommissioningTest, test).trial
    cover = {
        "position": "well",
        "device": "d-well",
        "rule": "cover_open",
        "point": asked["point"],
        "value": asked["values"][0],
        "task_kind": TaskKind.WELL,
        "ends": True,
    }
    assert bench.press(8, **cover) is Recorded.TEST
    bench.sign(test, 30, consent="not_needed")
    assert bench.sweep(400) == 0
    assert bench.sweep(30 + 601) == 1
    with bench.database.read() as session:
        assert session.query(Task).one().kind == "well"


def test_a_condition_that_ended_stays_the_tests(bench: Bench) -> None:
    test = bench.start(position="well")
    with bench.database.read() as session:
        asked = session.get_one(CommissioningTest, test).trial
    cover = {
        "position": "well",
        "device": "d-well",
        "rule": "cover_open",
        "point": asked["point"],
        "value": asked["values"][0],
        "breach": "cover",
        "ends": True,
    }
    bench.press(8, **cover)
    assert bench.press(12, **{**cover, "event": "cleared"}) is Recorded.CLEARED
    bench.sign(test, 30, consent="not_needed")
    assert bench.sweep(30 + 601) == 0
    assert bench.count(Task) == 0


def test_nothing_is_signed_that_was_not_seen_or_consented(bench: Bench) -> None:
    test = bench.start()
    with pytest.raises(ConflictError, match="arrived"):
        bench.sign(test, 5)
    bench.press(8)
    for consent in (None, "not_needed"):
        with pytest.raises(InvalidError, match="consent"):
            bench.sign(test, 10, consent=consent)


def test_no_test_beside_an_open_alarm_and_by_no_others(bench: Bench, street: Database) -> None:
    bench.press(-100)
    with pytest.raises(ConflictError, match="open"):
        bench.start()
    bench.viewer = person(street, Role.CARER, "carer")
    with pytest.raises(ForbiddenError):
        bench.start(position="home-fall")
