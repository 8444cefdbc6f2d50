"""Each minute: who is missed now? Whoever is due is looked at in the store, and an alarm is raised or ended.

Several servers may do so at once: a quiet that began at one moment has one number, and is recorded once.
A sensor that is silent, or whose gateway is, is left out (coverage tells of that): the others go on. Nothing
is concluded where none is left, or while the resident is away.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, time, timedelta
from typing import Any, Final

import structlog
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from gateway.rules.model import TaskKind
from server.alarms import repository as records
from server.alarms import service as alarms
from server.alarms.texts import INACTIVITY
from server.clock import from_ms, to_ms
from server.context import Context
from server.db.models import Alarm
from server.policies import service as policies
from server.rhythm import repository
from server.rhythm.core import Deviation, Fixed, State, earliest_look, judge, next_look
from server.rhythm.policy import RhythmPolicy
from server.rhythm.traces import Span, Trace, days_of, heard_of, missing_of, trace, water_use
from server.rhythm.turns import Turns
from server.rhythm.usual import SLOT, Learned, up_today
from server.rhythm.watches import Watch, kinds_of, watches

log = structlog.get_logger(__name__)
ROUND: Final = 2_000
"""Residents looked at in one round; of them only the few suspects cost more than a millisecond."""
BACK: Final = timedelta(hours=48)
"""How far back the store is asked: longer than the slowest heartbeat of a home's sensors (25 h)."""
SOON: Final = timedelta(minutes=5)
SERVER: Final = "server"
_BODY: Final = frozenset({"motion", "bed"})
"""Kinds of sensor that see a person, not what they use."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Suspect:
    """A resident who may be missed: what is learned, laid down and heard of them."""

    watch: Watch
    learned: Learned
    fixed: Fixed
    heard_at: datetime | None
    fresh_from: datetime | None
    cut_off: frozenset[str] = frozenset()  # gateways that are not there


@dataclass(frozen=True, slots=True, kw_only=True)
class Round:
    """What one round begins with."""

    policy: RhythmPolicy
    suspects: list[Suspect]
    later: dict[str, datetime]
    open: list[tuple[Alarm, Suspect | None]]
    ended: set[int]


async def sweep(context: Context, *, started: datetime, now: datetime) -> int:
    """One round; how many alarms were raised or grew worse."""
    begun = await asyncio.to_thread(_begin, context, now)
    raised, turns = 0, Turns()
    looks = dict(begun.later)
    for alarm, suspect in begun.open:
        if turns.is_over:
            break
        with turns.one("quiet_not_ended", alarm.source_id):
            if alarm.task_id in begun.ended:  # a person has been there: from now on it counts afresh
                await asyncio.to_thread(_end, context, alarm.source_id, "task", now)
            else:
                await _maybe_end(context, alarm, suspect, now=now)
    if now - started < timedelta(minutes=begun.policy.start_grace) and not context.demo:
        begun.suspects.clear()  # what gateways kept meanwhile is still on its way
    for suspect in begun.suspects:
        if turns.is_over:
            break
        resident_id = suspect.watch.resident_id
        looks[resident_id] = now + SOON
        with turns.one("quiet_not_judged", resident_id):
            look, found = await _look_at(context, begun.policy, suspect, now=now)
            if found is not None:
                raised += await asyncio.to_thread(_raise, context, suspect, begun.policy, found, now)
            looks[resident_id] = look
    if looks:
        await asyncio.to_thread(_set_due, context, looks)
    return raised


def state_of(
    read: Trace,
    policy: RhythmPolicy,
    learned: Learned,
    *,
    kinds: frozenset[str],
    heard_at: datetime | None,
    fresh_from: datetime,
    now: datetime,
) -> State:
    """Where things stand by the store's trace and the newest activity that ingest heard."""
    seen = read.last()
    last = max((at for at in (seen and seen[0], heard_at) if at is not None and at <= now), default=None)
    today = now.astimezone(policy.tz).date()
    (day,) = days_of(read, policy.tz, first=today, last=today)
    local = now.astimezone(policy.tz)
    minute = up_today(day.active, learned.on(today), policy, minute=local.hour * 60 + local.minute)
    midnight = datetime.combine(today, time(0), policy.tz)
    up_at = None if minute is None else midnight + timedelta(minutes=minute)
    return State(last=last, fresh_from=fresh_from, up_at=up_at, kinds=kinds)


def fresh_from(read: Trace, *, start: datetime, after: datetime | None, now: datetime) -> datetime | None:
    """From when on quiet can be concluded: the end of the last gap or absence. None while a gap lasts."""
    moment = start if after is None else max(start, after)  # stays where it is while the window moves on
    for span in read.missing:
        if span.end >= now - timedelta(minutes=SLOT):
            return None
        moment = max(moment, span.end)
    return moment


def breach_of(resident_id: str, since: datetime) -> str:
    """The name of one stretch of quiet."""
    return f"{INACTIVITY}:{resident_id}:{to_ms(since)}"


def since_of(alarm: Alarm) -> datetime:
    """Since when it was quiet, of an alarm of ours."""
    return from_ms(int(alarm.breach.rpartition(":")[2]))


def why(found: Deviation) -> dict[str, Any]:
    """The reason, as it is kept with the occurrence."""
    return {
        "kind": found.kind.value,
        "since": found.since.isoformat(),
        "usual": found.usual,
        "days": found.learned_days,
        **({"without": sorted(found.without)} if found.without else {}),
    }


def _begin(context: Context, now: datetime) -> Round:
    with context.database.read() as session:
        policy = policies.current(session, RhythmPolicy)
        rows = repository.due(session, now=now, limit=ROUND)
        open_ones = repository.open_alarms(session)
        residents = {row.resident_id for row in rows} | {alarm.source_id for alarm in open_ones}
        if not residents:
            return Round(policy=policy, suspects=[], later={}, open=[], ended=set())
        watched = watches(session, context.catalogue, residents=residents)
        absent = repository.absences(session, residents, since=now - BACK, until=now + BACK)
        answered = repository.answered(session, residents)
        ended = repository.ended_tasks(session, [alarm.task_id for alarm in open_ones])
        gateways = {sensor.gateway_id for watch in watched.values() for sensor in watch.sensors}
        away = repository.offline_gateways(session, gateways)
        heard = {alarm.source_id: repository.last_active(session, alarm.source_id) for alarm in open_ones}
        fewer = repository.fewer(session, residents)
    later: dict[str, datetime] = {}
    suspects: list[Suspect] = []
    for row in rows:
        watch = watched.get(row.resident_id)
        look = _not_now(watch, absent.get(row.resident_id, []), away, now=now)
        if watch is None or look is not None:
            later[row.resident_id] = look or now + timedelta(hours=1)
            continue
        learned, fixed = repository.unpack_learned(row.learned), repository.unpack_fixed(row.fixed)
        certain = row.resident_id not in fewer  # with fewer sensors other times count: look
        if certain and row.last_active_at is not None and row.last_active_at <= now:
            at = earliest_look(learned, fixed, policy, last=row.last_active_at, kinds=watch.kinds, now=now)
            if at > now:
                later[row.resident_id] = at
                continue
        after = [span.end for span in absent.get(row.resident_id, []) if span.end <= now]
        if row.resident_id in answered:
            after.append(answered[row.resident_id])
        suspects.append(
            Suspect(
                watch=watch,
                learned=learned,
                fixed=fixed,
                heard_at=row.last_active_at,
                fresh_from=max(after, default=None),
                cut_off=frozenset(away & {sensor.gateway_id for sensor in watch.sensors}),
            )
        )
    open_watches = [
        (
            alarm,
            _open_one(watched.get(alarm.source_id), absent, heard.get(alarm.source_id), now=now),
        )
        for alarm in open_ones
    ]
    return Round(policy=policy, suspects=suspects, later=later, open=open_watches, ended=ended)


def _open_one(
    watch: Watch | None, absent: Mapping[str, list[Span]], heard_at: datetime | None, *, now: datetime
) -> Suspect | None:
    """None where the resident is away or not watched any more: then the alarm ends."""
    if watch is None or any(span.start <= now < span.end for span in absent.get(watch.resident_id, [])):
        return None
    return Suspect(watch=watch, learned=Learned(), fixed=Fixed(), heard_at=heard_at, fresh_from=None)


def _not_now(watch: Watch | None, absent: list[Span], away: set[str], *, now: datetime) -> datetime | None:
    """When to look again at somebody of whom nothing can be concluded now."""
    until = [span.end for span in absent if span.start <= now < span.end]
    if until:
        return max(until)
    if watch is not None and all(sensor.gateway_id in away for sensor in watch.sensors):
        return now + SOON
    return None


async def _look_at(
    context: Context, policy: RhythmPolicy, suspect: Suspect, *, now: datetime
) -> tuple[datetime, Deviation | None]:
    """When to look next, and what is not as usual."""
    read = await trace(context.store, suspect.watch, start=now - BACK, end=now)
    watch, learned = still_heard(suspect, read, now=now)
    if not watch.sensors:
        return now + SOON, None
    begin = min(sensor.since for sensor in watch.sensors)
    read = replace(read, missing=missing_of(watch, read.silent, start=now - BACK))
    fresh = fresh_from(read, start=begin, after=suspect.fresh_from, now=now)
    if fresh is None:
        return now + SOON, None
    litres = None
    if "water" in watch.kinds and learned.on(now.astimezone(policy.tz).date()) is None:
        start = now - timedelta(hours=policy.fixed_water_hours)
        litres = sum(amount for _, amount in await water_use(context.store, watch, start=start, end=now))
    state = state_of(
        read,
        policy,
        learned,
        kinds=watch.kinds,
        heard_at=suspect.heard_at,
        fresh_from=fresh,
        now=now,
    )
    state = replace(state, litres=litres)
    found = judge(learned, suspect.fixed, policy, state, now=now)
    if found is None:
        look = next_look(learned, suspect.fixed, policy, state, now=now)
        return max(look, now + timedelta(minutes=1)), None
    lost = [sensor for sensor in suspect.watch.sensors if sensor not in watch.sensors]
    return now + SOON, replace(found, without=kinds_of(lost))


def still_heard(suspect: Suspect, read: Trace, *, now: datetime) -> tuple[Watch, Learned]:
    """The sensors that are neither silent nor cut off, and what is learned as far as it holds for them: what
    was learned with motion or a bed says little of doors and water alone, for which the fixed times count."""
    there = tuple(sensor for sensor in suspect.watch.sensors if sensor.gateway_id not in suspect.cut_off)
    watch = heard_of(replace(suspect.watch, sensors=there), read.silent, now=now)
    whole = len(watch.sensors) == len(suspect.watch.sensors)
    return watch, suspect.learned if whole or watch.kinds & _BODY else Learned()


async def _maybe_end(context: Context, alarm: Alarm, suspect: Suspect | None, *, now: datetime) -> None:
    """Ends the alarm where somebody moved again, is away, or is not watched so any more."""
    since = since_of(alarm)
    over = suspect is None or (suspect.heard_at is not None and since < suspect.heard_at <= now)
    if suspect is not None and not over:
        read = await trace(context.store, suspect.watch, start=max(since, now - BACK), end=now)
        seen = read.last()
        over = seen is not None and seen[0] > since
    if over:
        await asyncio.to_thread(_end, context, alarm.source_id, SERVER, now)


def _end(context: Context, resident_id: str, by: str, now: datetime) -> None:
    with context.database.write() as session:
        alarms.end_alarm(
            session,
            source_kind="resident",
            source_id=resident_id,
            rule=INACTIVITY,
            by=by,
            now=now,
        )


def _set_due(context: Context, looks: Mapping[str, datetime]) -> None:
    with context.database.write() as session:
        repository.set_due(session, looks)


def _raise(context: Context, suspect: Suspect, policy: RhythmPolicy, found: Deviation, now: datetime) -> int:
    """Raises the alarm of this stretch of quiet, or lets it grow worse; 0 where that is done already, or
    somebody has moved meanwhile."""
    resident_id = suspect.watch.resident_id
    with context.database.write() as session:
        heard = repository.last_active(session, resident_id)
        if heard is not None and found.since < heard <= now:
            return 0
        lasting = records.open_alarm(session, source_kind="resident", source_id=resident_id, rule=INACTIVITY)
        since = found.since if lasting is None else since_of(lasting)
        if lasting is not None and not found.hard:
            return 0
        seq = to_ms(since) * 2 + found.hard
        epoch = f"{INACTIVITY}:{resident_id}"
        if records.is_recorded(session, gateway_id=SERVER, epoch=epoch, seq=seq):
            return 0
        severity = policy.severity_hard if found.hard else policy.severity_soft
        try:
            with session.begin_nested():
                raise_for(
                    session,
                    suspect.watch,
                    rule=INACTIVITY,
                    severity=severity,
                    breach=breach_of(resident_id, since),
                    seq=seq,
                    value={"why": why(found)},
                    now=now,
                )
        except IntegrityError:
            return 0  # another server has just said the same
    log.info("resident_quiet", resident=resident_id, kind=found.kind.value, hard=found.hard)
    return 1


def raise_for(
    session: Session,
    watch: Watch,
    *,
    rule: str,
    severity: str,
    breach: str,
    seq: int,
    value: dict[str, Any],
    now: datetime,
) -> None:
    """Raises an alarm about a resident, concluded by the server."""
    alarms.raise_alarm(
        session,
        alarms.Breach(
            source_kind="resident",
            source_id=watch.resident_id,
            rule=rule,
            severity=severity,
            task_kind=TaskKind.CARE,
            subject_kind="resident",
            subject_id=watch.resident_id,
            area_id=watch.area_id,
            breach=breach,
            device_at=now,
            gateway_at=now,
            clock_trusted=True,
        ),
        {
            "gateway_id": SERVER,
            "epoch": f"{rule}:{watch.resident_id}",
            "seq": seq,
            "event": "occurred",
            "breach": breach,
            "rule": rule,
            "value": {"ends": True, **value},
            "device_at": now,
            "gateway_at": now,
            "server_at": now,
            "late": False,
        },
        now=now,
    )
