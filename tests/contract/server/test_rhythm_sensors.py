"""Sensors of daily life that are silent: the others go on, and the pages say so. On both SQL engines."""

from datetime import datetime, timedelta

from sqlalchemy import select

from server.context import Context
from server.coverage import service, spans
from server.coverage.core import Cause
from server.coverage.standing import standing, unprotected
from server.db.models import Gateway, UnheardSensor
from server.devices.schemas import DeviceIn
from server.devices.service import register
from server.places import schemas
from server.places import service as places
from server.residents import absences
from server.residents.schemas import AbsenceIn
from server.rhythm import learning
from server.rhythm import service as rhythms
from server.timeseries.store import LatestValue
from server.users.roles import Role
from server.users.viewer import Viewer
from tests.contract.server.conftest import person
from tests.contract.server.test_rhythm import (
    LONG_AGO,
    NOON,
    TODAY,
    context,
    live,
    look,
    occurrences,
)
from tests.unit.server.rhythm.lives import moment

__all__ = ["context"]
MANAGER = Viewer(user_id=1, name="陈", role=Role.MANAGER)


def add_meter(context: Context, *, gateway: str = "gw-2") -> None:
    """A water meter in the home of r2 that was never heard."""
    with context.database.write() as session:
        places.put_position(
            session,
            "meter",
            schemas.PositionIn(area_id="area", name="厨房水表", resident_id="r2"),
            now=LONG_AGO,
        )
        register(
            session,
            "d-meter",
            DeviceIn(
                gateway_id=gateway,
                position_id="meter",
                profile="webhook-water",
                address={"source": "m", "token": "m" * 16},
            ),
            catalogue=context.catalogue,
            now=LONG_AGO,
        )
        session.get_one(Gateway, gateway).online = True


def cover(context: Context, now: datetime, *, room_at: datetime | None) -> None:
    """One round of coverage: the room's sensor spoke at `room_at`, the meter never."""
    values = {} if room_at is None else {"room": [LatestValue("occupancy", room_at, 0.0)]}
    with context.database.read() as session:
        change = spans.judge(session, catalogue=context.catalogue, values=values, now=now)
    spans.keep(context.database, change, now=now)


async def test_a_dead_meter_beside_a_working_sensor_hides_nobody(context: Context) -> None:
    """The rhythm is learned and judged without it, the reason says so, and so do coverage and the pages."""
    add_meter(context)
    await live(context.store, until=NOON, active_until=moment(TODAY, 0))
    await learning.learn_all(context, now=NOON)
    assert await look(context, NOON) == 1
    (said,) = occurrences(context)
    assert (said.value["why"]["kind"], said.value["why"]["without"]) == ("not_up", ["water"])
    cover(context, NOON, room_at=NOON)
    with context.database.read() as session:
        page = service.page(session, MANAGER, catalogue=context.catalogue, now=NOON)
        (remark,) = (one for one in page.remarks if one.resident_id == "r2")
        assert remark.heard == 1
        assert [(one.position, one.since) for one in remark.lost] == [("厨房水表", LONG_AGO)]
        causes = {gap.cause for gap in standing(session, resident_ids=["r2"], now=NOON)["r2"].gaps}
        assert Cause.RHYTHM not in causes
    view = await rhythms.view(context, "r2", now=NOON)
    assert (view.sensors, [one.position for one in view.unheard]) == (2, ["厨房水表"])
    assert view.why is not None
    assert "用水" in view.why["zh"]


async def test_nobody_is_watched_where_no_sensor_is_heard_and_coverage_says_so(context: Context) -> None:
    add_meter(context)
    await live(context.store, until=moment(TODAY, 0), active_until=moment(TODAY, 0))
    await learning.learn_all(context, now=NOON)
    assert await look(context, NOON) == 0  # neither is heard
    cover(context, NOON, room_at=moment(TODAY, 0))
    with context.database.read() as session:
        gaps = standing(session, resident_ids=["r2"], now=NOON)["r2"].gaps
        assert [gap.since for gap in gaps if gap.cause is Cause.RHYTHM] == [moment(TODAY, 0)]
        assert "r2" in unprotected(session, now=NOON)  # whoever is at high risk gets a welfare call
    cover(context, NOON + timedelta(hours=1), room_at=NOON + timedelta(hours=1))
    with context.database.read() as session:
        left = standing(session, resident_ids=["r2"], now=NOON)["r2"].gaps
        assert all(gap.cause is not Cause.RHYTHM for gap in left)
        lost = select(UnheardSensor.position_id).where(UnheardSensor.resident_id == "r2")
        assert session.scalars(lost).all() == ["meter"]


async def test_a_gateway_that_is_away_stops_only_its_own_sensors(context: Context) -> None:
    add_meter(context, gateway="gw-1")
    await live(context.store, until=NOON, active_until=moment(TODAY, 0))
    await learning.learn_all(context, now=NOON)
    with context.database.write() as session:
        session.get_one(Gateway, "gw-1").online = False
    assert await look(context, NOON) == 1


async def test_an_absence_that_ends_early_lets_them_be_missed_from_then_on(context: Context) -> None:
    await live(context.store, until=NOON + timedelta(days=1), active_until=moment(TODAY, 0))
    await learning.learn_all(context, now=NOON)
    zhou = person(context.database, Role.DISPATCHER, "zhou")
    wanted = AbsenceIn(kind="family", since=NOON, until=NOON + timedelta(days=14))
    with context.database.write() as session:
        absence = absences.put(session, zhou, "r2", wanted, now=NOON)
        absence_id = absence.id
    assert await look(context, NOON + timedelta(minutes=1)) == 0
    with context.database.write() as session:
        absences.end(session, zhou, absence_id, now=NOON + timedelta(minutes=30))
    assert await look(context, NOON + timedelta(hours=8)) == 1
