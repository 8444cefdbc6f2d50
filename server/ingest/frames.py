"""Frames of readings to the time-series store: many frames a write, acknowledged when they are stored.

The queue is bounded: what does not fit is dropped unacknowledged, and its gateway sends it again. So a
slow or absent store costs nothing but time, and alarms do not wait behind it: they have their own way in.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

import structlog
from prometheus_client import Counter, Gauge
from sqlalchemy import select

from gateway.wire import AckMessage, DataFrame, DataReading, WireError, decode
from server.clock import now, to_ms
from server.context import Context
from server.db.models import Attachment, Device, Position
from server.errors import InvalidError
from server.gateways import service as gateways
from server.ingest import quarantine
from server.ingest.firmware import FirmwareReports
from server.ingest.guests import Guests
from server.ingest.witnessing import Witnesses
from server.kiosks.visitors import is_personal
from server.rhythm.feeding import Feeder
from server.supervision import OUTAGES, survived
from server.timeseries.store import Point, split

log = structlog.get_logger(__name__)
QUEUE: Final = 500
"""Frames waiting to be written; of 50 readings each, about 5 MB."""
BATCH: Final = 100
RETRY_S: Final = 1.0
RELOAD_S: Final = 1.0
REFRESH_S: Final = 60.0
"""How long hardware that was taken away may still pass for being there: until its gateway has been told, a
second usually."""
HEARD_STEP_S: Final = 5.0
"""At most this often it is written that a gateway was heard: ten frames a second cost one write."""
OLDEST_MS: Final = 1_577_836_800_000
"""2020-01-01. A reading from before has no clock behind it."""
AHEAD: Final = timedelta(hours=24)

READINGS = Counter("sunwell_readings_total", "Readings stored")
FRAMES_DROPPED = Counter("sunwell_frames_dropped_total", "Frames left to be sent again, by cause", ["cause"])
LAG = Gauge("sunwell_frames_waiting", "Frames received and not stored yet")


@dataclass(frozen=True, slots=True)
class Arrived:
    """A frame as it came."""

    gateway: str
    topic: str
    payload: bytes


@dataclass(frozen=True, slots=True)
class _Place:
    """A position: the gateways that it is or was read through, and its devices with the moment (UTC
    milliseconds) when each was taken away; None while it is there."""

    area: str
    gateways: frozenset[str]
    devices: dict[str, int | None]


class FrameWriter:
    """Takes frames from the broker's loop and writes them from its own."""

    def __init__(self, context: Context, acknowledge: Callable[[str, AckMessage], Awaitable[None]]) -> None:
        self._context = context
        self._acknowledge = acknowledge
        self._queue: asyncio.Queue[Arrived] = asyncio.Queue(QUEUE)
        self._firmware = FirmwareReports(context)
        self._witnesses = Witnesses(context)
        self._guests = Guests(context)
        self._rhythms = Feeder(context)
        self._places: dict[str, _Place] = {}
        self._loaded_at = -RELOAD_S
        self._heard_at: dict[str, float] = {}
        self._failing = False

    def put(self, frame: Arrived) -> None:
        """Queues a frame, or drops it unacknowledged where the queue is full."""
        try:
            self._queue.put_nowait(frame)
        except asyncio.QueueFull:
            FRAMES_DROPPED.labels("queue_full").inc()

    async def run(self) -> None:
        """Writes until cancelled."""
        while True:
            batch = [await self._queue.get()]
            while len(batch) < BATCH and not self._queue.empty():
                batch.append(self._queue.get_nowait())
            LAG.set(self._queue.qsize())
            try:
                await self._write_all(batch)
            except OUTAGES as error:
                FRAMES_DROPPED.labels("store_unavailable").inc(len(batch))
                if not self._failing:
                    log.warning("store_unavailable", detail=str(error)[:300])
                self._failing = True
                await asyncio.sleep(RETRY_S)
            else:
                if self._failing:
                    log.info("store_back")
                self._failing = False

    async def _write_all(self, batch: list[Arrived]) -> None:
        """Together; where that fails for another reason than the store's, each frame alone. One that nobody
        reckoned with is kept where people look, and acknowledged: it would come again and again, and in the
        end nothing else of its gateway."""
        with survived("frames_not_written", outages=False, frames=len(batch)) as failed:
            await self._write(batch)
        if failed and len(batch) == 1:
            await self._give_up(batch[0], "failed", failed[0])
        elif failed:
            for arrived in batch:
                await self._write_all([arrived])

    async def _give_up(self, arrived: Arrived, reason: str, detail: str) -> None:
        await self._refuse(arrived, reason, detail)
        ack = quarantine.acknowledgement("data", arrived.payload)
        if ack is not None:
            await self._acknowledge(arrived.gateway, ack)

    async def _write(self, batch: list[Arrived]) -> None:
        points: list[Point] = []
        shown: list[tuple[DataReading, int]] = []
        if self._witnesses.due():
            await asyncio.to_thread(self._witnesses.load)
        if self._rhythms.outdated():
            await self._rhythms.load()
        acks: dict[tuple[str, str], list[int]] = {}
        for arrived in batch:
            try:
                frame: DataFrame = decode("up/data", arrived.payload)
            except WireError as error:
                await self._give_up(arrived, "unreadable", str(error))
                continue
            points += await self._points(arrived, frame, shown)
            acks.setdefault((arrived.gateway, frame.epoch), []).append(frame.seq)
        try:
            await self._context.store.write(points)
        except InvalidError as error:
            # The store took what it could and refused the rest for good: sending it again would not help.
            for arrived in batch:
                await self._refuse(arrived, "store_refused", error.message)
        READINGS.inc(len(points))
        await self._note_heard({gateway for gateway, _ in acks})
        if self._guests.waiting:
            await asyncio.to_thread(self._guests.keep)
        if self._firmware.waiting:
            await asyncio.to_thread(self._firmware.keep)
        if shown:
            await asyncio.to_thread(self._witnesses.keep, shown)
        if self._rhythms.due():
            await self._rhythms.keep()
        for (gateway, epoch), seqs in acks.items():
            await self._acknowledge(gateway, AckMessage(lane="data", epoch=epoch, seqs=seqs))

    async def _points(
        self, arrived: Arrived, frame: DataFrame, shown: list[tuple[DataReading, int]]
    ) -> list[Point]:
        points, wrong = [], []
        for reading in frame.readings:
            place = await self._place(reading.p, reading.d)
            if place is None or arrived.gateway not in place.gateways:
                wrong.append(f"position {reading.p!r} is not read through this gateway")
                continue
            time_ms = _plausible(reading)
            if time_ms is None:
                wrong.append(f"position {reading.p!r}: impossible time {reading.t}")
                continue
            away_ms = place.devices.get(reading.d)
            if away_ms is not None and time_ms > away_ms:
                # Kept apart: with the values of hardware that is gone, its position would look fresh.
                wrong.append(f"position {reading.p!r}: device {reading.d!r} is not there any more")
                continue
            if time_ms != reading.t:
                wrong.append(f"position {reading.p!r}: time {reading.t} replaced by its receipt")
            self._firmware.hear(arrived.gateway, reading)
            self._rhythms.hear(reading, time_ms)
            if self._witnesses.wants(reading):
                shown.append((reading, time_ms))
            values, statuses = reading.v, reading.s
            if is_personal(values) or is_personal(statuses):
                values, statuses = await self._guests.veil(reading, time_ms)
            points.append(
                Point(
                    family=reading.f,
                    area=place.area,
                    position=reading.p,
                    device=reading.d,
                    gateway=arrived.gateway,
                    time_ms=time_ms,
                    fields=split(values, statuses),
                )
            )
        if wrong:
            await self._refuse(arrived, "readings_refused", "; ".join(sorted(set(wrong))))
        return points

    async def _place(self, position: str, device: str) -> _Place | None:
        """The position, read anew where it or its device is not known: it may just have been swapped."""
        loop = asyncio.get_running_loop()
        place = self._places.get(position)
        known = place is not None and place.devices.get(device, 0) is None
        if loop.time() - self._loaded_at >= (REFRESH_S if known else RELOAD_S):
            self._loaded_at = loop.time()
            self._places = await asyncio.to_thread(self._load_places)
        return self._places.get(position)

    def _load_places(self) -> dict[str, _Place]:
        query = (
            select(Position.id, Position.area_id, Device.gateway_id, Device.id, Attachment.until)
            .join(Attachment, Attachment.position_id == Position.id)
            .join(Device, Device.id == Attachment.device_id)
            .order_by(Attachment.since, Attachment.id)
        )
        found: dict[str, _Place] = {}
        with self._context.database.read() as session:
            for position, area, gateway, device, until in session.execute(query):
                before = found.get(position)
                found[position] = _Place(
                    area,
                    (before.gateways if before else frozenset()) | {gateway},
                    {
                        **(before.devices if before else {}),
                        device: None if until is None else to_ms(until),
                    },
                )
        return found

    async def _note_heard(self, gateway_ids: set[str]) -> None:
        """Alive follows data, but a transaction a frame would stand in the way of alarms."""
        moment = asyncio.get_running_loop().time()
        due = {one for one in gateway_ids if moment - self._heard_at.get(one, -HEARD_STEP_S) >= HEARD_STEP_S}
        if due:
            await asyncio.to_thread(self._heard, due)
            self._heard_at |= dict.fromkeys(due, moment)

    def _heard(self, gateway_ids: set[str]) -> None:
        with self._context.database.write() as session:
            for gateway_id in sorted(gateway_ids):
                gateways.heard_data(session, gateway_id=gateway_id, now=now())

    async def _refuse(self, arrived: Arrived, reason: str, detail: str) -> None:
        await asyncio.to_thread(self._quarantine, arrived, reason, detail)

    def _quarantine(self, arrived: Arrived, reason: str, detail: str) -> None:
        with self._context.database.write() as session:
            quarantine.keep(
                session,
                gateway_id=arrived.gateway,
                topic=arrived.topic,
                reason=reason,
                detail=detail,
                payload=arrived.payload,
                now=now(),
            )


def _plausible(reading: DataReading) -> int | None:
    """The reading's time; the time of its receipt where that is impossible; None where both are."""
    latest = to_ms(now() + AHEAD)
    return next((time for time in (reading.t, reading.r) if OLDEST_MS <= time <= latest), None)
