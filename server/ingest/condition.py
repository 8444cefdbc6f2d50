"""What gateways say of their condition, to the time-series store: beside the way of alarms, never in it.

The queue is bounded and its oldest go first; a report that is not stored is not missed, the next one follows
within the minute.
"""

import asyncio
from typing import Final

import structlog
from prometheus_client import Counter
from sqlalchemy import select

from gateway.wire import Health
from server.clock import now
from server.context import Context
from server.db.models import Gateway
from server.errors import InvalidError, StoreUnavailableError
from server.gateways.health import point
from server.supervision import survived

log = structlog.get_logger(__name__)
QUEUE: Final = 2_000
"""A city's gateways all come back at once after an outage of the broker."""
BATCH: Final = 500
RETRY_S: Final = 5.0

DROPPED = Counter(
    "sunwell_gateway_health_dropped_total", "Reports of gateways' health left out, by cause", ["cause"]
)


class ConditionWriter:
    """Takes reports from the broker's loop and writes them from its own."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._queue: asyncio.Queue[tuple[str, Health]] = asyncio.Queue(QUEUE)
        self._failing = False

    def put(self, gateway_id: str, health: Health) -> None:
        """Queues a report; the oldest makes room for it."""
        if self._queue.full():
            self._queue.get_nowait()
            DROPPED.labels("queue_full").inc()
        self._queue.put_nowait((gateway_id, health))

    async def run(self) -> None:
        """Writes until cancelled."""
        while True:
            batch = [await self._queue.get()]
            while len(batch) < BATCH and not self._queue.empty():
                batch.append(self._queue.get_nowait())
            with survived("gateway_health_not_written"):
                await self._write(batch)

    async def _write(self, batch: list[tuple[str, Health]]) -> None:
        try:
            areas = await asyncio.to_thread(self._areas)
            moment = now()
            await self._context.store.write(
                [point(name, areas[name], health, now=moment) for name, health in batch if name in areas]
            )
        except (StoreUnavailableError, InvalidError) as error:
            DROPPED.labels("store").inc(len(batch))
            if not self._failing:
                log.warning("gateway_health_not_stored", detail=error.message[:300])
            self._failing = True
            await asyncio.sleep(RETRY_S)
        else:
            self._failing = False

    def _areas(self) -> dict[str, str]:
        with self._context.database.read() as session:
            return dict(session.execute(select(Gateway.id, Gateway.area_id)).all())
