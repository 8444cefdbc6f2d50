"""Learning anew each night: the last days are read from the store, a few hundred residents at a time."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime, time, timedelta
from typing import Any, Final

from server.context import Context
from server.policies import service as policies
from server.rhythm import repository
from server.rhythm.policy import RhythmPolicy
from server.rhythm.traces import Span, days_of, dead_on, missing_mask, missing_of, trace
from server.rhythm.turns import Turns
from server.rhythm.usual import Day, learn
from server.rhythm.watches import Watch, watches

CHUNK: Final = 200
"""Residents in memory at a time."""
AGAIN_DAYS: Final = 3
"""Days that are read again each night: what gateways kept through an outage comes late."""
AT_ONCE: Final = 8
"""Residents whose readings are asked for at the same time."""


async def learn_all(context: Context, *, now: datetime) -> int:
    """Learns for all whose rhythm does not reach up to the last midnight; how many. Raises
    StoreUnavailableError: what was learned until then is kept."""
    count = 0
    while True:
        done = await learn_some(context, now=now)
        count += done
        if done < CHUNK:
            return count


async def learn_some(context: Context, *, now: datetime, limit: int = CHUNK) -> int:
    """The same for at most `limit` residents."""
    policy, found, kept = await asyncio.to_thread(_look, context, now, limit)
    if not found:
        return 0
    midnight = _midnight(now, policy)
    gaps = await asyncio.to_thread(_gaps, context, found, midnight, policy, now)
    few, turns = asyncio.Semaphore(AT_ONCE), Turns()
    rows: list[dict[str, Any]] = []

    async def one(resident_id: str, watch: Watch | None) -> None:
        async with few:
            if turns.is_over:
                return
            with turns.one("rhythm_not_learned", resident_id):
                days = await _days(context, watch, kept.get(resident_id, {}), gaps, midnight, policy)
                learned = await asyncio.to_thread(learn, days, policy)  # ten milliseconds others would wait
                rows.append(
                    {
                        "resident_id": resident_id,
                        "learned": repository.pack(learned),
                        "days": repository.pack_days(days),
                        "learned_until": midnight,
                        "updated_at": now,
                        "due_at": None if watch is None else now,
                    }
                )

    await asyncio.gather(*(one(resident_id, watch) for resident_id, watch in found.items()))
    if rows:
        await asyncio.to_thread(_keep, context, rows)
    return len(rows)


def _look(
    context: Context, now: datetime, limit: int
) -> tuple[RhythmPolicy, dict[str, Watch | None], dict[str, dict[str, Any]]]:
    with context.database.read() as session:
        policy = policies.current(session, RhythmPolicy)
        residents = repository.unlearned(session, until=_midnight(now, policy), limit=limit)
        if not residents:
            return policy, {}, {}
        watched = watches(session, context.catalogue, residents=residents)
        kept = repository.kept_days(session, residents)
    return policy, {resident_id: watched.get(resident_id) for resident_id in residents}, kept


def _gaps(
    context: Context,
    found: Mapping[str, Watch | None],
    midnight: datetime,
    policy: RhythmPolicy,
    now: datetime,
) -> dict[str, list[Span]]:
    """By resident: absences, and silences of gateways, that the record knows of; by position: those of its
    sensor."""
    since = midnight - timedelta(days=policy.learn_days)
    watched = [watch for watch in found.values() if watch is not None]
    sensors = [sensor for watch in watched for sensor in watch.sensors]
    with context.database.read() as session:
        absent = repository.absences(session, found, since=since, until=now)
        silent = repository.silent_spans(
            session,
            residents=[watch.resident_id for watch in watched],
            gateways={sensor.gateway_id for sensor in sensors},
            positions={sensor.position_id for sensor in sensors},
            since=since,
            now=now,
        )
    for watch in watched:
        gateways = {sensor.gateway_id for sensor in watch.sensors}
        spans = [span for place in (watch.resident_id, *gateways) for span in silent.get(place, [])]
        absent[watch.resident_id] = absent.get(watch.resident_id, []) + spans
    return absent | {sensor.position_id: silent.get(sensor.position_id, []) for sensor in sensors}


async def _days(
    context: Context,
    watch: Watch | None,
    kept: Mapping[str, Sequence[str]],
    gaps: Mapping[str, list[Span]],
    midnight: datetime,
    policy: RhythmPolicy,
) -> list[Day]:
    if watch is None:
        return []
    today = midnight.astimezone(policy.tz).date()
    oldest, last = today - timedelta(days=policy.learn_days), today - timedelta(days=1)
    days = {day.date: day for day in repository.unpack_days(kept) if day.date >= oldest}
    first = max(oldest, last - timedelta(days=AGAIN_DAYS - 1)) if days else oldest
    read = await trace(context.store, watch, start=_begin(first, policy), end=midnight)
    start = _begin(first, policy)
    for day in days_of(read, policy.tz, first=first, last=last):
        dead = dead_on(watch, read.silent, day.date, policy.tz)
        alive = replace(watch, sensors=tuple(one for one in watch.sensors if one.position_id not in dead))
        spans = missing_of(alive, read.silent, start=start)
        spans += [span for sensor in alive.sensors for span in gaps.get(sensor.position_id, [])]
        days[day.date] = Day(day.date, day.active, missing_mask(spans, day.date, policy.tz))
    spans = gaps.get(watch.resident_id, [])
    return [
        Day(day.date, day.active, day.missing | missing_mask(spans, day.date, policy.tz))
        for _, day in sorted(days.items())
    ]


def _keep(context: Context, rows: Sequence[dict[str, Any]]) -> None:
    with context.database.write() as session:
        repository.put_learned(session, sorted(rows, key=lambda row: str(row["resident_id"])))


def _midnight(now: datetime, policy: RhythmPolicy) -> datetime:
    return _begin(now.astimezone(policy.tz).date(), policy)


def _begin(day: date, policy: RhythmPolicy) -> datetime:
    return datetime.combine(day, time(0), policy.tz)
