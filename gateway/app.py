"""One gateway, whole: drivers, rules, the two lanes, the uplink, and the desired state that ties them.

The way of a reading: a driver emits it; it joins the telemetry; the rules judge it; what they say is on disk
before `emit` returns, so that the driver may acknowledge its source; the uplink is told the moment it is.
"""

import asyncio
import uuid
from collections.abc import Awaitable, Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack, suppress
from dataclasses import replace
from importlib.metadata import version
from types import TracebackType
from typing import Final, Self

import structlog

from edge.core.found import Findings
from edge.driver import Driver, TroubleReport, cut
from edge.readings import Reading, TimeSource
from edge.supervisor import SupervisedDriver
from gateway import wire
from gateway.commands import answer
from gateway.core.clean import clean_reading
from gateway.core.clock import ClockWatch, trusted
from gateway.core.desired import DesiredError, Wanted, difference, read_desired
from gateway.core.found import found_message
from gateway.driving import BuildDriver, driver_builders, driver_health
from gateway.keeper import AlarmKeeper
from gateway.lanes.alarm import AlarmLane
from gateway.lanes.spill import SpillFile
from gateway.machine import measure, monotonic_ms, synchronised, wall_ms
from gateway.recorder import TelemetryRecorder
from gateway.rules.engine import Engine
from gateway.rules.outcomes import Outcome
from gateway.settings import GatewaySettings
from gateway.store import DesiredStore
from gateway.troubles import Troubles
from gateway.uplink import Uplink

STOP_S: Final = 4.5
"""For everything that runs to end by itself; a stop takes less than 5 s."""
LONGEST_TICK_MS: Final = 1_000
CLOCK_WATCH_S: Final = 1.0
RESTART_PAUSE_S: Final = 1.0
HEALTH_PAUSE_S: Final = 1.0
"""A flood of new troubles costs one report a second."""

_log = structlog.get_logger(__name__)


class GatewayApp:
    """The gateway as an async context manager: entered, it runs; left, it has stopped in good order.

    Raises LaneInUseError on entry if another gateway uses the same data folder.
    """

    def __init__(self, settings: GatewaySettings, *, clock: Callable[[], int] = wall_ms) -> None:
        self.settings = settings
        self.session = uuid.uuid4().hex
        self._clock = clock
        self._troubles = Troubles()
        self._store = DesiredStore(settings.data / "desired.json")
        self._wanted: Wanted | None = None
        self._refused: int | None = None
        self._reason: str | None = None
        self._health_ms = wire.DesiredMessage(version=0).health_ms
        self._started_ms = monotonic_ms()
        self._drivers: dict[str, SupervisedDriver] = {}
        self._tasks: list[asyncio.Task[None]] = []
        self._tick_earlier = asyncio.Event()
        self._health_sooner = asyncio.Event()
        self._found: wire.FoundMessage | None = None
        self._tick_at_ms = 0
        self._applying = asyncio.Lock()
        self._clock_trusted = trusted(clock(), synchronised())
        self._watch = ClockWatch(clock(), monotonic_ms())

    async def __aenter__(self) -> Self:
        async with AsyncExitStack() as stack:
            await self._open(stack)
            self._group = await stack.enter_async_context(asyncio.TaskGroup())
            self._begin()
            self._stack = stack.pop_all()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._stop()
        await self._stack.__aexit__(None, None, None)

    @property
    def online(self) -> asyncio.Event:
        """Set while the server's broker is connected and subscribed."""
        return self._uplink.online

    @property
    def drivers(self) -> Mapping[str, Driver]:
        """The running drivers by name."""
        return {name: one.driver for name, one in self._drivers.items()}

    @property
    def applied(self) -> int:
        """The version of the desired state in force; 0 if there was none yet."""
        return 0 if self._wanted is None else self._wanted.message.version

    async def apply(self, message: wire.DesiredMessage) -> None:
        """Put a desired state in force: what differs, and nothing else. Raises DesiredError."""
        async with self._applying:
            wanted = await asyncio.to_thread(read_desired, message, self._drivers.keys())
            await self._put_in_force(wanted)

    def state(self, online: bool = True) -> wire.StateMessage:
        """What `up/state` says now."""
        return wire.StateMessage(
            online=online,
            session=self.session,
            software=version("sunwell"),
            applied=self.applied,
            refused=self._refused,
            reason=self._reason,
            health=self.health() if online else None,
        )

    # --- beginning and end

    async def _open(self, stack: AsyncExitStack) -> None:
        settings = self.settings
        folder = settings.data
        with suppress(OSError):  # the lanes then live in memory, and say so
            await asyncio.to_thread(folder.mkdir, parents=True, exist_ok=True)
        now_ms = self._clock()
        alarm_thread = stack.enter_context(ThreadPoolExecutor(1, "alarm-lane"))
        data_thread = stack.enter_context(ThreadPoolExecutor(1, "data-lane"))
        loop = asyncio.get_running_loop()
        lane = await loop.run_in_executor(
            alarm_thread,
            lambda: AlarmLane.open(
                folder / "alarms.db", now_ms=now_ms, new_epoch=_new_id, quota_mb=settings.alarm_quota_mb
            ),
        )
        self._keeper = AlarmKeeper(
            lane, alarm_thread, new_epoch=_new_id, wake=self._wake, trouble=self._lane_trouble
        )
        stack.push_async_callback(self._keeper.close)
        file, frames = await loop.run_in_executor(
            data_thread,
            lambda: SpillFile.open(
                folder / "telemetry.db", now_ms=now_ms, new_epoch=_new_id, quota_mb=settings.data_quota_mb
            ),
        )
        self._recorder = TelemetryRecorder(
            frames, file, data_thread, clock=self._clock, wake=self._wake, trouble=self._lane_trouble
        )
        stack.push_async_callback(self._recorder.close)
        for trouble in (lane.trouble, file.trouble):
            if trouble is not None:
                self._lane_trouble(trouble)
        self._uplink = Uplink(
            gateway=settings.name,
            broker=settings.uplink,
            keeper=self._keeper,
            recorder=self._recorder,
            state=self.state,
            found=lambda: self._found,
            on_desired=self._on_desired,
            on_command=self._on_command,
            trouble=lambda source, detail: self._trouble(source, "uplink", detail),
        )
        self._engine = Engine(new_breach=_new_id, started_ms=now_ms)
        states, seen = await loop.run_in_executor(alarm_thread, lambda: (lane.states(), lane.seen()))
        for position, rule in self._engine.restore(states, seen):
            self._trouble(
                position, "rule_state", f"the state of rule {rule} cannot be read; it begins afresh"
            )
        await self._keeper.start()
        self._drivers = {
            name: self._supervised_driver(name, build)
            for name, build in driver_builders(settings, self._clock, self._on_found).items()
        }
        await self._resume()

    def _begin(self) -> None:
        works: dict[str, Callable[[], Awaitable[None]]] = {
            "uplink": self._uplink.run,
            "frames": self._recorder.gather,
            "spill": self._recorder.maintain,
            "rules": self._tick,
            "clock": self._watch_clock,
            "health": self._tell_health,
        }
        self._tasks = [
            self._group.create_task(self._supervise(name, work), name=name) for name, work in works.items()
        ]
        self._driver_tasks = [
            self._group.create_task(driver.run(), name=f"driver {name}")
            for name, driver in self._drivers.items()
        ]

    async def _stop(self) -> None:
        """Drivers first, so that nothing new comes; then what waits goes to disk; the uplink says goodbye."""
        for task in self._driver_tasks:
            task.cancel()
        self._uplink.stop()
        for task in self._tasks[1:]:
            task.cancel()
        await asyncio.wait([*self._driver_tasks, *self._tasks], timeout=STOP_S)
        for task in (*self._driver_tasks, *self._tasks):
            task.cancel()
        await self._recorder.spill_all()
        await self._keeper.keep([], self._engine.export(), self._clock())

    async def _supervise(self, name: str, work: Callable[[], Awaitable[None]]) -> None:
        """Run it until it ends by itself; a mistake of ours in one part must not stop the others."""
        while True:
            try:
                await work()
            except Exception as error:  # noqa: BLE001 - the one place: reported, and begun again
                _log.error("part failed and is started again", part=name, exc_info=error)
                self._trouble("gateway", "part_failed", cut(f"{name}: {type(error).__name__}: {error}"))
                await asyncio.sleep(RESTART_PAUSE_S)
            else:
                return

    # --- readings

    async def _emit(self, reading: Reading) -> None:
        """Take a reading from a driver; returns once an alarm in it is kept durably."""
        if not self._clock_trusted and reading.time_source is TimeSource.GATEWAY:
            reading = replace(reading, clock_trusted=False)
        reading = clean_reading(reading)
        now_ms = self._clock()
        self._recorder.add(reading)
        outcomes = self._engine.observe(reading, now_ms)
        self._plan_tick()
        await self._keep(outcomes, now_ms)

    async def _keep(self, outcomes: list[Outcome], now_ms: int) -> None:
        saved = self._engine.take_changes()
        if outcomes or saved:
            await self._keeper.keep(outcomes, saved, now_ms)

    def _plan_tick(self) -> None:
        """Let the rules be looked at earlier, if something falls due earlier than was thought."""
        due_ms = self._engine.next_due_ms()
        if due_ms is not None and due_ms < self._tick_at_ms:
            self._tick_earlier.set()

    async def _tick(self) -> None:
        """Let time pass for the rules. Runs until cancelled."""
        while True:
            self._tick_earlier.clear()
            now_ms = self._clock()
            await self._keep(self._engine.tick(now_ms), now_ms)
            due_ms = self._engine.next_due_ms()
            latest_ms = now_ms + LONGEST_TICK_MS
            self._tick_at_ms = latest_ms if due_ms is None else min(max(due_ms, now_ms + 1), latest_ms)
            with suppress(TimeoutError):
                async with asyncio.timeout((self._tick_at_ms - self._clock()) / 1000):
                    await self._tick_earlier.wait()

    async def _watch_clock(self) -> None:
        """Notice when the clock is set, and when it becomes worth believing. Runs until cancelled."""
        while True:
            now_ms = self._clock()
            step_ms = self._watch.look(now_ms, monotonic_ms())
            self._clock_trusted = trusted(now_ms, await asyncio.to_thread(synchronised))
            if step_ms:
                _log.warning("the clock was set", by_ms=step_ms)
                self._engine.shift_clock(step_ms)
                self._tick_earlier.set()
                await self._recorder.spill_all()
            await asyncio.sleep(CLOCK_WATCH_S)

    # --- desired state and commands

    async def _resume(self) -> None:
        """Work by the last good document from the first moment, with or without a network."""
        try:
            message = await asyncio.to_thread(self._store.read)
            if message is not None:
                await self._put_in_force(
                    await asyncio.to_thread(read_desired, message, self._drivers.keys()), store=False
                )
        except (OSError, wire.WireError, DesiredError) as error:
            self._trouble("desired", "stored_document", cut(error))

    async def _on_desired(self, payload: bytes) -> None:
        if not payload:
            return  # the retained document was taken away: what is in force stays
        known: int | None = None
        try:
            message: wire.DesiredMessage = wire.decode("down/desired", payload)
            known = message.version
            await self.apply(message)
            self._refused = self._reason = None
        except (wire.WireError, DesiredError) as error:
            self._refused, self._reason = known, cut(error, 2_000)
            self._trouble("desired", "refused", cut(error))
        self._uplink.tell_state()
        self._uplink.tell_found()  # a server that has just started may have missed it

    async def _put_in_force(self, wanted: Wanted, *, store: bool = True) -> None:
        before = self._wanted
        change = difference(before, wanted)
        if before is not None and not change and before.message.version == wanted.message.version:
            return
        if store:
            try:
                await asyncio.to_thread(self._store.write, wanted.message)
            except OSError as error:
                self._trouble("desired", "not_stored", cut(error))
        self._wanted = wanted
        now_ms = self._clock()
        if change.rules:
            await self._keep(self._engine.replace_rules(wanted.rules, now_ms, wanted.device_at()), now_ms)
            self._plan_tick()
        for name in change.drivers:
            self._drivers[name].apply(wanted.devices.get(name, ()))
        if change.intervals:
            self._recorder.set_interval(wanted.message.frame_ms)
            self._health_ms = wanted.message.health_ms
            self._health_sooner.set()
        _log.info(
            "desired state in force",
            version=wanted.message.version,
            added=len(change.added),
            removed=len(change.removed),
            changed=len(change.changed),
        )

    def _on_found(self, findings: Findings) -> None:
        self._found = found_message(findings, self._clock())
        self._uplink.tell_found()

    async def _on_command(self, command: wire.CommandMessage) -> wire.ReplyMessage:
        reply = answer(command, now_ms=self._clock(), state=self.state())
        _log.info("command", name=command.name, ok=reply.ok)
        return reply

    # --- condition

    async def _tell_health(self) -> None:
        """Publish the health again and again, and soon after something new is wrong. Runs until cancelled."""
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(self._health_ms / 1000):
                    await self._health_sooner.wait()
            await asyncio.sleep(HEALTH_PAUSE_S)
            self._health_sooner.clear()
            self._uplink.tell_state()

    def health(self) -> wire.Health:
        """The gateway's own condition now."""
        now_ms = self._clock()
        machine = measure(self.settings.data)
        alarm_depth, alarm_oldest_ms = self._keeper.depth()
        data_depth, data_oldest_ms = self._recorder.depth()
        return wire.Health(
            at_ms=now_ms,
            uptime_s=(monotonic_ms() - self._started_ms) / 1000,
            cpu_celsius=machine.cpu_celsius,
            cpu_percent=machine.cpu_percent,
            memory_mb=machine.memory_mb,
            disk_free_percent=machine.disk_free_percent,
            uplink_rtt_ms=self._uplink.rtt_ms,
            clock_trusted=self._clock_trusted,
            alarm_depth=alarm_depth,
            alarm_oldest_ms=alarm_oldest_ms,
            data_depth=data_depth,
            data_oldest_ms=data_oldest_ms,
            data_lost=self._recorder.lost,
            drivers=[driver_health(one.counters) for one in self._drivers.values()],
            troubles=self._troubles.list(now_ms),
        )

    def _wake(self) -> None:
        self._uplink.wake()

    def _lane_trouble(self, detail: str) -> None:
        self._trouble("lane", "disk", cut(detail))

    def _report(self, report: TroubleReport) -> None:
        self._trouble(report.source, report.reason.value, report.detail)

    def _trouble(self, source: str, reason: str, detail: str) -> None:
        first = self._troubles.add(source=source, reason=reason, detail=detail, now_ms=self._clock())
        if first:
            self._health_sooner.set()
        say = _log.warning if first else _log.debug
        say("trouble", source=source, reason=reason, detail=detail)

    def _supervised_driver(self, name: str, build: BuildDriver) -> SupervisedDriver:
        return SupervisedDriver(name, build, emit=self._emit, trouble=self._report)


def _new_id() -> str:
    return uuid.uuid4().hex
