"""A gateway or a line that is down is one task, whatever its children say; they unfold again."""

from collections.abc import Sequence
from datetime import timedelta

import pytest
from sqlalchemy import select

from firmware_profiles import Catalogue
from gateway.rules.model import Severity, TaskKind
from gateway.wire import DriverHealth
from server.alarms.service import Recorded
from server.db.database import Database
from server.db.models import Alarm, Gateway, Task, TaskEvent
from server.devices import dependents
from server.devices.schemas import DeviceIn
from server.devices.service import register
from server.gateways import service as gateways
from server.places import schemas, service
from server.tasks import service as tasks
from server.tasks.states import TaskAction
from server.users.roles import Role
from server.users.viewer import Viewer
from tests.contract.server.conftest import NOW, viewer_of
from tests.contract.server.test_alarm_record import press, record
from tests.contract.server.test_gateway_faults import AWAY, GRACE, after, report

CHILDREN = 20


@pytest.fixture
def row_of_homes(staffed: Database, catalogue: Catalogue) -> Database:
    """Twenty homes with a button each on gw-1; every fifth resident is at high risk."""
    with staffed.write() as session:
        for number in range(CHILDREN):
            risk = "high" if number % 5 == 0 else "normal"
            resident = schemas.ResidentIn(
                area_id="area", name=f"老{number}", address=f"路{number}号", risk=risk
            )
            service.put_resident(session, f"h{number}", resident, now=NOW)
            place = schemas.PositionIn(area_id="area", name=f"p{number}", resident_id=f"h{number}")
            service.put_position(session, f"p{number}", place, now=NOW)
            register(
                session,
                f"b{number}",
                DeviceIn(
                    gateway_id="gw-1",
                    position_id=f"p{number}",
                    profile="tuya-ts0215a-sos",
                    address={"topic": f"zigbee2mqtt/b{number}"},
                ),
                catalogue=catalogue,
                now=NOW,
            )
    return staffed


def silent(database: Database, number: int, seconds: float, *, event: str = "occurred") -> Recorded:
    """The gateway says that a button is not heard, or is heard again."""
    message = press(
        1_000 + number * 2 + (event == "cleared"),
        position=f"p{number}",
        device=f"b{number}",
        rule="silent",
        severity=Severity.MAJOR,
        task_kind=TaskKind.MAINTENANCE,
        point=None,
        value=None,
        ends=True,
        event=event,
        breach=f"silent-{number}",
    )
    return record(database, message, after_s=seconds)


def down(database: Database, seconds: float) -> None:
    """The gateway's last will arrives."""
    with database.write() as session:
        gateway = session.get_one(Gateway, "gw-1")
        gateway.online, gateway.changed_at = False, after(seconds)


def sweep(database: Database, seconds: float) -> None:
    """The server looks at its gateways."""
    gateways.sweep(database, grace=GRACE, started=after(-3_600), now=after(seconds))


def open_tasks(database: Database) -> Sequence[tuple[str, str]]:
    """What there is to do."""
    with database.read() as session:
        query = select(Task).where(Task.closed_at.is_(None)).order_by(Task.id)
        return [(task.subject_kind, task.subject_id) for task in session.scalars(query)]


def test_a_gateway_that_is_down_with_twenty_children_is_one_task_that_lists_who_is_unprotected(
    row_of_homes: Database,
) -> None:
    report(row_of_homes)
    down(row_of_homes, 10)
    sweep(row_of_homes, 100)
    for number in range(CHILDREN):
        silent(row_of_homes, number, 110 + number)
    assert open_tasks(row_of_homes) == [("gateway", "gw-1")]
    with row_of_homes.read() as session:
        found = dependents.of_gateway(session, Viewer(1, "x", Role.DISPATCHER), "gw-1")
        assert found.count == CHILDREN + 1
        assert [one.id for one in found.listed[:4]] == ["h0", "h10", "h15", "h5"]
        assert session.scalars(select(Task)).one().occurrences == CHILDREN + 1


def test_children_that_fell_silent_just_before_belong_to_it_and_those_of_long_ago_do_not(
    row_of_homes: Database,
) -> None:
    report(row_of_homes)
    silent(row_of_homes, 0, 0)
    for number in (1, 2, 3):
        silent(row_of_homes, number, 2_000)
    with row_of_homes.write() as session:
        taken = session.scalars(select(Task).where(Task.subject_id == "p3")).one().id
        crew = viewer_of(row_of_homes, "zhao")
        tasks.act(session, crew, taken, tasks.Act(action=TaskAction.ACKNOWLEDGE), now=after(2_010))
    down(row_of_homes, 2_060)
    sweep(row_of_homes, 2_200)
    assert open_tasks(row_of_homes) == [("position", "p0"), ("position", "p3"), ("gateway", "gw-1")]
    with row_of_homes.read() as session:
        gone = session.scalars(select(Task).where(Task.subject_id == "p1")).one()
        assert gone.state == "cancelled"
        last = session.scalars(
            select(TaskEvent).where(TaskEvent.task_id == gone.id).order_by(TaskEvent.id.desc())
        ).first()
        assert last is not None
        assert (last.action, last.detail) == ("withdrawn", {"reason": "folded"})
    sweep(row_of_homes, 2_210)
    assert len(open_tasks(row_of_homes)) == 3


def test_a_child_that_stays_silent_after_the_fault_gets_its_own_task_and_the_others_none(
    row_of_homes: Database,
) -> None:
    report(row_of_homes)
    down(row_of_homes, 10)
    sweep(row_of_homes, 100)
    for number in (0, 1):
        silent(row_of_homes, number, 110)
    report(row_of_homes, 200)
    silent(row_of_homes, 0, 230, event="cleared")
    sweep(row_of_homes, 231)
    report(row_of_homes, 1_960)
    sweep(row_of_homes, 231 + 29 * 60)
    assert open_tasks(row_of_homes) == [("gateway", "gw-1")]
    report(row_of_homes, 2_000)
    sweep(row_of_homes, 2_040)
    sweep(row_of_homes, 2_045)
    assert open_tasks(row_of_homes) == [("gateway", "gw-1"), ("position", "p1")]
    with row_of_homes.read() as session:
        own = session.scalars(select(Task).where(Task.subject_id == "p1")).one()
        assert own.parent_id == 1
        alarm = session.scalars(select(Alarm).where(Alarm.source_id == "p1")).one()
        assert (alarm.task_id, alarm.cleared_at) == (own.id, None)


@pytest.mark.parametrize(("driver", "folds"), [("mqtt", True), ("modbus", False)])
def test_a_line_that_is_down_folds_only_what_it_reads(
    row_of_homes: Database, driver: str, folds: bool
) -> None:
    health = DriverHealth(name=driver, running=False, restarts=1, readings=0, errors=1, away=AWAY.away)
    report(row_of_homes, drivers=[health])
    silent(row_of_homes, 4, 30)
    expected = [("gateway", "gw-1")] + ([] if folds else [("position", "p4")])
    assert open_tasks(row_of_homes) == expected


def test_a_press_is_never_folded(row_of_homes: Database) -> None:
    report(row_of_homes)
    down(row_of_homes, 10)
    sweep(row_of_homes, 100)
    record(row_of_homes, press(1, position="p2", device="b2"), after_s=timedelta(seconds=120).total_seconds())
    assert open_tasks(row_of_homes) == [("gateway", "gw-1"), ("resident", "h2")]
