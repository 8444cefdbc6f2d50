"""What gateways say is wrong becomes one maintenance fault each, and lists whom it leaves unprotected."""

from datetime import datetime, timedelta

import pytest
from sqlalchemy import select

from gateway.wire import DriverAway, DriverHealth, Health, StateMessage, Trouble
from server.clock import to_ms
from server.db.database import Database
from server.db.models import Alarm, Gateway, Occurrence, Task
from server.devices import dependents
from server.gateways import service
from server.gateways.faults import TWIN_FOR, Sessions
from server.users.roles import Role
from server.users.viewer import Viewer
from tests.contract.server.conftest import NOW

GRACE = timedelta(seconds=60)
FULL = Trouble(source="lane", reason="disk", detail="alarm lane: disk full", count=3, last_ms=to_ms(NOW))
AWAY = DriverHealth(
    name="mqtt",
    running=False,
    restarts=4,
    readings=9,
    errors=4,
    away=DriverAway(since_ms=to_ms(NOW) - 30_000, devices=12),
)


def after(seconds: float) -> datetime:
    return NOW + timedelta(seconds=seconds)


def report(
    database: Database,
    seconds: float = 0,
    *,
    session: str = "s1",
    sessions: Sessions | None = None,
    troubles: list[Trouble] | None = None,
    drivers: list[DriverHealth] | None = None,
) -> None:
    """The gateway's health arrives."""
    health = Health(
        at_ms=to_ms(after(seconds)), uptime_s=seconds, troubles=troubles or [], drivers=drivers or []
    )
    with database.write() as transaction:
        service.heard_state(
            transaction,
            gateway_id="gw-1",
            state=StateMessage(online=True, session=session, health=health),
            now=after(seconds),
            sessions=sessions,
        )


def faults(database: Database) -> list[str]:
    """The open faults of the gateway."""
    with database.read() as session:
        return sorted(
            session.scalars(
                select(Alarm.rule).where(Alarm.source_kind == "gateway", Alarm.cleared_at.is_(None))
            )
        )


def test_a_full_disk_is_told_to_maintenance_once_and_over_when_it_is_well(street: Database) -> None:
    for seconds in (0, 30, 60):
        report(street, seconds, troubles=[FULL])
    assert faults(street) == ["gateway_storage"]
    with street.read() as session:
        task = session.scalars(select(Task)).one()
        assert (task.kind, task.subject_kind, task.subject_id) == ("maintenance", "gateway", "gw-1")
        assert len(session.scalars(select(Occurrence)).all()) == 1
    report(street, 90)
    assert faults(street) == []


def test_a_dead_driver_and_a_full_disk_are_one_task(street: Database) -> None:
    report(street, troubles=[FULL], drivers=[AWAY])
    assert faults(street) == ["gateway_driver", "gateway_storage"]
    with street.read() as session:
        task = session.scalars(select(Task)).one()
        assert task.occurrences == 2
    report(street, 30, troubles=[FULL])
    assert faults(street) == ["gateway_storage"]


def test_two_gateways_with_one_identity_are_noticed_by_their_alternating_sessions(street: Database) -> None:
    sessions = Sessions()
    report(street, 0, session="a", sessions=sessions)
    report(street, 10, session="b", sessions=sessions)
    assert faults(street) == []  # a restart looks like this
    report(street, 20, session="a", sessions=sessions)
    assert faults(street) == ["gateway_twin"]
    report(street, 30, session="b", sessions=sessions)
    late = 30 + TWIN_FOR.total_seconds() + 1
    report(street, late, session="b", sessions=sessions)
    assert faults(street) == []


def test_a_gateway_that_is_down_is_one_fault_and_a_server_that_starts_raises_none(street: Database) -> None:
    report(street)
    with street.write() as session:
        session.get_one(Gateway, "gw-1").online = False
        session.get_one(Gateway, "gw-1").changed_at = after(10)

    def sweep(at: float, started: float) -> None:
        service.sweep(street, grace=GRACE, started=after(started), now=after(at))

    sweep(10_000, 9_990)  # the server has just started: it cannot know
    assert faults(street) == []
    for at in (10_060, 10_061, 10_200):
        sweep(at, 9_990)
    assert faults(street) == ["gateway_offline"]
    with street.read() as session:
        assert len(session.scalars(select(Task)).all()) == 1
        assert len(session.scalars(select(Occurrence)).all()) == 1
    report(street, 10_300)
    sweep(10_301, 9_990)
    assert faults(street) == []


@pytest.mark.parametrize(
    ("role", "named", "addressed"),
    [
        (Role.CARER, True, True),
        (Role.DISPATCHER, True, True),
        (Role.MANAGER, True, True),
        (Role.MAINTENANCE, False, False),
        (Role.INSTALLER, False, False),
    ],
)
def test_who_depends_on_a_gateway_is_named_to_those_who_care(
    street: Database, role: Role, named: bool, addressed: bool
) -> None:
    with street.read() as session:
        found = dependents.of_gateway(session, Viewer(1, "x", role), "gw-1")
    assert found.count == len(found.listed) > 0
    assert all((not one.name.endswith("**")) is named for one in found.listed)
    assert any(one.address for one in found.listed) is addressed


def test_a_wall_learns_only_how_many(street: Database) -> None:
    with street.read() as session:
        found = dependents.of_gateway(session, Viewer(1, "wall", Role.WALL), "gw-1")
        assert (found.count > 0, found.listed) == (True, ())
        modbus = dependents.of_gateway(session, Viewer(1, "x", Role.MANAGER), "gw-1", drivers={"modbus"})
    assert modbus.count == 0
