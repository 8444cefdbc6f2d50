"""Which alarms are one task, and which stay apart. On both SQL engines."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

from sqlalchemy import func, select

from gateway.rules.model import Severity, TaskKind
from server.alarms import service as alarms
from server.alarms.policy import JoiningPolicy
from server.db.database import Database
from server.db.models import DispatchStep, Occurrence, Task, TaskEvent
from server.places import schemas, service
from server.policies import service as policies
from server.tasks.states import TaskAction
from server.users.roles import Role
from tests.contract.server.conftest import NOW, person, viewer_of
from tests.contract.server.test_alarm_record import act, close, counts, opened_cover, press, record
from tests.contract.server.test_windows import declare


def fall(seq: int, **changed: Any) -> Any:
    """The fall radar of the same home."""
    return press(
        seq,
        **{"position": "home-fall", "device": "d-home-fall", "rule": "fall", "severity": Severity.MAJOR}
        | changed,
    )


def no_water(database: Database, after_s: float) -> None:
    """The server itself says that the resident used no water."""
    at = NOW + timedelta(seconds=after_s)
    facts = {"rule": "no_water", "breach": "rhythm:r1"}
    breach = alarms.Breach(
        source_kind="resident",
        source_id="r1",
        severity=Severity.MINOR,
        task_kind=TaskKind.CARE,
        subject_kind="resident",
        subject_id="r1",
        area_id="area",
        device_at=at,
        gateway_at=at,
        clock_trusted=True,
        **facts,
    )
    occurrence = facts | {
        "gateway_id": "server",
        "epoch": "rhythm:r1",
        "seq": 1,
        "event": "occurred",
        "value": {"ends": True},
        "device_at": at,
        "gateway_at": at,
        "server_at": at,
        "late": False,
    }
    with database.write() as session:
        alarms.raise_alarm(session, breach, occurrence, now=at)


def tasks(database: Database) -> list[Task]:
    """All tasks, the oldest first."""
    with database.read() as session:
        return list(session.scalars(select(Task).order_by(Task.id)))


def neighbour(database: Database, *, address: str) -> None:
    """A second resident with a button of their own."""
    with database.write() as session:
        service.put_resident(
            session, "r2", schemas.ResidentIn(area_id="area", name="李建国", address=address), now=NOW
        )
        service.put_position(
            session,
            "home-fall",
            schemas.PositionIn(area_id="area", name="home-fall", resident_id="r2"),
            now=NOW,
        )


def test_no_water_a_press_and_a_fall_are_one_task_with_three_occurrences(street: Database) -> None:
    no_water(street, 0)
    record(street, fall(1), after_s=200)
    record(street, press(2), after_s=400)
    assert counts(street) == (1, 3, 3)
    task = tasks(street)[0]
    assert (task.occurrences, task.severity, task.rule) == (3, "critical", "sos")


def test_two_who_live_together_are_one_task_within_the_window_and_two_after_it(street: Database) -> None:
    neighbour(street, address="幸福路1号")
    boss = person(street, Role.MANAGER, "boss")
    with street.write() as session:
        policies.put(session, boss, JoiningPolicy(home_minutes=10), now=NOW)
    record(street, press(1))
    record(street, fall(2), after_s=500)
    assert [task.subject_id for task in tasks(street)] == ["r1"]
    record(street, fall(3, breach="later"), after_s=500 + 601)
    assert [task.subject_id for task in tasks(street)] == ["r1", "r2"]


def test_neighbours_stay_apart(street: Database) -> None:
    neighbour(street, address="幸福路2号")
    record(street, press(1))
    record(street, fall(2), after_s=10)
    assert [task.subject_id for task in tasks(street)] == ["r1", "r2"]


def test_nobody_else_is_joined_until_somebody_says_that_addresses_name_the_flat(street: Database) -> None:
    neighbour(street, address="幸福路1号")
    record(street, press(1))
    record(street, fall(2), after_s=10)
    assert [task.subject_id for task in tasks(street)] == ["r1", "r2"]


def test_an_alarm_soon_after_closing_opens_a_task_that_refers_to_the_old_one(street: Database) -> None:
    boss = person(street, Role.MANAGER, "boss")
    record(street, press(1))
    close(street, boss, 1)
    record(street, fall(2), after_s=599)
    close(street, boss, 2)
    record(street, press(3), after_s=601)
    assert [task.parent_id for task in tasks(street)] == [None, 1, None]


def test_an_alarm_after_cancelling_refers_to_nothing(street: Database) -> None:
    """Nobody had looked after anybody: there is nothing to come back to."""
    boss = person(street, Role.MANAGER, "boss")
    record(street, press(1))
    act(street, boss, 1, TaskAction.CANCEL)
    record(street, press(2), after_s=60)
    assert [task.parent_id for task in tasks(street)] == [None, None]


def test_another_press_tells_the_holder_again(street: Database) -> None:
    boss = person(street, Role.MANAGER, "boss")
    record(street, press(1))
    act(street, boss, 1, TaskAction.ACKNOWLEDGE)
    record(street, fall(2), after_s=30)
    with street.read() as session:
        assert session.get_one(Task, 1).state == "acknowledged"
        steps = session.scalars(
            select(DispatchStep.kind).where(DispatchStep.state == "planned", DispatchStep.kind == "again")
        )
        assert list(steps) == ["again"]


def test_care_at_a_place_of_nobody_is_a_task_of_the_place(street: Database) -> None:
    """A button in a station's hall: its presses are one task, and nobody's home."""
    record(street, press(1))
    kiosk = {"position": "kiosk", "device": "d-kiosk"}
    record(street, press(2, **kiosk))
    record(street, press(3, **kiosk), after_s=5)
    found = [(task.subject_kind, task.subject_id, task.occurrences) for task in tasks(street)]
    assert found == [("resident", "r1", 1), ("position", "kiosk", 2)]


def test_care_and_maintenance_of_one_home_stay_apart(street: Database) -> None:
    record(street, press(1))
    record(street, press(2, rule="battery_low", severity=Severity.MINOR, task_kind=TaskKind.MAINTENANCE))
    found = [(task.kind, task.subject_kind, task.subject_id) for task in tasks(street)]
    assert found == [("care", "resident", "r1"), ("maintenance", "position", "home-sos")]
    close(street, person(street, Role.MANAGER, "boss"), 2)
    assert tasks(street)[0].closed_at is None


def test_a_well_and_a_home_at_once_are_two_tasks(street: Database) -> None:
    record(street, press(1))
    record(street, opened_cover(2))
    assert [task.kind for task in tasks(street)] == ["care", "well"]


def test_fifty_rules_of_one_home_at_once_are_one_task(street: Database) -> None:
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda n: record(street, press(n, rule=f"rule-{n}")), range(1, 51)))
    assert counts(street) == (1, 50, 50)
    with street.read() as session:
        task = session.scalars(select(Task)).one()
        assert task.occurrences == 50
        opened = select(func.count()).where(TaskEvent.action == "opened")
        assert session.scalar(opened) == 1
        first = select(func.count()).where(DispatchStep.kind == "call", DispatchStep.state == "planned")
        assert session.scalar(first) == 1
        assert session.scalar(select(func.count(Occurrence.alarm_id.distinct()))) == 50


def test_work_at_ones_home_keeps_nobody_else_at_the_address_quiet(staffed: Database) -> None:
    neighbour(staffed, address="幸福路1号")
    with staffed.write() as session:
        policies.put(session, viewer_of(staffed, "sun"), JoiningPolicy(home_minutes=10), now=NOW)
    declare(staffed, ("position", "home-sos"), minutes=60)
    record(staffed, press(1))
    record(staffed, fall(2), after_s=60)
    assert [(task.subject_id, task.muted) for task in tasks(staffed)] == [("r1", True), ("r2", False)]
