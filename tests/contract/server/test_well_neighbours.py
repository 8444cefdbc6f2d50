"""An open cover near a home at risk or a station is told to that station, once. On both SQL engines."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from pydantic import SecretStr
from sqlalchemy import select

from server.db.database import Database
from server.db.models import Delivery, DispatchStep, Position, Resident, Shift, TaskEvent, User, Well
from server.dispatch import worker
from server.notify.channels import Addresses
from server.tasks import service as tasks
from server.tasks.service import Act
from server.tasks.states import TaskAction
from server.wells import informing
from tests.contract.server.conftest import NOW, viewer_of
from tests.contract.server.covers import lay_home, lay_station, lay_wells, open_cover, work


@pytest.fixture
def wells(staffed: Database) -> Database:
    """One well, and li at the station S."""
    lay_wells(staffed)
    with staffed.write() as session:
        session.scalars(select(User).where(User.login == "li")).one().station_id = "S"
    return staffed


def informed(database: Database, task_id: int = 1) -> list[dict[str, Any]]:
    """The timeline's lines of what was told to stations."""
    with database.read() as session:
        rows = session.scalars(
            select(TaskEvent)
            .where(TaskEvent.task_id == task_id, TaskEvent.action == informing.STATION_TOLD)
            .order_by(TaskEvent.id)
        )
        return [row.detail for row in rows]


def sent_to(database: Database) -> list[str]:
    """Who got a message of the kind, by login."""
    with database.read() as session:
        return list(
            session.scalars(
                select(User.login)
                .join(Delivery, Delivery.user_id == User.id)
                .join(DispatchStep, DispatchStep.id == Delivery.step_id)
                .where(DispatchStep.kind == "inform")
                .order_by(Delivery.id)
            )
        )


@pytest.mark.parametrize(("metres", "told"), [(199.9, True), (200.1, False)])
def test_a_station_at_the_limit(wells: Database, metres: float, told: bool) -> None:
    lay_station(wells, "S", metres)
    open_cover(wells, 1)
    work(wells, NOW)
    assert sent_to(wells) == (["li"] if told else [])
    assert [line["metres"] for line in informed(wells)] == ([200] if told else [])


@pytest.mark.parametrize(("metres", "told"), [(199.9, True), (200.1, False)])
def test_a_home_at_the_limit(wells: Database, metres: float, told: bool) -> None:
    lay_station(wells, "S", 900)
    lay_home(wells, "old", metres)
    open_cover(wells, 1)
    work(wells, NOW)
    assert [line["homes"] for line in informed(wells)] == ([1] if told else [])
    assert sent_to(wells) == (["li"] if told else [])


def test_only_homes_at_risk_count_and_only_people_who_live_there(wells: Database) -> None:
    lay_station(wells, "S", 900)
    lay_home(wells, "fit", 20, risk="normal")
    lay_home(wells, "gone", 20)
    with wells.write() as session:
        session.get_one(Resident, "gone").left_at = NOW
    open_cover(wells, 1)
    work(wells, NOW)
    assert informed(wells) == []


def test_the_nearest_station_in_whose_circle_the_home_lies_looks_after_it(wells: Database) -> None:
    lay_station(wells, "S", 500)
    lay_station(wells, "T", -300)
    lay_station(wells, "U", 230, radius_m=20)  # nearer, but not its circle
    lay_home(wells, "a", 150)
    lay_home(wells, "b", 180)
    open_cover(wells, 1)
    work(wells, NOW)
    assert [(line["station"], line["homes"], line["desk"]) for line in informed(wells)] == [("S", 2, False)]


def test_once_for_a_task_and_station_however_often_it_opens(wells: Database) -> None:
    lay_station(wells, "S", 100)
    open_cover(wells, 1)
    open_cover(wells, 2, rule="cover_tilted", point="tilt", value=40)
    work(wells, NOW)
    open_cover(wells, 3)
    work(wells, NOW + timedelta(seconds=9))
    assert sent_to(wells) == ["li"]
    assert len(informed(wells)) == 1


def test_several_servers_tell_once(wells: Database) -> None:
    lay_station(wells, "S", 100)
    open_cover(wells, 1)
    with wells.read() as session:
        step_id = session.scalar(select(DispatchStep.id).where(DispatchStep.kind == "inform"))
    assert step_id is not None

    def do(_: int) -> bool:
        with wells.write() as session:
            return worker.do_step(session, step_id, Addresses(), now=NOW)

    with ThreadPoolExecutor(6) as pool:
        assert sum(pool.map(do, range(6))) == 1
    assert sent_to(wells) == ["li"]


def test_who_is_on_duty_at_the_station_is_told_too(wells: Database) -> None:
    lay_station(wells, "S", 100)
    wang = viewer_of(wells, "wang")
    with wells.write() as session:
        for hours, cancelled in ((-1, None), (-9, None), (-1, NOW)):
            session.add(
                Shift(
                    user_id=wang.user_id if cancelled is None else viewer_of(wells, "zhao").user_id,
                    role="carer",
                    station_id="S",
                    starts_at=NOW + timedelta(hours=hours),
                    ends_at=NOW + timedelta(hours=hours + 8),
                    created_at=NOW,
                    cancelled_at=cancelled,
                )
            )
    open_cover(wells, 1)
    work(wells, NOW)
    assert sent_to(wells) == ["li", "wang"]


def test_dispatchers_where_nobody_is_set_for_the_station_or_no_station_looks_after_the_home(
    wells: Database,
) -> None:
    lay_station(wells, "empty", 100)
    lay_home(wells, "far", 150)
    with wells.write() as session:
        session.scalars(select(User).where(User.login == "li")).one().disabled_at = NOW
    open_cover(wells, 1)
    work(wells, NOW)
    assert sent_to(wells) == ["zhou"]
    assert [(line["station"], line["desk"]) for line in informed(wells)] == [("empty", True)]


def test_a_home_outside_every_circle_is_the_desks(wells: Database) -> None:
    lay_home(wells, "far", 150)
    open_cover(wells, 1)
    work(wells, NOW)
    assert sent_to(wells) == ["zhou"]
    open_cover(wells, 2)
    work(wells, NOW)
    assert informed(wells) == [
        {"station": "", "homes": 1, "desk": True, "people": [viewer_of(wells, "zhou").user_id]}
    ]


def test_that_a_crew_takes_it_does_not_keep_it_from_the_station(wells: Database) -> None:
    """Neither the planned step nor a message that waits to be sent is cancelled by the acknowledgement."""
    lay_station(wells, "S", 100)
    task_id = open_cover(wells, 1)
    addresses = Addresses({"li": {"sms": SecretStr("json://127.0.0.1/a")}})
    with wells.read() as session:
        step_id = session.scalar(select(DispatchStep.id).where(DispatchStep.kind == "inform"))
    assert step_id is not None
    with wells.write() as session:
        worker.do_step(session, step_id, addresses, now=NOW)
    with wells.write() as session:
        tasks.act(session, viewer_of(wells, "zhao"), task_id, Act(action=TaskAction.ACKNOWLEDGE), now=NOW)
    with wells.read() as session:
        states = session.scalars(select(Delivery.state).where(Delivery.step_id == step_id)).all()
    assert states == ["queued"]


def test_water_is_no_reason(wells: Database) -> None:
    lay_station(wells, "S", 10)
    open_cover(wells, 1, rule="water_high", point="water_level", value=2100)
    work(wells, NOW)
    assert informed(wells) == []


def test_a_cover_without_a_place_is_looked_for_at_its_position(wells: Database) -> None:
    lay_station(wells, "S", 100)
    with wells.write() as session:
        well = session.get_one(Well, "w1")
        position = session.get_one(Position, "w1-cover")
        position.latitude, position.longitude = well.latitude, well.longitude
        well.latitude = well.longitude = None
    open_cover(wells, 1)
    work(wells, NOW)
    assert len(informed(wells)) == 1
