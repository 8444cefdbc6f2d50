"""A home's water meter: hardly any, far too much, and water that never stops, from readings to one task."""

from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import select

from firmware_profiles import Catalogue
from server.alarms.texts import WATER_HIGH, WATER_LEAK, WATER_LOW
from server.clock import to_ms
from server.context import Context
from server.db.database import Database
from server.db.models import Absence, Alarm, Task
from server.devices.schemas import DeviceIn
from server.devices.service import register
from server.places import schemas
from server.places import service as places
from server.rhythm import water
from server.timeseries.store import Point
from tests.contract.server.test_rhythm import LONG_AGO, NOON, press
from tests.parts.context import context_around

FIVE = timedelta(minutes=5)


@pytest.fixture
async def context(street: Database, catalogue: Catalogue, tmp_path: Path) -> AsyncIterator[Context]:
    """A server's parts, with resident r2 whose home has a water meter and a button."""
    with street.write() as session:
        resident = schemas.ResidentIn(area_id="area", name="李桂兰", address="幸福路2号")
        places.put_resident(session, "r2", resident, now=NOON)
        for position, profile, driver in (
            ("meter", "webhook-water", {"source": "nb", "identity": "m1"}),
            ("button", "tuya-ts0215a-sos", {"topic": "zigbee2mqtt/button"}),
        ):
            place = schemas.PositionIn(area_id="area", name=position, resident_id="r2")
            places.put_position(session, position, place, now=LONG_AGO)
            device = DeviceIn(gateway_id="gw-2", position_id=position, profile=profile, address=driver)
            register(session, f"d-{position}", device, catalogue=catalogue, now=LONG_AGO)
    async with context_around(street, catalogue, tmp_path) as made:
        yield made


async def metered(context: Context, litres_of: Callable[[int], float]) -> None:
    """Two days up to noon: what the meter stands at every five minutes, `litres_of(n)` being used in the
    n-th."""
    stands, points = 100.0, []
    for number in range(48 * 12 + 1):
        stands += litres_of(number) / 1000
        points.append(
            Point(
                family="home",
                area="area",
                position="meter",
                device="d-meter",
                gateway="gw-2",
                time_ms=to_ms(NOON - timedelta(hours=48) + number * FIVE),
                fields={"volume": round(stands, 6)},
            )
        )
    await context.store.write(points)


def alarms_of(context: Context) -> list[tuple[str, str, bool]]:
    """(rule, severity, open), the oldest first."""
    with context.database.read() as session:
        rows = session.scalars(select(Alarm).order_by(Alarm.id))
        return [(row.rule, row.severity, row.cleared_at is None) for row in rows]


def by_day(number: int) -> float:
    """A usual day: 5 litres each half hour from seven to ten at night."""
    return 5.0 if number % 6 == 0 and 7 <= (12 + number // 12) % 24 < 22 else 0.0


@pytest.mark.parametrize(
    ("litres_of", "rules"),
    [
        (by_day, []),
        (lambda _: 0.0, [(WATER_LOW, "warning", True)]),
        (lambda number: 8.0 + (number % 2), [(WATER_LEAK, "minor", True), (WATER_HIGH, "minor", True)]),
        (lambda number: 2.0 if number % 6 == 3 else 0.0, [(WATER_LEAK, "minor", True)]),
    ],
    ids=["usual", "none", "far too much", "never stops"],
)
async def test_what_the_meter_says_becomes_a_task_once(
    context: Context, litres_of: Callable[[int], float], rules: list[tuple[str, str, bool]]
) -> None:
    await metered(context, litres_of)
    for _ in range(2):
        await water.sweep(context, started=LONG_AGO, now=NOON)
    assert sorted(alarms_of(context)) == sorted(rules)
    with context.database.read() as session:
        assert len(session.scalars(select(Task)).all()) == (1 if rules else 0)


async def test_no_water_and_a_press_are_one_task_as_bad_as_the_press(context: Context) -> None:
    await metered(context, lambda _: 0.0)
    await water.sweep(context, started=LONG_AGO, now=NOON)
    press(context, "sos", at=NOON + FIVE, seq=1)
    with context.database.read() as session:
        task = session.scalars(select(Task)).one()
        assert (task.occurrences, task.severity, task.rule) == (2, "critical", "sos")


async def test_nobody_is_asked_about_water_while_away(context: Context) -> None:
    with context.database.write() as session:
        since, until = NOON - timedelta(days=3), NOON + timedelta(days=1)
        session.add(Absence(resident_id="r2", kind="family", since=since, until=until, created_at=since))
    await metered(context, lambda _: 0.0)
    await water.sweep(context, started=LONG_AGO, now=NOON)
    assert alarms_of(context) == []


async def test_water_again_ends_it(context: Context) -> None:
    await metered(context, lambda number: 50.0 if number == 48 * 12 else 0.0)
    await water.sweep(context, started=LONG_AGO, now=NOON - timedelta(minutes=30))
    assert [rule for rule, _, is_open in alarms_of(context) if is_open] == [WATER_LOW]
    await water.sweep(context, started=LONG_AGO, now=NOON + timedelta(minutes=31))
    assert [rule for rule, _, is_open in alarms_of(context) if is_open] == []
