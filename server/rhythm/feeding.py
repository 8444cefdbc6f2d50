"""From frames of readings to the newest activity of each resident: one write for many readings.

What is kept in the process may miss an activity (the first value after a start tells no change, another
server may have seen the one before): before anybody is called, `server.rhythm.watching` asks the store.
"""

import asyncio
from datetime import timedelta
from typing import Any, Final

from gateway.wire import DataReading
from server.clock import from_ms, now, to_ms
from server.context import Context
from server.rhythm import repository
from server.rhythm.signs import Sign, active_now
from server.rhythm.watches import watches

RELOAD_S: Final = 60.0
KEEP_S: Final = 5.0
"""At most this often activity is written: a transaction a frame would stand in the way of alarms."""
STEP_MS: Final = 60_000
"""Activity that is newer by less is not worth a write."""
LOOK_AFTER: Final = timedelta(minutes=30)
"""Nobody is missed sooner (`RhythmPolicy.quiet_least` is no less)."""


class Feeder:
    """Hears readings, and keeps who was active. Only its own loop may use it; `load` and `keep` go to a
    thread."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._places: dict[str, tuple[str, tuple[Sign, ...]]] = {}
        self._before: dict[tuple[str, str], float | str] = {}
        self._newest: dict[str, int] = {}
        self._waiting: dict[str, tuple[int, str]] = {}
        self._loaded_at = -RELOAD_S
        self._kept_at = -KEEP_S

    def outdated(self) -> bool:
        """Whether `load` is due."""
        return asyncio.get_running_loop().time() - self._loaded_at >= RELOAD_S

    def due(self) -> bool:
        """Whether `keep` is due."""
        return bool(self._waiting) and asyncio.get_running_loop().time() - self._kept_at >= KEEP_S

    def hear(self, reading: DataReading, time_ms: int) -> None:
        """Takes note of a reading that is stored."""
        place = self._places.get(reading.p)
        if place is None:
            return
        resident_id, signs = place
        for sign in signs:
            said = reading.v.get(sign.point)
            if said is None:
                continue
            value = said if isinstance(said, str) else float(said)
            before = self._before.get((reading.p, sign.point))
            self._before[reading.p, sign.point] = value
            if active_now(sign, value, before):
                self._note(resident_id, min(time_ms, to_ms(now())), sign.point)

    async def load(self) -> None:
        """Reads anew which positions tell of whom."""
        self._loaded_at = asyncio.get_running_loop().time()
        self._places = await asyncio.to_thread(self._load)

    async def keep(self) -> None:
        """Writes the activity that waits."""
        self._kept_at = asyncio.get_running_loop().time()
        waiting, self._waiting = self._waiting, {}
        await asyncio.to_thread(self._keep, waiting)

    def _note(self, resident_id: str, time_ms: int, point: str) -> None:
        if time_ms - self._newest.get(resident_id, 0) >= STEP_MS:
            self._newest[resident_id] = time_ms
            self._waiting[resident_id] = (time_ms, point)

    def _load(self) -> dict[str, tuple[str, tuple[Sign, ...]]]:
        with self._context.database.read() as session:
            found = watches(session, self._context.catalogue)
        return {
            sensor.position_id: (watch.resident_id, sensor.signs)
            for watch in found.values()
            for sensor in watch.sensors
        }

    def _keep(self, waiting: dict[str, tuple[int, str]]) -> None:
        moment = now()
        rows: list[dict[str, Any]] = [
            {
                "resident_id": resident_id,
                "last_active_at": from_ms(time_ms),
                "last_active_point": point,
                "due_at": from_ms(time_ms) + LOOK_AFTER,
                "updated_at": moment,
            }
            for resident_id, (time_ms, point) in sorted(waiting.items())
        ]
        with self._context.database.write() as session:
            repository.put_active(session, rows)
