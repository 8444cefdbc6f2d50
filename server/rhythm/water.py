"""Each half hour: water that never stops, far too much of it, or hardly any."""

import asyncio
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy.exc import IntegrityError

from server.alarms import repository as records
from server.alarms import service as alarms
from server.alarms.texts import WATER_HIGH, WATER_LEAK, WATER_LOW
from server.clock import to_ms
from server.context import Context
from server.policies import service as policies
from server.rhythm import repository
from server.rhythm.core import is_leak, water_high, water_low
from server.rhythm.policy import RhythmPolicy
from server.rhythm.traces import HALF_HOUR, water_use
from server.rhythm.turns import Turns
from server.rhythm.watches import Watch, watches
from server.rhythm.watching import SERVER, raise_for

DAY: Final = timedelta(hours=24)
MINOR: Final = "minor"
WARNING: Final = "warning"


def verdicts(
    use: Sequence[tuple[datetime, float]], policy: RhythmPolicy, *, until: datetime
) -> dict[str, float | None]:
    """By rule: the litres that break it, or None where it is kept. No rule is named of which nothing can be
    said: too little needs a whole day's readings, too much does not."""
    steps = [until - HALF_HOUR * n for n in range(max(policy.leak_half_hours, 48), 0, -1)]
    known = dict(use)
    half_hours = [known.get(at) for at in steps]
    day = half_hours[-48:]
    total = sum(amount for amount in day if amount is not None)
    found: dict[str, float | None] = {
        WATER_LEAK: total if is_leak(half_hours, policy) else None,
        WATER_HIGH: total if water_high(total, policy) else None,
    }
    if None not in day:
        found[WATER_LOW] = total if water_low(total, policy) else None
    return found


async def sweep(context: Context, *, started: datetime, now: datetime) -> None:
    """One round over all homes with a water meter."""
    policy, metered, absent = await asyncio.to_thread(_begin, context, now)
    if now - started < timedelta(minutes=policy.start_grace):
        return
    until = now - timedelta(seconds=now.timestamp() % HALF_HOUR.total_seconds())
    start = until - max(DAY, HALF_HOUR * policy.leak_half_hours)
    turns = Turns()
    for watch in metered:
        if turns.is_over:
            return
        with turns.one("water_not_judged", watch.resident_id):
            use = await water_use(context.store, watch, start=start, end=until)
            found = verdicts(use, policy, until=until)
            if watch.resident_id in absent:
                found.pop(WATER_LOW, None)
            await asyncio.to_thread(_judge, context, watch, found, until, now)


def _begin(context: Context, now: datetime) -> tuple[RhythmPolicy, list[Watch], set[str]]:
    with context.database.read() as session:
        policy = policies.current(session, RhythmPolicy)
        metered = [watch for watch in watches(session, context.catalogue).values() if "water" in watch.kinds]
        residents = [watch.resident_id for watch in metered]
        absent = repository.absences(session, residents, since=now - DAY, until=now)
    return policy, metered, set(absent)


def _judge(
    context: Context, watch: Watch, found: dict[str, float | None], until: datetime, now: datetime
) -> None:
    """Raises what is broken and ends what is kept; looks first, for most homes are as they were."""
    with context.database.read() as session:
        open_rules = {
            rule
            for rule in found
            if records.open_alarm(session, source_kind="resident", source_id=watch.resident_id, rule=rule)
        }
    changed = {rule: litres for rule, litres in found.items() if (litres is not None) != (rule in open_rules)}
    if not changed:
        return
    with context.database.write() as session:
        for rule, litres in changed.items():
            if litres is None:
                alarms.end_alarm(
                    session,
                    source_kind="resident",
                    source_id=watch.resident_id,
                    rule=rule,
                    by=SERVER,
                    now=now,
                )
                continue
            seq = to_ms(until)
            if records.is_recorded(session, gateway_id=SERVER, epoch=f"{rule}:{watch.resident_id}", seq=seq):
                continue
            try:
                with session.begin_nested():
                    raise_for(
                        session,
                        watch,
                        rule=rule,
                        severity=WARNING if rule == WATER_LOW else MINOR,
                        breach=f"{rule}:{watch.resident_id}:{seq}",
                        seq=seq,
                        value={"why": {"kind": rule, "litres": round(litres, 1)}},
                        now=now,
                    )
            except IntegrityError:
                continue  # another server has just said the same
