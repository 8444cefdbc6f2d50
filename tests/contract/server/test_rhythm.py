"""A resident's quiet, from readings in the store to a task: on both SQL engines, read from both stores."""

import asyncio
from collections.abc import AsyncIterator
from datetime import date, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import select, update

from firmware_profiles import Catalogue
from gateway.rules.model import Severity, TaskKind
from gateway.wire import AlarmMessage, DataReading
from server.alarms import service as alarms
from server.alarms.texts import INACTIVITY
from server.clock import to_ms
from server.context import Context
from server.db.database import Database
from server.db.models import Absence, Alarm, Gateway, Occurrence, Rhythm, Task, TaskEvent
from server.devices.schemas import DeviceIn
from server.devices.service import register
from server.places import schemas
from server.places import service as places
from server.rhythm import learning, repository, watching
from server.rhythm.core import Fixed
from server.rhythm.feeding import Feeder
from server.rhythm.reasons import why_of
from server.rhythm.signs import signs_of, silent_after_ms
from server.rhythm.traces import days_of, trace
from server.rhythm.usual import SLOT, slots_of
from server.rhythm.watches import Sensor, Watch, watches
from server.tasks import service as tasks
from server.tasks.states import TaskAction
from server.timeseries.influx import InfluxStore
from server.timeseries.sqlite import SqliteStore
from server.timeseries.store import Point, TimeSeriesStore
from server.users.roles import Role
from tests.contract.server.conftest import person
from tests.parts.context import context_around
from tests.unit.server.rhythm.lives import POLICY, Habits, days, moment

TODAY = date(2026, 3, 20)
DAYS = 10
LONG_AGO = moment(TODAY - timedelta(days=90), 0)
STEADY = Habits(up=8 * 60, up_spread=5, bed_spread=10, nap=0, outing=0, long_outing=0, lie_in=0, toilets=0)
LIFE = days(STEADY, DAYS + 1, seed=4, first=TODAY - timedelta(days=DAYS))
NOON = moment(TODAY, 12 * 60)


@pytest.fixture(params=["sqlite", "influx"])
async def store(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[TimeSeriesStore]:
    """An empty store of each kind."""
    opened: TimeSeriesStore
    if request.param == "sqlite":
        opened = SqliteStore(tmp_path / "readings.db")
    else:
        bucket = request.getfixturevalue("influx_bucket")
        opened = InfluxStore(url=bucket.url, bucket=bucket.name, org="sunwell", token=bucket.token)
    yield opened
    await opened.close()


@pytest.fixture
async def context(street: Database, catalogue: Catalogue, tmp_path: Path) -> AsyncIterator[Context]:
    """A server's parts on an embedded store, with resident r2 whose room has a presence sensor."""
    async with context_around(_moved_in(street, catalogue), catalogue, tmp_path) as made:
        yield made


def _moved_in(database: Database, catalogue: Catalogue) -> Database:
    with database.write() as session:
        home = schemas.ResidentIn(area_id="area", name="李桂兰", address="幸福路2号")
        places.put_resident(session, "r2", home, now=LONG_AGO)
        for position, profile in (("room", "sonoff-snzb-06p"), ("button", "tuya-ts0215a-sos")):
            places.put_position(
                session,
                position,
                schemas.PositionIn(area_id="area", name=position, resident_id="r2"),
                now=LONG_AGO,
            )
            register(
                session,
                f"d-{position}",
                DeviceIn(
                    gateway_id="gw-2",
                    position_id=position,
                    profile=profile,
                    address={"topic": f"zigbee2mqtt/{position}"},
                ),
                catalogue=catalogue,
                now=LONG_AGO,
            )
        session.execute(update(Gateway).values(online=True))
    return database


async def live(
    store: TimeSeriesStore, *, until: datetime, active_until: datetime, since: datetime = LONG_AGO
) -> None:
    """The sensor's readings: somebody there for a minute in each slot of the life up to `active_until`; and a
    sign of life every ten minutes up to `until`."""
    said: dict[datetime, float] = {}
    for day in LIFE:
        midnight = moment(day.date, 0)
        said |= {midnight + timedelta(minutes=n): 0.0 for n in range(0, 1440, 10)}
        for slot in slots_of(day.active):
            at = midnight + timedelta(minutes=slot * SLOT + 1)
            if at < active_until:
                said |= {at: 1.0, at + timedelta(minutes=1): 0.0}
    points = [
        Point(
            family="fall",
            area="area",
            position="room",
            device="d-room",
            gateway="gw-2",
            time_ms=to_ms(at),
            fields={"occupancy": value},
        )
        for at, value in said.items()
        if since <= at < until
    ]
    await store.write(points)


async def look(context: Context, now: datetime, *, started: datetime = LONG_AGO) -> int:
    """One round of the sweep, as if everybody were due."""
    with context.database.write() as session:
        session.execute(update(Rhythm).values(due_at=now))
    return await watching.sweep(context, started=started, now=now)


def open_alarm(context: Context) -> Alarm | None:
    with context.database.read() as session:
        return session.scalar(select(Alarm).where(Alarm.rule == INACTIVITY, Alarm.cleared_at.is_(None)))


def occurrences(context: Context, rule: str = INACTIVITY) -> list[Occurrence]:
    query = select(Occurrence).where(Occurrence.rule == rule).order_by(Occurrence.id)
    with context.database.read() as session:
        return list(session.scalars(query))


def press(context: Context, rule: str, *, at: datetime, seq: int) -> None:
    """A press or a fall at r2's home."""
    message = AlarmMessage(
        epoch="e",
        seq=seq,
        event="occurred",
        breach=f"b{seq}",
        position="button",
        device="d-button",
        rule=rule,
        severity=Severity.CRITICAL,
        task_kind=TaskKind.CARE,
        point="action",
        value="emergency",
        device_ms=to_ms(at),
        gateway_ms=to_ms(at),
        ends=False,
    )
    with context.database.write() as session:
        alarms.record(session, gateway_id="gw-2", message=message, now=at)


async def test_the_trace_is_the_same_from_both_stores(store: TimeSeriesStore, catalogue: Catalogue) -> None:
    """What the life did, slot for slot, and the hours in which nothing was heard."""
    await live(store, until=NOON, active_until=NOON, since=moment(TODAY - timedelta(days=2), 0))
    sensor = _room(catalogue)
    start = moment(TODAY - timedelta(days=2), 0)
    read = await trace(store, sensor, start=start, end=NOON + timedelta(hours=3))
    first, second, third = days_of(read, POLICY.tz, first=TODAY - timedelta(days=2), last=TODAY)
    noon = 12 * 60 // SLOT
    assert first.active == LIFE[-3].active
    assert second.active == LIFE[-2].active
    assert third.active == LIFE[-1].active & ((1 << noon) - 1)
    assert (first.missing, second.missing) == (0, 0)
    assert slots_of(third.missing)[-1] == 15 * 12 - 1
    assert noon - 3 <= slots_of(third.missing)[0] <= noon


def _room(catalogue: Catalogue) -> Watch:
    profile = catalogue["sonoff-snzb-06p"]
    sensor = Sensor(
        position_id="room",
        gateway_id="gw-2",
        family="fall",
        signs=signs_of(profile),
        silent_after_ms=silent_after_ms(profile),
        since=LONG_AGO,
    )
    return Watch(resident_id="r2", area_id="area", sensors=(sensor,))


async def test_somebody_who_does_not_get_up_is_missed_once(context: Context) -> None:
    """A warning first, then major; said once by however many servers; ended by the next activity."""
    night = moment(TODAY, 0)
    await live(context.store, until=NOON, active_until=night)
    assert await learning.learn_all(context, now=NOON) == 2
    assert await look(context, moment(TODAY, 8 * 60 + 30)) == 0
    late = moment(TODAY, 9 * 60 + 15)
    assert sum(await asyncio.gather(*(look(context, late) for _ in range(4)))) == 1
    assert await look(context, late + timedelta(minutes=1)) == 0
    (said,) = occurrences(context)
    assert said.value["why"]["kind"] == "not_up"
    assert said.value["why"]["days"] == DAYS
    with context.database.read() as session:
        task = session.scalars(select(Task)).one()
    assert (task.kind, task.subject_kind, task.subject_id) == ("care", "resident", "r2")
    assert task.severity == "warning"
    with context.database.read() as session:
        assert why_of(session, task.id, "en").startswith("usually up by 8:")
    assert await look(context, NOON - timedelta(minutes=30)) == 1
    assert await look(context, NOON) == 0
    with context.database.read() as session:
        task = session.scalars(select(Task)).one()
    assert (task.severity, task.occurrences) == ("major", 2)

    with context.database.write() as session:
        repository.put_active(session, [_activity(NOON)])
    await look(context, NOON + timedelta(minutes=1))
    assert open_alarm(context) is None
    with context.database.read() as session:
        events = session.scalars(select(TaskEvent.action).where(TaskEvent.task_id == task.id)).all()
        assert session.get_one(Task, task.id).closed_at is None
    assert events[-1] == "cleared"


def _activity(at: datetime) -> dict[str, object]:
    return {
        "resident_id": "r2",
        "last_active_at": at,
        "last_active_point": "occupancy",
        "due_at": at + timedelta(minutes=30),
        "updated_at": at,
    }


async def test_a_fall_a_press_and_silence_are_one_task_of_three_occurrences(context: Context) -> None:
    await live(context.store, until=NOON, active_until=moment(TODAY, 0))
    await learning.learn_all(context, now=NOON)
    assert await look(context, NOON) == 1
    press(context, "fall", at=NOON + timedelta(minutes=4), seq=1)
    press(context, "sos", at=NOON + timedelta(minutes=9), seq=2)
    with context.database.read() as session:
        task = session.scalars(select(Task)).one()
    assert (task.occurrences, task.severity, task.rule) == (3, "critical", "fall")
    assert len(occurrences(context)) == 1


@pytest.mark.parametrize("what", ["gateway", "sensor", "restart", "off"])
async def test_nobody_is_missed_while_nothing_can_be_concluded(context: Context, what: str) -> None:
    """The gateway or a sensor is silent, the server has just begun, a manager has switched it off."""
    heard = moment(TODAY, 6 * 60) if what == "sensor" else NOON
    await live(context.store, until=heard, active_until=moment(TODAY, 0))
    await learning.learn_all(context, now=NOON)
    with context.database.write() as session:
        if what == "gateway":
            session.execute(update(Gateway).where(Gateway.id == "gw-2").values(online=False))
        if what == "off":
            session.execute(update(Rhythm).values(fixed=repository.pack(Fixed(off=True))))
    started = NOON - timedelta(minutes=5) if what == "restart" else LONG_AGO
    assert await look(context, NOON, started=started) == 0
    assert open_alarm(context) is None


async def test_after_a_gap_quiet_counts_from_its_end(context: Context) -> None:
    """The sensor was away from two at night until eleven: nothing is said of those hours."""
    await live(context.store, until=moment(TODAY, 2 * 60), active_until=moment(TODAY, 0))
    back = moment(TODAY, 11 * 60)
    await live(context.store, since=back, until=back + timedelta(hours=6), active_until=back)
    await learning.learn_all(context, now=NOON)
    assert await look(context, back + timedelta(hours=1)) == 0
    assert await look(context, back + timedelta(hours=5)) == 1
    (said,) = occurrences(context)
    assert said.value["why"]["kind"] == "quiet"
    assert back - timedelta(minutes=5) <= datetime.fromisoformat(said.value["why"]["since"]) <= back


async def test_an_absence_suspends_only_what_is_concluded_from_silence(context: Context) -> None:
    await live(context.store, until=NOON + timedelta(hours=6), active_until=moment(TODAY, 0))
    await learning.learn_all(context, now=NOON)
    with context.database.write() as session:
        session.add(
            Absence(
                resident_id="r2",
                kind="family",
                since=moment(TODAY - timedelta(days=1), 20 * 60),
                until=NOON,
                created_at=moment(TODAY, 0),
            )
        )
    assert await look(context, moment(TODAY, 11 * 60)) == 0
    for seq, rule in enumerate(("sos", "fall", "smoke"), 1):
        press(context, rule, at=moment(TODAY, 11 * 60), seq=seq)
        assert len(occurrences(context, rule)) == 1
    assert await look(context, NOON + timedelta(minutes=90)) == 0  # home again: afresh
    assert await look(context, NOON + timedelta(hours=5)) == 1
    (said,) = occurrences(context)
    assert datetime.fromisoformat(said.value["why"]["since"]) == NOON


async def test_an_absence_registered_later_ends_the_alarm(context: Context) -> None:
    await live(context.store, until=NOON, active_until=moment(TODAY, 0))
    await learning.learn_all(context, now=NOON)
    assert await look(context, NOON) == 1
    with context.database.write() as session:
        session.add(
            Absence(
                resident_id="r2", kind="hospital", since=NOON, until=NOON + timedelta(days=3), created_at=NOON
            )
        )
    await look(context, NOON + timedelta(minutes=1))
    assert open_alarm(context) is None


async def test_once_a_person_was_there_quiet_counts_from_then(context: Context) -> None:
    await live(context.store, until=NOON + timedelta(hours=6), active_until=moment(TODAY, 0))
    await learning.learn_all(context, now=NOON)
    await look(context, NOON)
    viewer = person(context.database, Role.DISPATCHER, "zhou")
    with context.database.write() as session:
        task = session.scalars(select(Task)).one()
        for action in (TaskAction.ACKNOWLEDGE, TaskAction.DEPART, TaskAction.ARRIVE, TaskAction.RESOLVE):
            tasks.act(session, viewer, task.id, tasks.Act(action=action, outcome="helped_on_site"), now=NOON)
        tasks.act(
            session,
            viewer,
            task.id,
            tasks.Act(action=TaskAction.CLOSE, outcome="helped_on_site"),
            now=NOON,
        )
    assert await look(context, NOON + timedelta(minutes=30)) == 0
    assert await look(context, NOON + timedelta(hours=5)) == 1


async def test_learning_leaves_out_absences_and_silent_days(context: Context) -> None:
    """And goes on from what it has kept: the next night only the newest days are read."""
    await live(context.store, until=NOON, active_until=NOON)
    gone = TODAY - timedelta(days=4)
    with context.database.write() as session:
        session.add(
            Absence(
                resident_id="r2",
                kind="travel",
                since=moment(gone, 8 * 60),
                until=moment(gone + timedelta(days=1), 8 * 60),
                created_at=moment(gone, 0),
            )
        )
    await learning.learn_all(context, now=NOON)
    assert await learning.learn_all(context, now=NOON + timedelta(hours=1)) == 0
    assert await learning.learn_all(context, now=NOON + timedelta(days=1)) == 2
    with context.database.read() as session:
        row = session.get_one(Rhythm, "r2")
        learned = repository.unpack_learned(row.learned)
        kept = repository.unpack_days(row.days)
    assert learned.days == DAYS - 2
    assert {day.date for day in kept if day.missing.bit_count() > 12} >= {gone, gone + timedelta(days=1)}


async def test_ingest_keeps_the_newest_activity(context: Context) -> None:
    """A change of the state is activity, its repetition is not; an older one changes nothing."""
    feeder = Feeder(context)
    await feeder.load()

    def hear(minutes: int, value: bool) -> None:
        at = to_ms(NOON + timedelta(minutes=minutes))
        reading = DataReading(p="room", d="d-room", f="fall", t=at, r=at, v={"occupancy": value}, s={})
        feeder.hear(reading, at)

    hear(0, False)
    hear(1, True)
    assert feeder.due()
    await feeder.keep()
    hear(5, True)
    with context.database.read() as session:
        assert repository.last_active(session, "r2") == NOON + timedelta(minutes=1)
    with context.database.write() as session:
        repository.put_active(session, [_activity(NOON)])
        assert repository.last_active(session, "r2") == NOON + timedelta(minutes=1)
    with context.database.read() as session:
        assert set(watches(session, context.catalogue)) == {"r1", "r2"}
