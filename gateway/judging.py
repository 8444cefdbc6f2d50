"""What becomes of a reading: it joins the telemetry, the rules judge it, what they say is kept durably."""

import asyncio
import uuid
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack, suppress
from dataclasses import replace
from typing import Final, Self

import structlog

from edge.readings import Reading, TimeSource
from gateway.core.clean import clean_reading
from gateway.core.clock import EARLIEST_MS, HOLD_MS, trusted
from gateway.health.machine import monotonic_ms, synchronised
from gateway.health.troubles import Reports
from gateway.keeper import AlarmKeeper
from gateway.lanes.alarm import AlarmLane
from gateway.lanes.spill import SpillFile
from gateway.recorder import TelemetryRecorder
from gateway.rules.engine import Engine
from gateway.rules.model import Rule
from gateway.rules.outcomes import Outcome
from gateway.settings import GatewaySettings

ALARM_RESERVE_MB: Final = 8
"""Of the disk, kept for alarms: room for some thousands."""
LONGEST_TICK_MS: Final = 1_000
DISK_PATIENCE_S: Final = 0.5
"""What happened is on disk before it is heard in the room; a card that stalls must not silence a siren."""
CLOCK_WATCH_S: Final = 1.0

_log = structlog.get_logger(__name__)


class Judging:
    """The rule engine between the drivers and the two lanes. Made by `open`, at work after `start`."""

    def __init__(
        self,
        lane: AlarmLane,
        alarm_thread: ThreadPoolExecutor,
        keeper: AlarmKeeper,
        recorder: TelemetryRecorder,
        *,
        clock: Callable[[], int],
        adopt_clock: Callable[[], int],
        reports: Reports,
        sound: Callable[[Sequence[Outcome]], None],
    ) -> None:
        self.keeper = keeper
        self.recorder = recorder
        self.clock_trusted = True
        self._adopt_clock = adopt_clock
        self._lane = lane
        self._alarm_thread = alarm_thread
        self._clock = clock
        self._reports = reports
        self._sound = sound
        self._engine = Engine(new_breach=new_id, started_ms=clock())
        self._began_ms = monotonic_ms()
        self._tick_earlier = asyncio.Event()
        self._tick_at_ms = 0
        self._trust_clock(trusted(clock(), synchronised()))

    @classmethod
    async def open(
        cls,
        settings: GatewaySettings,
        stack: AsyncExitStack,
        *,
        clock: Callable[[], int],
        adopt_clock: Callable[[], int],
        wake: Callable[[], None],
        reports: Reports,
        sound: Callable[[Sequence[Outcome]], None],
    ) -> Self:
        """Open both lanes in the data folder; `stack` closes them. `adopt_clock` lets `clock` take over the
        machine's time and tells by how much that was set. `wake` is called, after `start`, when there is
        something to send, `sound` with each outcome that people in the room may have to hear. Raises
        LaneInUseError."""
        folder = settings.data
        with suppress(OSError):  # the lanes then live in memory, and say so
            await asyncio.to_thread(folder.mkdir, parents=True, exist_ok=True)
        now_ms = clock()
        alarm_thread = stack.enter_context(ThreadPoolExecutor(1, "alarm-lane"))
        data_thread = stack.enter_context(ThreadPoolExecutor(1, "data-lane"))
        loop = asyncio.get_running_loop()

        def open_lane() -> AlarmLane:
            return AlarmLane.open(
                folder / "alarms.db",
                now_ms=clock(),
                new_epoch=new_id,
                quota_mb=settings.alarm_quota_mb,
                reserve_mb=ALARM_RESERVE_MB,
            )

        lane = await loop.run_in_executor(alarm_thread, open_lane)
        keeper = AlarmKeeper(
            lane,
            alarm_thread,
            new_epoch=new_id,
            wake=wake,
            trouble=reports.disk,
            reopen=open_lane,
        )
        stack.push_async_callback(keeper.close)
        file, frames = await loop.run_in_executor(
            data_thread,
            lambda: SpillFile.open(
                folder / "telemetry.db", now_ms=now_ms, new_epoch=new_id, quota_mb=settings.data_quota_mb
            ),
        )
        recorder = TelemetryRecorder(frames, file, data_thread, clock=clock, wake=wake, trouble=reports.disk)
        stack.push_async_callback(recorder.close)
        for trouble in (lane.trouble, file.trouble):
            if trouble is not None:
                reports.disk(trouble)
        return cls(
            lane,
            alarm_thread,
            keeper,
            recorder,
            clock=clock,
            adopt_clock=adopt_clock,
            reports=reports,
            sound=sound,
        )

    async def start(self) -> None:
        """Go on where the last run ended: the states of the rules, and the alarms that wait to be sent."""
        loop = asyncio.get_running_loop()
        states, seen = await loop.run_in_executor(
            self._alarm_thread, lambda: (self._lane.states(), self._lane.seen())
        )
        for position, rule in self._engine.restore(states, seen):
            self._reports.add(
                position, "rule_state", f"the state of rule {rule} cannot be read; it begins afresh"
            )
        await self.keeper.start()

    async def stop(self) -> None:
        """Put what waits, and the states of the rules, on disk."""
        await self.recorder.spill_all()
        await self.keeper.keep([], self._engine.export(), self._clock())

    async def answers(self) -> None:
        """Returns once the alarm lane's thread has time: it neither hangs nor has died."""
        await asyncio.get_running_loop().run_in_executor(self._alarm_thread, lambda: None)

    async def emit(self, reading: Reading) -> None:
        """Take a reading from a driver; returns once an alarm in it is kept durably."""
        if not self.clock_trusted and reading.time_source is TimeSource.GATEWAY:
            reading = replace(reading, clock_trusted=False)
        reading = clean_reading(reading)
        now_ms = self._clock()
        self.recorder.add(reading)
        outcomes = self._engine.observe(reading, now_ms)
        self._plan_tick()
        await self._keep(outcomes, now_ms)

    async def replace_rules(self, rules: Sequence[Rule], device_at: Mapping[str, str]) -> None:
        """Judge by these from now on; `device_at` is the device of each position."""
        now_ms = self._clock()
        await self._keep(self._flagged(self._engine.replace_rules(rules, now_ms, device_at)), now_ms)
        self._plan_tick()

    def hold_silence(self, positions: frozenset[str]) -> None:
        """Nothing can be heard from these positions just now."""
        self._engine.hold_silence(positions, self._clock())
        self._plan_tick()

    async def tick(self) -> None:
        """Let time pass for the rules. Runs until cancelled."""
        while True:
            self._tick_earlier.clear()
            now_ms = self._clock()
            await self._keep(self._flagged(self._engine.tick(now_ms)), now_ms)
            await self._look_after_lane(now_ms)
            due_ms = self._engine.next_due_ms()
            latest_ms = now_ms + LONGEST_TICK_MS
            self._tick_at_ms = latest_ms if due_ms is None else min(max(due_ms, now_ms + 1), latest_ms)
            with suppress(TimeoutError):
                async with asyncio.timeout((self._tick_at_ms - self._clock()) / 1000):
                    await self._tick_earlier.wait()

    async def watch_clock(self) -> None:
        """Take over the machine's clock when it is set, put right what was stamped before it could be
        believed, and notice when it can. Runs until cancelled."""
        while True:
            synchronised_now = await asyncio.to_thread(synchronised)
            before_ms = self._clock()
            step_ms = self._adopt_clock()
            if step_ms:
                self._engine.shift_clock(step_ms, before_ms)
                self.keeper.right_clock(step_ms)
                _log.warning("the clock was set", by_ms=step_ms)
                self._tick_earlier.set()
                await self.recorder.right_clock(step_ms)
                await self.recorder.spill_all()
            self._trust_clock(trusted(self._clock(), synchronised_now))
            if self._clock() >= EARLIEST_MS and monotonic_ms() - self._began_ms >= HOLD_MS:
                self.recorder.send_untimed()
            await asyncio.sleep(CLOCK_WATCH_S)

    def _trust_clock(self, believed: bool) -> None:
        if believed == self.clock_trusted:
            return
        self.clock_trusted = believed
        self._reports.sooner.set()
        if believed:
            self.keeper.trust_clock()
            self.recorder.trust_clock()
        else:
            self.keeper.distrust_clock(self._clock())
            self.recorder.distrust_clock()

    def _flagged(self, outcomes: list[Outcome]) -> list[Outcome]:
        """What came by the gateway's own time, with what that is worth."""
        return outcomes if self.clock_trusted else [replace(one, clock_trusted=False) for one in outcomes]

    async def _look_after_lane(self, now_ms: int) -> None:
        """Where the alarms' file was lost, have it again, with all states of the rules in it."""
        self.keeper.look_after(monotonic_ms())
        if self.keeper.mended.is_set():
            self.keeper.mended.clear()
            await self.keeper.keep([], self._engine.export(), now_ms)

    async def _keep(self, outcomes: list[Outcome], now_ms: int) -> None:
        saved = self._engine.take_changes()
        if not outcomes:
            if saved:
                await self.keeper.keep(outcomes, saved, now_ms)
            return
        sound = _Once(lambda: self._sound(outcomes))
        impatient = asyncio.get_running_loop().call_later(DISK_PATIENCE_S, sound)
        try:
            await self.keeper.keep(outcomes, saved, now_ms)
        finally:  # also when no disk takes it, or the driver is stopped meanwhile
            impatient.cancel()
            sound()

    def _plan_tick(self) -> None:
        """Let the rules be looked at earlier, if something falls due earlier than was thought."""
        due_ms = self._engine.next_due_ms()
        if due_ms is not None and due_ms < self._tick_at_ms:
            self._tick_earlier.set()


class _Once:
    """Calls `act` with its first call."""

    def __init__(self, act: Callable[[], None]) -> None:
        self._act: Callable[[], None] | None = act

    def __call__(self) -> None:
        act, self._act = self._act, None
        if act is not None:
            act()


def new_id() -> str:
    """A name that nothing else has: of a breach, or of a lane's epoch."""
    return uuid.uuid4().hex
