"""What the time-series store has of one resident's life: when there was activity, and when nothing was heard.

Read in slots of five minutes, so that a sensor that speaks each second costs no more than a quiet one.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, time, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from server.rhythm.signs import Sign, active_at, active_in, litres
from server.rhythm.usual import ALL_DAY, SLOT, SLOTS, Day
from server.rhythm.watches import Sensor, Watch
from server.timeseries.store import Bucket, TextValue, TimeSeriesStore

WIDTH_MS: Final = SLOT * 60_000
HALF_HOUR: Final = timedelta(minutes=30)
_PAGE: Final = 2_000


@dataclass(frozen=True, slots=True)
class Span:
    """From when up to when."""

    start: datetime
    end: datetime


@dataclass(frozen=True, slots=True)
class Trace:
    """Activity (moments, in order, with the point that told; those of the stores' buckets are a slot's
    beginning), and the spans in which a sensor that should have spoken did not: together, and by position."""

    active: list[tuple[datetime, str]] = field(default_factory=list)
    missing: list[Span] = field(default_factory=list)
    silent: Mapping[str, list[Span]] = field(default_factory=dict)

    def last(self) -> tuple[datetime, str] | None:
        """The newest activity."""
        return self.active[-1] if self.active else None


async def trace(store: TimeSeriesStore, watch: Watch, *, start: datetime, end: datetime) -> Trace:
    """The trace of a resident from `start` up to `end`. Raises StoreUnavailableError."""
    active: list[tuple[datetime, str]] = []
    silent: dict[str, list[Span]] = {}
    for sensor in watch.sensors:
        moments, heard = await _sensor(store, sensor, start, end)
        active += moments
        silent[sensor.position_id] = silences(sensor, sorted(heard), start=start, end=end)
    return Trace(sorted(active), missing_of(watch, silent, start=start), silent)


def missing_of(watch: Watch, silent: Mapping[str, list[Span]], *, start: datetime) -> list[Span]:
    """The spans from `start` on in which one of the watch's sensors was silent, or none was there yet."""
    missing = [span for sensor in watch.sensors for span in silent.get(sensor.position_id, ())]
    if watch.sensors:
        there = min(sensor.since for sensor in watch.sensors)
        missing += [Span(start, there)] if there > start else []
    return merged(missing)


def heard_of(watch: Watch, silent: Mapping[str, list[Span]], *, now: datetime) -> Watch:
    """The watch without the sensors that are silent now."""
    lately = now - timedelta(minutes=SLOT)
    heard = (
        sensor
        for sensor in watch.sensors
        if all(span.end < lately for span in silent.get(sensor.position_id, ()))
    )
    return replace(watch, sensors=tuple(heard))


def dead_on(watch: Watch, silent: Mapping[str, list[Span]], day: date, zone: ZoneInfo) -> frozenset[str]:
    """The positions whose sensor said nothing on that whole day, while another of the home did: such a day is
    learned from the others. When gateways were away the record says."""
    mute = {
        sensor.position_id
        for sensor in watch.sensors
        if missing_mask(silent.get(sensor.position_id, []), day, zone) == ALL_DAY
    }
    return frozenset(mute) if len(mute) < len(watch.sensors) else frozenset()


async def water_use(
    store: TimeSeriesStore, watch: Watch, *, start: datetime, end: datetime
) -> list[tuple[datetime, float]]:
    """Litres by half hour, for all meters together; a half hour in which one said nothing is left out."""
    total: dict[datetime, float] = {}
    told: dict[datetime, int] = {}
    meters = [(sensor, sign) for sensor in watch.sensors for sign in sensor.signs if sign.kind == "water"]
    for sensor, sign in meters:
        buckets = await store.series(
            family=sensor.family,
            position=sensor.position_id,
            field=sign.point,
            start=start,
            end=end,
            width_ms=round(HALF_HOUR.total_seconds() * 1000),
        )
        for at, amount in litres(sign, buckets):
            total[at] = total.get(at, 0.0) + amount
            told[at] = told.get(at, 0) + 1
    return [(at, total[at]) for at in sorted(total) if told[at] == len(meters)]


def silences(sensor: Sensor, heard: list[datetime], *, start: datetime, end: datetime) -> list[Span]:
    """The spans without a sign of life that are longer than this sensor may be silent."""
    if sensor.silent_after_ms is None:
        return []
    limit = timedelta(milliseconds=sensor.silent_after_ms + WIDTH_MS)
    found: list[Span] = []
    before = max(start, sensor.since)
    for at in (*heard, end):
        if at - before > limit:
            found.append(Span(before, at))
        before = max(before, at)
    if not heard and not found:  # it may be silent for longer than this span: what is before it is not known
        return [Span(start, end)] if end - start >= limit else []
    return found


def merged(spans: list[Span]) -> list[Span]:
    """The same time in spans that do not overlap, in order."""
    found: list[Span] = []
    for span in sorted(spans, key=lambda each: each.start):
        if found and span.start <= found[-1].end:
            found[-1] = Span(found[-1].start, max(found[-1].end, span.end))
        else:
            found.append(span)
    return found


def days_of(trace_: Trace, zone: ZoneInfo, *, first: date, last: date) -> list[Day]:
    """The trace as days, both ends included."""
    active = dict.fromkeys(_dates(first, last), 0)
    for at, _ in trace_.active:
        local = at.astimezone(zone)
        if local.date() in active:
            active[local.date()] |= 1 << (local.hour * 60 + local.minute) // SLOT
    return [Day(day, mask, missing_mask(trace_.missing, day, zone)) for day, mask in active.items()]


def missing_mask(spans: list[Span], day: date, zone: ZoneInfo) -> int:
    """The slots of that day that lie in one of the spans, even in part."""
    begin = datetime.combine(day, time(0), zone).astimezone(UTC)
    mask = 0
    for span in spans:
        first = (span.start - begin) // timedelta(minutes=SLOT)
        last = -((begin - span.end) // timedelta(minutes=SLOT)) - 1
        if last < 0 or first >= SLOTS:
            continue
        first, last = max(first, 0), min(last, SLOTS - 1)
        mask |= ((1 << (last - first + 1)) - 1) << first
    return mask & ALL_DAY


async def _sensor(
    store: TimeSeriesStore, sensor: Sensor, start: datetime, end: datetime
) -> tuple[list[tuple[datetime, str]], set[datetime]]:
    active: list[tuple[datetime, str]] = []
    heard: set[datetime] = set()
    for sign in sensor.signs:
        if sign.numeric:
            buckets = await _buckets(store, sensor, sign, start, end)
            heard.update(bucket.time for bucket in buckets)
            moments = active_in(sign, buckets)
        else:
            texts = await _texts(store, sensor, sign, start, end)
            heard.update(text.time for text in texts if text.time >= start)
            moments = active_at(sign, texts)
        active += [(at, sign.point) for at in moments if at >= start]
    return active, heard


async def _buckets(
    store: TimeSeriesStore, sensor: Sensor, sign: Sign, start: datetime, end: datetime
) -> list[Bucket]:
    return await store.series(
        family=sensor.family,
        position=sensor.position_id,
        field=sign.point,
        start=start,
        end=end,
        width_ms=WIDTH_MS,
    )


async def _texts(
    store: TimeSeriesStore, sensor: Sensor, sign: Sign, start: datetime, end: datetime
) -> list[TextValue]:
    """All of them: of a state that is told often the store gives the newest first, page by page."""
    found: list[TextValue] = []
    until = end
    while True:
        page = await store.texts(
            family=sensor.family,
            position=sensor.position_id,
            field=sign.point,
            start=start,
            end=until,
            limit=_PAGE,
        )
        found = page + found
        if len(page) < _PAGE or page[0].time <= start:
            return found
        until = page[0].time


def _dates(first: date, last: date) -> list[date]:
    return [first + timedelta(days=n) for n in range((last - first).days + 1)]
