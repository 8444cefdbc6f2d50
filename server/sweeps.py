"""What the server looks at again and again, as data: each sweep with its name and period.

A sweep is safe to run in several processes at once: rows and unique indices decide, not who came first. One
that fails is said in the log and comes round again.
"""

import asyncio
import inspect
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from server.alarms import anew
from server.clock import now
from server.commissioning import service as commissioning
from server.context import Context
from server.dispatch import auditor, losing
from server.gateways import service as gateways
from server.notify import probing
from server.notify.channels import AddressBook, carry
from server.residents import retention
from server.rhythm import learning, watching, water
from server.supervision import survived
from server.tasks import following, renewing, reviews
from server.welfare import calls
from server.windows import muting

SLOW_S: Final = 30.0
"""Sweeps of this period or longer do not follow a shorter grace."""


@dataclass(frozen=True, slots=True)
class Sweep:
    """`run(context, started, now)` each `every_s` seconds, on a thread, or in the loop where it is a
    coroutine; `started` is when the server was."""

    name: str
    every_s: float
    run: Callable[[Context, datetime, datetime], Awaitable[None] | None]


def _gateways(context: Context, started: datetime, at: datetime) -> None:
    grace = timedelta(seconds=context.settings.gateway_grace_s)
    gateways.sweep(context.database, grace=grace, started=started, now=at)


def _tests(context: Context, _started: datetime, at: datetime) -> None:
    """Tests whose time is over end: what they hold back becomes an alarm."""
    with context.database.read() as session:
        waiting = commissioning.needs_sweep(session, now=at)
    if waiting:
        with context.database.write() as session:
            commissioning.sweep(session, now=at)


async def _quiet(context: Context, started: datetime, at: datetime) -> None:
    await watching.sweep(context, started=started, now=at)


async def _rhythms(context: Context, _started: datetime, at: datetime) -> None:
    await learning.learn_some(context, now=at)


async def _water(context: Context, started: datetime, at: datetime) -> None:
    await water.sweep(context, started=started, now=at)


def _channels(context: Context, _started: datetime, at: datetime) -> None:
    probing.try_idle(context.database, AddressBook.of(context.settings), carry, now=at)


def _renewed(context: Context, _started: datetime, at: datetime) -> None:
    renewing.sweep(context.database, now=at)


def _left(context: Context, _started: datetime, at: datetime) -> None:
    losing.sweep(context.database, now=at)


def _auditor(context: Context, started: datetime, at: datetime) -> None:
    """The auditor looks after the sweeps, and this one after the auditor."""
    with context.database.write() as session:
        auditor.beat(session, auditor.SWEEPS, now=at)
        auditor.watch(session, auditor.SWEEPS, started=started, now=at)


SWEEPS: Final = (
    Sweep("auditor", 5.0, _auditor),
    Sweep("gateways", 5.0, _gateways),
    Sweep("commissioning", 2.0, _tests),
    Sweep("quiet", 60.0, _quiet),
    Sweep("rhythms", 30.0, _rhythms),
    Sweep("water", 1800.0, _water),
    Sweep("channels", 30.0, _channels),
    Sweep("windows", 5.0, muting.look),
    Sweep("retention", 600.0, retention.sweep),
    Sweep("welfare", 10.0, calls.look),
    Sweep("planned", 10.0, following.sweep),
    Sweep("renewed", 60.0, _renewed),
    Sweep("left", 5.0, _left),
    Sweep("anew", 60.0, anew.look),
    Sweep("samples", 3_600.0, reviews.sweep),
)


async def run(context: Context) -> None:
    """Runs all sweeps until it is cancelled."""
    started = now()
    async with asyncio.TaskGroup() as group:
        for sweep in SWEEPS:
            group.create_task(_rounds(sweep, context, started), name=f"sweep-{sweep.name}")


async def _rounds(sweep: Sweep, context: Context, started: datetime) -> None:
    period = sweep.every_s
    if period < SLOW_S:
        period = min(period, context.settings.gateway_grace_s / 2)
    while True:
        with survived("sweep_failed", sweep=sweep.name):
            if inspect.iscoroutinefunction(sweep.run):
                await sweep.run(context, started, now())
            else:
                await asyncio.to_thread(sweep.run, context, started, now())
        if sweep.run is _auditor:
            context.pulse.beat(auditor.SWEEPS)
        await asyncio.sleep(period)
