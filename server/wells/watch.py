"""What is looked at again and again at the wells: people below each few seconds, water and angles each half
minute. Several servers may do so: rows and unique indices decide who raises."""

import asyncio
from collections import deque
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Final

import structlog

from server.clock import now
from server.context import Context
from server.db.models import Position
from server.devices.views import Latest
from server.errors import ConflictError, InvalidError
from server.policies import service as policies
from server.readings import service as readings
from server.supervision import survived
from server.wells import baseline, entry, levels, water
from server.wells.core import Sample, Water, settled
from server.wells.core import water as judged
from server.wells.newest import newest as of_wells
from server.wells.policy import WellPolicy

log = structlog.get_logger(__name__)
BELOW_S: Final = 5.0
"""People below: what a sensor says reaches them within this and the time to tell."""
ROUND: Final = timedelta(seconds=30)
HISTORIES: Final = 50
"""Pasts that are asked for in one round after a start, so that a thousand wells do not stop the store."""
MOST: Final = 600
"""Samples kept of a well: ten minutes of one that is polled each second."""
BUCKETS: Final = 60


class Watch:
    """The watch of one server process. `levels` is how the water stands, by position."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._samples: dict[str, deque[Sample]] = {}
        self._round_at: datetime | None = None
        self.levels: dict[str, tuple[levels.LevelPoint, Water]] = {}

    async def run(self) -> None:
        """Looks until it is cancelled. A store or database that does not answer is said and tried again."""
        while True:
            with survived("wells_not_watched"):
                await self.look(now())
            await asyncio.sleep(BELOW_S)

    async def look(self, moment: datetime) -> None:
        """One look: at people below, and when it is time at water and angles."""
        below = await asyncio.to_thread(self._anybody_below)
        due = self._round_at is None or abs(moment - self._round_at) >= ROUND
        if not (below or due):
            return
        latest: Latest = {}
        with survived("wells_without_readings"):
            latest = await of_wells(self._context, now=moment)
        if below:  # whose air was to be read again is known without the store
            with survived("nobody_looked_below"):
                await asyncio.to_thread(self._look_below, latest, moment)
        if due:
            self._round_at = moment
            with survived("water_not_watched"):
                await self._look_at_water(latest, moment)
            with survived("angles_not_measured"):
                await self._measure(latest, moment)

    def _anybody_below(self) -> bool:
        with self._context.database.read() as session:
            return entry.anybody_below(session)

    def _look_below(self, latest: Latest, moment: datetime) -> None:
        with self._context.database.write() as session:
            entry.watch(session, latest, now=moment)

    async def _look_at_water(self, latest: Latest, moment: datetime) -> None:
        points, depths, policy = await asyncio.to_thread(self._facts)
        window = timedelta(minutes=policy.rise_window_min)
        asked = 0
        found: dict[str, tuple[levels.LevelPoint, Water]] = {}
        for point in points:
            newest = levels.sample(point, latest.get(point.position_id, ()))
            if newest is None:
                continue
            known = self._samples.get(point.position_id)
            if known is None:
                if asked >= HISTORIES:
                    continue
                asked += 1
                known = deque(await self._past(point, window, moment), MOST)
                self._samples[point.position_id] = known
            if not known or newest.at > known[-1].at:
                known.append(newest)
            stands = judged(known, policy, depth_m=depths.get(point.well_id))
            if stands is not None:
                found[point.position_id] = (point, stands)
        self.levels = found
        await asyncio.to_thread(self._judge, found, moment)

    async def _past(self, point: levels.LevelPoint, window: timedelta, moment: datetime) -> list[Sample]:
        buckets = await readings.series(
            self._context.store,
            family=point.family,
            position=point.position_id,
            point=point.point,
            start=moment - window,
            end=moment,
            buckets=BUCKETS,
        )
        return [Sample(bucket.time, point.level(bucket.mean)) for bucket in buckets]

    def _facts(self) -> tuple[list[levels.LevelPoint], Mapping[str, float | None], WellPolicy]:
        with self._context.database.read() as session:
            return (
                water.points(session, self._context.catalogue),
                water.depths(session),
                policies.current(session, WellPolicy),
            )

    def _judge(self, found: water.Levels, moment: datetime) -> None:
        with self._context.database.read() as session:
            todo = water.judge(session, found, now=moment, write=False)
        if todo:
            with self._context.database.write() as session:
                water.judge(session, found, now=moment, write=True)

    async def _measure(self, latest: Latest, moment: datetime) -> None:
        """Takes the installed angles of covers that were signed for and lie still."""
        for pending in await asyncio.to_thread(self._pending, moment):
            opened = any(
                value.field == "cover_open" and value.value == 1.0 and not value.is_status
                for value in latest.get(pending.position_id, ())
            )
            angles: dict[str, float] = {}
            for point in pending.points:
                buckets = await readings.series(
                    self._context.store,
                    family=pending.family,
                    position=pending.position_id,
                    point=point,
                    start=pending.since,
                    end=moment,
                    buckets=readings.MAXIMUM_BUCKETS,
                )
                ends = [angle for bucket in buckets[-2:] for angle in (bucket.minimum, bucket.maximum)]
                angle = settled(ends) if len(buckets) > 1 else None
                if angle is not None:
                    angles[point] = angle
            if not opened and set(angles) == set(pending.points):
                await asyncio.to_thread(self._put, pending.position_id, angles, moment)

    def _pending(self, moment: datetime) -> list[baseline.Pending]:
        with self._context.database.read() as session:
            return baseline.pending(session, catalogue=self._context.catalogue, now=moment)

    def _put(self, position_id: str, angles: dict[str, float], moment: datetime) -> None:
        try:
            with self._context.database.write() as session:
                # Locked: another server measures the same position, and one measurement is enough.
                session.get_one(Position, position_id, with_for_update=True)
                waiting = baseline.pending(session, catalogue=self._context.catalogue, now=moment)
                if any(one.position_id == position_id for one in waiting):
                    baseline.put(
                        session,
                        position_id,
                        angles,
                        user_id=None,
                        catalogue=self._context.catalogue,
                        now=moment,
                    )
        except (ConflictError, InvalidError) as error:
            log.warning("baseline_not_taken", position=position_id, detail=error.message[:200])
