"""How long a night's learning and a minute's look take, for homes with a presence sensor and a door contact.

python -m benchmarks.rhythm [RESIDENTS]
"""

import asyncio
import random
import resource
import sys
import tempfile
import time
from datetime import timedelta
from pathlib import Path

from sqlalchemy import update

from firmware_profiles import load_catalogue
from server.alarms.texts import RuleTexts
from server.clock import now, to_ms
from server.context import Context
from server.db.database import Database
from server.db.migrate import upgrade
from server.db.models import Area, Attachment, Device, Gateway, Position, Resident, Rhythm
from server.live.bus import Bus
from server.rhythm import learning, watching
from server.settings import ServerSettings
from server.timeseries.sqlite import SqliteStore
from server.timeseries.store import Point

DAYS = 14
SENSORS = {
    "room": ("sonoff-snzb-06p", "fall", "occupancy"),
    "door": ("aqara-mccgq11lm", "well", "cover_open"),
}


class Watch:
    """Time that passed, and time that processors worked for it."""

    def __init__(self) -> None:
        self._began, self._worked = time.perf_counter(), time.process_time()

    def per_thousand(self, count: int) -> str:
        """Both for a thousand of what was done."""
        passed, worked = time.perf_counter() - self._began, time.process_time() - self._worked
        return f"per 1,000: {1000 * passed / count:.1f} s, of a processor {1000 * worked / count:.1f} s"


def _register(database: Database, residents: int) -> None:
    long_ago = now() - timedelta(days=60)
    with database.write() as session:
        session.add(Area(id="grid", kind="grid", name="grid"))
        session.flush()
        session.add(Gateway(id="gw", area_id="grid", name="gw", created_at=long_ago, online=True))
        session.add_all(
            Resident(id=f"r{n}", area_id="grid", name=f"r{n}", address="-") for n in range(residents)
        )
        session.flush()
        for n in range(residents):
            for key, (profile, _, _) in SENSORS.items():
                place = f"r{n}-{key}"
                session.add(
                    Position(id=place, area_id="grid", name=place, resident_id=f"r{n}", created_at=long_ago)
                )
                session.add(
                    Device(
                        id=f"d-{place}",
                        gateway_id="gw",
                        profile=profile,
                        driver="mqtt",
                        address={},
                        created_at=long_ago,
                    )
                )
        session.flush()
        for n in range(residents):
            for key in SENSORS:
                session.add(Attachment(position_id=f"r{n}-{key}", device_id=f"d-r{n}-{key}", since=long_ago))


async def _live(store: SqliteStore, residents: int) -> int:
    """Half-hourly signs of life, and some sixty changes a day."""
    chance = random.Random(1)
    moment, count = to_ms(now()), 0
    for n in range(residents):
        points = []
        for key, (_, family, field) in SENSORS.items():
            times = [moment - n_half * 1_800_000 for n_half in range(DAYS * 48)]
            for day in range(DAYS):
                changes = 60 if key == "room" else 6
                times += [
                    moment - round((day + chance.uniform(0, 0.65)) * 86_400_000) for _ in range(changes)
                ]
            for turn, at in enumerate(sorted(times)):
                points.append(
                    Point(
                        family=family,
                        area="grid",
                        position=f"r{n}-{key}",
                        device=f"d-r{n}-{key}",
                        gateway="gw",
                        time_ms=at,
                        fields={field: float(turn % 2)},
                    )
                )
        await store.write(points)
        count += len(points)
    return count


async def main(residents: int) -> None:
    """Prints the figures."""
    with tempfile.TemporaryDirectory() as folder:
        database = Database(f"sqlite:///{folder}/sunwell.db")
        upgrade(database)
        catalogue = load_catalogue()
        store = SqliteStore(Path(folder) / "readings.db")
        context = Context(
            settings=ServerSettings(data=Path(folder)),
            database=database,
            store=store,
            catalogue=catalogue,
            texts=RuleTexts(catalogue.values()),
            bus=Bus(asyncio.get_running_loop()),
        )
        _register(database, residents)
        readings = await _live(store, residents)
        print(f"{residents} residents, {readings} readings of {DAYS} days")
        for name, at in (("first night", now()), ("next night", now() + timedelta(days=1))):
            watch = Watch()
            done = await learning.learn_all(context, now=at)
            print(f"{name}: {done} learned, {watch.per_thousand(done)}")
        for name, every in (("all are due", 1.0), ("a minute's share", 1 / 30)):
            with database.write() as session:
                chosen = [f"r{n}" for n in range(round(residents * every))]
                session.execute(update(Rhythm).where(Rhythm.resident_id.in_(chosen)).values(due_at=now()))
            watch = Watch()
            await watching.sweep(context, started=now() - timedelta(hours=1), now=now())
            print(f"look, {name}: {watch.per_thousand(len(chosen))}")
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        print(f"peak memory {peak:.0f} MB")
        await store.close()
        database.dispose()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]) if len(sys.argv) > 1 else 1_000))
