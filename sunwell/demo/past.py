"""A simulated past: two weeks of readings for some of the demo's homes, so that a rhythm is known at once.

Nobody lived it: it is made up here, written to the time-series store once, and only by the demo. The resident
of the quiet home sleeps little, and has not moved for some hours when the demo begins.
"""

import asyncio
import random
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import update

from server.clock import now, to_ms
from server.context import Context
from server.db.models import Attachment, Rhythm
from server.rhythm import learning
from server.rhythm.watches import Sensor, Watch, watches
from server.timeseries.store import Point

DAYS: Final = 14
QUIET_HOME: Final = 6
QUIET_FOR: Final = timedelta(hours=7)
HOMES: Final = (2, QUIET_HOME, 10, 18, 22)
"""Homes whose radar tells of presence as yes or no."""
_POINT: Final = "occupancy"
_HEARTBEAT: Final = timedelta(minutes=10)


async def settle(context: Context) -> None:
    """Writes the past and learns from it, once."""
    moment = now()
    found = await asyncio.to_thread(_begin, context, moment)
    for number, watch in found.items():
        for sensor in watch.sensors:
            if any(sign.point == _POINT for sign in sensor.signs):
                await context.store.write(_readings(number, watch, sensor, moment))
    if found:
        await learning.learn_all(context, now=moment)


def _begin(context: Context, moment: datetime) -> dict[int, Watch]:
    """The homes that have no past yet; their sensors are said to have hung there for that long."""
    with context.database.write() as session:
        fresh = {
            f"r{number:02}": number for number in HOMES if not _has_past(session.get(Rhythm, f"r{number:02}"))
        }
        found = watches(session, context.catalogue, residents=fresh)
        positions = [sensor.position_id for watch in found.values() for sensor in watch.sensors]
        session.execute(
            update(Attachment)
            .where(Attachment.position_id.in_(positions))
            .values(since=moment - timedelta(days=DAYS + 1))
        )
        session.execute(
            update(Rhythm).where(Rhythm.resident_id.in_(fresh)).values(learned_until=None, days={})
        )
    return {fresh[key]: watch for key, watch in found.items()}


def _has_past(row: Rhythm | None) -> bool:
    return row is not None and any(int(active, 16) for active, _ in row.days.values())


def _readings(number: int, watch: Watch, sensor: Sensor, moment: datetime) -> list[Point]:
    """Two weeks of one radar: a sign of life every ten minutes, somebody gone for a minute now and then."""
    chance = random.Random(number)  # noqa: S311 - a made-up life
    start = moment - timedelta(days=DAYS)
    end = moment - QUIET_FOR if number == QUIET_HOME else moment
    said = {start + _HEARTBEAT * n: 1.0 for n in range(int((moment - start) / _HEARTBEAT))}
    at = start
    while at < end - timedelta(minutes=3):
        if number == QUIET_HOME or 6 <= (at + timedelta(hours=8)).hour < 22:
            said |= {at: 0.0, at + timedelta(minutes=1): 1.0}
        at += timedelta(minutes=chance.uniform(4, 22))
    return [
        Point(
            family=sensor.family,
            area=watch.area_id,
            position=sensor.position_id,
            device=f"d-{sensor.position_id}",
            gateway=sensor.gateway_id,
            time_ms=to_ms(time),
            fields={_POINT: value},
        )
        for time, value in sorted(said.items())
    ]
