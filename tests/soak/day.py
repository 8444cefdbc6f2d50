"""One simulated day of a subdistrict: everything put together, let run, and held to what must hold."""

import asyncio
import random
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import TypeVar

import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from firmware_profiles import Catalogue
from gateway import wire
from server.alarms.texts import RuleTexts
from server.context import Context
from server.db.database import Database
from server.db.models import Delivery, DispatchStep, Task, TaskEvent
from server.db.models import Gateway as GatewayRow
from server.figures.service import figures
from server.gateways import desired
from server.ingest import handlers
from server.live.bus import Bus
from server.residents import absences
from server.residents.schemas import AbsenceIn
from server.settings import ServerSettings
from server.timeseries.sqlite import SqliteStore
from server.windows import service as windows
from server.windows.schemas import WindowIn
from tests.soak import holding
from tests.soak.clock import FakeClock
from tests.soak.gateways import FakeUplink, Gateway, Said
from tests.soak.happenings import Happenings, Rates
from tests.soak.ledger import Ledger
from tests.soak.loops import Loops, Periods, set_clocks
from tests.soak.people import FakeCarrier, People, addresses
from tests.soak.world import BUTTON, COVER, Size, World, lay

LAID = datetime(2026, 3, 9, 15, 0, tzinfo=UTC)
DAY = datetime(2026, 3, 9, 16, 0, tzinfo=UTC)
"""Midnight in Shanghai."""
END = DAY + timedelta(days=1)
DRAINED = END + timedelta(hours=6)
"""The longest chain of an emergency is told by then, and whoever forgot has remembered."""
GRACE_S = 1_260.0
"""A gateway is missed after this; the server's own is 60 s, with a report from each gateway every 30 s."""
SEED = 20260310
T = TypeVar("T")


@dataclass(kw_only=True)
class Day:
    """The parts of one run. Made by `opened`."""

    size: Size
    rates: Rates
    periods: Periods
    clock: FakeClock
    context: Context
    world: World
    gateways: dict[str, Gateway]
    happenings: Happenings
    ledger: Ledger
    people: People
    carrier: FakeCarrier
    loops: Loops
    said: Said
    looks: list[int] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)

    async def run(self) -> dict[str, object]:
        """Lets the day pass and asks everything of it; the table of the day."""
        began, worked = time.monotonic(), time.process_time()
        self._windows_and_absences()
        self.happenings.plan()
        for gateway in self.gateways.values():
            self.clock.every(self.periods.states, gateway.say_state, first=1)
        self.clock.every(300, self._store)
        self.clock.every(3_600, self._look, first=3_650)
        self.loops.start()
        events = await self.clock.run(END)
        recorded, own = self._ask(
            partial(
                holding.hours_agree, world=self.world, outages=self.happenings.outages, start=DAY, end=END
            ),
            (timedelta(0), timedelta(0)),
        )
        events += await self.clock.run(DRAINED)
        table = self._asked() | {
            "unprotected, record": f"{recorded / timedelta(hours=1):.2f} h",
            "unprotected, simulation": f"{own / timedelta(hours=1):.2f} h",
            "fake events": events,
            "wall": f"{time.monotonic() - began:.0f} s",
            "of them work here": f"{time.process_time() - worked:.0f} s",
        }
        for gateway in self.gateways.values():
            gateway.close()
        return table

    def _asked(self) -> dict[str, object]:
        now = self.clock.now()
        self._ask(partial(holding.chains_hold, now=now), None)
        ends: Counter[str] = self._ask(holding.emergencies_end, Counter())
        self._ask(partial(holding.alarms_are_one_to_one, said=self.said), None)
        self._ask(holding.steps_are_done_once, None)
        first = self._ask(partial(holding.first_word_is_quick, tried=self.carrier.tried), timedelta(0))
        with self.context.database.read() as session:
            month = figures(session, self.people.viewer(self._manager()), "2026-03", now=now)
            kinds = Counter(session.scalars(select(Task.kind)))
            told = session.scalar(select(func.count()).where(TaskEvent.action == "unanswered"))
            messages = Counter(session.scalars(select(Delivery.state)))
            steps = session.scalar(select(func.count()).where(DispatchStep.state == "done"))
        self._ask(partial(holding.figures_agree, figures=month, ledger=self.ledger), None)
        waiting = {name: gateway.waiting() for name, gateway in self.gateways.items() if gateway.waiting()}
        if waiting or self.loops.overdue:
            self.failures.append(
                f"in lanes: {waiting}; rounds in which something was late: {self.loops.overdue}"
            )
        total = month.total
        return {
            "homes / covers / kiosks": f"{self.size.homes} / {self.size.covers} / {self.size.kiosks}",
            "tasks": ", ".join(f"{kind} {number}" for kind, number in sorted(kinds.items())),
            "classes": ", ".join(
                f"{name} {getattr(total, name)}" for name in ("counted", "late", "tests", "muted", "planned")
            ),
            "answered in 60 s": f"{total.within_first} of {total.judged_first}",
            "answered in 180 s": f"{total.within_second} of {total.judged_second}",
            "false alarms": total.false_alarms,
            "emergencies": ", ".join(f"{what} {number}" for what, number in sorted(ends.items())),
            "chains told to the end": told,
            "first word at the latest": f"{first.total_seconds():.2f} s",
            "steps done": steps,
            "messages": ", ".join(f"{state} {number}" for state, number in sorted(messages.items())),
            "alarm messages": f"{len(self.said.kept)}, {self.said.delivered} times delivered, "
            f"{self.said.late} late, {self.said.doubled} sent again, {self.said.shuffled} backlogs shuffled",
            "presses and falls": len(self.said.events),
            "people": ", ".join(f"{what} {number}" for what, number in sorted(self.people.behaviour.items())),
            "residents with a gap, most": max(self.looks),
        }

    def _ask(self, question: Callable[[Session], T], otherwise: T) -> T:
        """Asks the database; a no is kept, so that one run tells all that is wrong."""
        with self.context.database.read() as session:
            try:
                return question(session)
            except AssertionError as error:
                self.failures.append(f"{self.clock.now():%d. %H:%M:%S}: {error}"[:3_000])
                print(self.failures[-1])  # noqa: T201 - at once: the day may be long
                return otherwise

    def _manager(self) -> int:
        return next(user for user, role in self.world.roles.items() if role == "manager")

    def _look(self) -> None:
        """Each hour: what must hold at any moment."""
        self._ask(partial(holding.chains_hold, now=self.clock.now()), None)
        if self.clock.now() < END:
            settle = GRACE_S + self.periods.gateways + self.periods.coverage + 2_400
            asked = partial(
                holding.nobody_is_forgotten,
                world=self.world,
                outages=self.happenings.outages,
                settle_s=settle,
                now=self.clock.now(),
            )
            self.looks.append(self._ask(asked, -1))
        print(f"{self.clock.now():%d %H:%M} UTC, {len(self.failures)} failures", flush=True)  # noqa: T201 - minutes pass

    async def _store(self) -> None:
        """What gateways that are heard have read goes to the time-series store."""
        for gateway in self.gateways.values():
            if gateway.online and gateway.frames:
                frames, gateway.frames = gateway.frames, []
                await self.context.store.write(frames)

    def _windows_and_absences(self) -> None:
        """A drill in one grid for two hours, work at two wells, some residents away."""
        rng, clock, ledger = random.Random(SEED + 1), self.clock, self.ledger
        manager = self.people.viewer(self._manager())
        grid = self.world.grids[-1]
        since, until = DAY + timedelta(hours=18), DAY + timedelta(hours=20)
        drill = WindowIn(
            kind="drill", scope_kind="area", scope_id=grid, since=since, until=until, reason="演练"
        )
        wells = [place.well or "" for place in rng.sample(self.world.of(COVER), 2)]
        with self.context.database.write() as session:
            windows.declare(session, manager, drill, now=clock.now())
            for well in wells:
                work = WindowIn(
                    kind="work", scope_kind="well", scope_id=well, reason="检修",
                    since=DAY + timedelta(hours=13), until=DAY + timedelta(hours=15),
                )  # fmt: skip
                windows.declare(session, manager, work, now=clock.now())
                ledger.works.append((well, DAY + timedelta(hours=13), DAY + timedelta(hours=15)))
            for resident in rng.sample(self.world.residents, len(self.world.residents) // 100):
                away = AbsenceIn(kind="family", since=DAY + timedelta(hours=2), until=END)
                absences.put(session, manager, resident, away, now=clock.now())
        ledger.drills.append((frozenset({grid}), since, until))
        pressed = [place for place in self.world.of(BUTTON) if place.area == grid]
        for place in rng.sample(pressed, 3):
            clock.at(since + timedelta(minutes=rng.uniform(5, 100)),
                     partial(self.happenings.press, place))  # fmt: skip
        for well, left_open in zip(wells, (False, True), strict=True):
            place = next(one for one in self.world.of(COVER) if one.well == well)
            opens = DAY + timedelta(hours=13, minutes=20)
            clock.at(opens, partial(self.happenings.cover, place, opened=True, tilt=40))
            shut = opens + timedelta(hours=4 if left_open else 1)
            clock.at(shut, partial(self.happenings.cover, place))


@asynccontextmanager
async def opened(
    database: Database,
    catalogue: Catalogue,
    folder: Path,
    *,
    size: Size,
    rates: Rates,
    periods: Periods,
) -> AsyncIterator[Day]:
    """A day that is about to begin, in an empty migrated database."""
    rng = random.Random(SEED)
    world = lay(database, catalogue, size, rng=rng, at=LAID, day=DAY)
    clock = FakeClock(DAY)
    channels = folder / "channels.yaml"
    channels.write_text(addresses(world), encoding="utf-8")
    channels.chmod(0o600)
    store = SqliteStore(folder / "readings.db")
    settings = ServerSettings(data=folder, channels_file=channels, gateway_grace_s=GRACE_S)
    context = Context(
        settings=settings,
        database=database,
        store=store,
        catalogue=catalogue,
        texts=RuleTexts(catalogue.values()),
        bus=Bus(asyncio.get_running_loop()),
    )
    ledger = Ledger(clock=clock, database=database)
    carrier = FakeCarrier(clock=clock, seed=SEED)
    people = People(clock=clock, database=database, world=world, ledger=ledger, carrier=carrier, seed=SEED)
    said = Said()

    def receive(gateway: str, topic: str, payload: bytes) -> wire.AckMessage | None:
        message: wire.AlarmMessage = wire.decode("up/alarm", payload)
        with ledger.telling(late=clock.now_ms - message.device_ms > 60_000):
            return handlers.handle_alarm(context, gateway, topic, payload)

    def report(gateway: str, channel: str, payload: bytes) -> None:
        handlers.handle_state(context, gateway, channel, payload)

    gateways: dict[str, Gateway] = {}
    with database.read() as session:
        for row in session.scalars(select(GatewayRow)):
            gateways[row.id] = Gateway(
                id=row.id, clock=clock, catalogue=catalogue, said=said,
                uplink=FakeUplink(random.Random(f"{SEED} {row.id}")),
                 places=world.behind(row.id), desired=desired.message(row), receive=receive,
                report=report, session=f"{row.id}-0",
            )  # fmt: skip

    def around() -> None:
        for seconds in (periods.gateways + 310, periods.gateways + 620):
            clock.after(seconds, loops.cover)

    happenings = Happenings(
        clock=clock, world=world, gateways=gateways, rng=random.Random(SEED + 2), rates=rates, day=DAY,
        grace_s=GRACE_S, seen_s=periods.gateways + 5, round_s=periods.coverage + 320,
        last_will=lambda gateway: report(gateway.id, "up/state", gateway.last_will()), around=around,
    )  # fmt: skip
    database.listeners.append(ledger.changed)
    try:
        with pytest.MonkeyPatch.context() as patch:
            set_clocks(patch, clock)
            loops = Loops(
                clock=clock, context=context, carrier=carrier, periods=periods, after_round=people.look
            )
            yield Day(
                size=size, rates=rates, periods=periods, clock=clock, context=context, world=world,
                gateways=gateways, happenings=happenings, ledger=ledger, people=people, carrier=carrier,
                loops=loops, said=said,
            )  # fmt: skip
    finally:
        await store.close()
