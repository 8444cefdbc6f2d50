"""Wells on a line to the north, homes and stations beside it, covers that open. Not a test."""

from datetime import datetime

from gateway.rules.model import Severity, TaskKind
from server.alarms import service as alarms
from server.clock import to_ms
from server.db.database import Database
from server.db.models import Attachment, Device, Resident, Station, Task
from server.dispatch import worker
from server.notify.channels import Addresses
from server.places import schemas, service
from tests.contract.server.conftest import NOW
from tests.contract.server.test_alarm_record import press

METRE = 1 / 111_194.9266
"""Degrees of latitude: what a metre is on the sphere that distances are taken on."""


def north(metres: float) -> dict[str, float]:
    """The place so many metres north of the well w1."""
    return {"latitude": 31.0 + metres * METRE, "longitude": 121.0}


def lay_wells(database: Database, count: int = 1, *, apart_m: float = 50) -> None:
    """Wells w1, w2, … 2.5 m deep, each with a cover's sensor d-wN at position wN-cover of gateway gw-1."""
    with database.write() as session:
        for number in range(1, count + 1):
            place, key = north((number - 1) * apart_m), f"w{number}"
            well = schemas.WellIn(
                area_id="area", name=f"04{number:02}", address="幸福路", depth_m=2.5, **place
            )
            service.put_well(session, key, well)
            cover = schemas.PositionIn(area_id="area", name=f"{key} 井盖", well_id=key)
            service.put_position(session, f"{key}-cover", cover, now=NOW)
            session.add(
                Device(
                    id=f"d-{key}",
                    gateway_id="gw-1",
                    profile="dingtek-dc410",
                    driver="mqtt",
                    address={"topic": key},
                    parameters={"mount_height": 2500.0},
                    created_at=NOW,
                )
            )
            session.flush()
            session.add(Attachment(device_id=f"d-{key}", position_id=f"{key}-cover", since=NOW))


def lay_home(database: Database, key: str, metres: float, *, risk: str = "high") -> None:
    """Somebody's home so far north of w1."""
    with database.write() as session:
        session.add(Resident(id=key, area_id="area", name="张", address="幸福路", risk=risk, **north(metres)))


def lay_station(database: Database, key: str, metres: float, *, radius_m: int = 1000) -> None:
    """A station so far north of w1."""
    with database.write() as session:
        session.add(Station(id=key, area_id="area", name=key, address="", radius_m=radius_m, **north(metres)))


def open_cover(
    database: Database, seq: int, *, well: str = "w1", at: datetime = NOW, **changed: object
) -> int:
    """The cover of the well opens (or whatever `changed` says happens there); the number of its task."""
    given: dict[str, object] = {
        "position": f"{well}-cover",
        "device": f"d-{well}",
        "rule": "cover_open",
        "severity": Severity.MAJOR,
        "task_kind": TaskKind.WELL,
        "point": "cover_open",
        "value": True,
        "device_ms": to_ms(at),
        "gateway_ms": to_ms(at),
        "ends": True,
    }
    message = press(seq, **{**given, **changed})
    with database.write() as session:
        alarms.record(session, gateway_id="gw-1", message=message, now=at)
    with database.read() as session:
        task = session.query(Task).filter(Task.subject_id == well, Task.closed_at.is_(None)).one()
        return task.id


def work(database: Database, now: datetime) -> int:
    """Does all steps that are due."""
    done = 0
    while True:
        with database.read() as session:
            due = worker.due_steps(session, now=now)
        before = done
        for step_id in due:
            with database.write() as session:
                done += worker.do_step(session, step_id, Addresses(), now=now)
        if done == before:
            return done
