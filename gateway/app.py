"""One gateway, whole: its parts put together, supervised, and stopped in good order.

The way of a reading: a driver emits it; `judging` records it, lets the rules see it and has what they say
on disk before `emit` returns, so that the driver may acknowledge its source; the uplink is told the moment
it is. What is to be read and judged comes as a document to `applying`; `condition` tells how the gateway
fares.
"""

import asyncio
import uuid
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from types import TracebackType
from typing import Final, Self

import structlog

from edge.core.found import Findings
from edge.driver import Driver, cut
from edge.supervisor import SupervisedDriver
from gateway import wire
from gateway.applying import Applying
from gateway.commanding import Commanding
from gateway.commands import Means
from gateway.core.clock import GatewayClock
from gateway.core.found import found_message
from gateway.core.sounding import Look
from gateway.driving import driver_builders
from gateway.enrolment.identity import Identity, IdentityStore
from gateway.enrolment.renewal import Renewal
from gateway.health.bundle import STATE_FILE
from gateway.health.condition import Condition
from gateway.health.folding import Folding
from gateway.health.machine import monotonic_ms, wall_ms
from gateway.health.timesync import ClockOffset
from gateway.health.troubles import Reports
from gateway.health.watchdog import Notifier, Watchdog
from gateway.judging import Judging
from gateway.outputs.local_alarm import Fittings, LocalAlarm, fittings, silencing_button
from gateway.outputs.output import Output
from gateway.settings import GatewaySettings
from gateway.store import BookStore, DesiredStore
from gateway.uplink import Uplink

STOP_S: Final = 4.5
"""For everything that runs to end by itself; a stop takes less than 5 s."""
RESTART_PAUSE_S: Final = 1.0

_log = structlog.get_logger(__name__)


class GatewayApp:
    """The gateway as an async context manager: entered, it runs; left, it has stopped in good order.

    `fitted` are its siren, voice and lights instead of those that the settings name, `outputs` further ones
    that help to find it; `restart` ends the program so that it is started again, and `set_log_level` changes
    how much it logs (None: as usual); `notifier` is systemd's, `running` a folder in memory for its state.
    Raises LaneInUseError on entry if another gateway uses the same data folder.
    """

    def __init__(
        self,
        settings: GatewaySettings,
        *,
        identity: Identity | None = None,
        clock: Callable[[], int] = wall_ms,
        monotonic: Callable[[], int] = monotonic_ms,
        outputs: Sequence[Output] = (),
        fitted: Fittings | None = None,
        restart: Callable[[], None] | None = None,
        set_log_level: Callable[[str | None], None] | None = None,
        notifier: Notifier | None = None,
        running: Path | None = None,
    ) -> None:
        self.settings = settings
        self._identity = identity
        self.session = uuid.uuid4().hex
        time = GatewayClock.begin(clock(), monotonic())
        self._clock: Callable[[], int] = lambda: time.now_ms(monotonic())
        self._adopt_clock: Callable[[], int] = lambda: time.adopt(clock(), monotonic())
        self._reports = Reports(self._clock)
        self._outputs = outputs
        self._fitted = fitted
        self._restart = restart
        self._set_log_level = set_log_level
        self._notifier = notifier
        self._running = running
        self._offset = ClockOffset()
        self._drivers: dict[str, SupervisedDriver] = {}
        self._found: wire.FoundMessage | None = None

    async def __aenter__(self) -> Self:
        async with AsyncExitStack() as stack:
            await self._open(stack)
            group = await stack.enter_async_context(asyncio.TaskGroup())
            self._begin(group)
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
        return self._applying.applied

    async def apply(self, message: wire.DesiredMessage) -> None:
        """Put a desired state in force: what differs, and nothing else. Raises DesiredError."""
        await self._applying.apply(message)

    def state(self, online: bool = True) -> wire.StateMessage:
        """What `up/state` says now."""
        return self._condition.state(online)

    def health(self) -> wire.Health:
        """The gateway's own condition now."""
        return self._condition.health()

    async def _open(self, stack: AsyncExitStack) -> None:
        settings = self.settings
        self._alarm = self._local_alarm()
        self._judging = await Judging.open(
            settings,
            stack,
            clock=self._clock,
            adopt_clock=self._adopt_clock,
            wake=self._wake,
            reports=self._reports,
            sound=self._alarm.hear,
        )
        self._applying = Applying(
            DesiredStore(settings.data / "desired.json"),
            self._judging,
            self._drivers,
            reports=self._reports,
            told=self._tell,
            intervals_changed=self._reports.sooner.set,
        )
        self._uplink = Uplink(
            gateway=settings.name,
            broker=settings.uplink,
            keeper=self._judging.keeper,
            recorder=self._judging.recorder,
            state=self.state,
            found=lambda: self._found,
            on_desired=self._applying.on_desired,
            on_command=self._on_command,
            trouble=lambda source, detail: self._reports.add(source, "uplink", detail),
        )
        self._commanding = self._commands()
        self._folding = Folding(
            self._drivers,
            self._applying,
            hold=self._judging.hold_silence,
            changed=self._reports.sooner.set,
            clock=self._clock,
        )
        self._condition = Condition(
            settings,
            self.session,
            clock=self._clock,
            reports=self._reports,
            judging=self._judging,
            applying=self._applying,
            uplink=self._uplink,
            drivers=self._drivers,
            folding=self._folding,
            clock_offset=lambda: self._offset.ms,
            outputs=self._alarm.names,
            state_file=None if self._running is None else self._running / STATE_FILE,
        )
        await self._judging.start()
        builders = driver_builders(settings, self._clock, self._on_found, self._commanding.hear)
        for name, build in builders.items():
            self._drivers[name] = SupervisedDriver(
                name, build, emit=self._judging.emit, trouble=self._reports.driver
            )
        await self._applying.resume()
        await self._commanding.open()

    def _local_alarm(self) -> LocalAlarm:
        chosen = self.settings.outputs
        alarm = LocalAlarm(
            chosen,
            self._fitted or fittings(chosen),
            reports=self._reports,
            monotonic=monotonic_ms,
            look=self._look,
        )
        if (button := silencing_button(chosen, alarm)) is not None:
            alarm.listen(button)
        return alarm

    def _look(self) -> Look:
        if not all(one.counters.running for one in self._drivers.values()):
            return Look.FAULT
        return Look.WELL if self._uplink.online.is_set() else Look.OFFLINE

    def _renewal(self, identity: Identity) -> Renewal:
        return Renewal(
            IdentityStore(self.settings.identity),
            identity,
            clock=self._clock,
            use=self._uplink.use,
            changed=self._restart,
            trouble=lambda detail: self._reports.add("certificate", "renewal_failed", detail),
        )

    def _commands(self) -> Commanding:
        means = Means(
            state=self.state,
            device=self._applying.device,
            driver=lambda name: self._drivers[name].driver,
            outputs=(*self._outputs, *self._alarm.outputs),
            silence=self._alarm.silence if self._alarm.names else None,
            restart=self._restart,
            set_log_level=self._set_log_level,
        )
        return Commanding(
            BookStore(self.settings.data / "commands.json"),
            means,
            reports=self._reports,
            clock=self._clock,
            reply=self._uplink.reply,
            replied=self._uplink.replied,
        )

    def _begin(self, group: asyncio.TaskGroup) -> None:
        works: dict[str, Callable[[], Awaitable[None]]] = {
            "uplink": self._uplink.run,
            "frames": self._judging.recorder.gather,
            "spill": self._judging.recorder.maintain,
            "rules": self._judging.tick,
            "clock": self._judging.watch_clock,
            "health": self._condition.tell,
            "folding": self._folding.run,
            "commands": self._commanding.run,
            "outputs": self._alarm.run,
            "clock offset": self._offset.run,
        }
        if self._notifier is not None:
            works["watchdog"] = Watchdog(self._notifier, self._dead, slow="alarm lane").run
        if self._identity is not None:
            works["certificate"] = self._renewal(self._identity).run
        self._tasks = [
            group.create_task(self._supervise(name, work), name=name) for name, work in works.items()
        ]
        self._driver_tasks = [
            group.create_task(driver.run(), name=f"driver {name}") for name, driver in self._drivers.items()
        ]

    async def _dead(self) -> list[str]:
        """The parts that do not work any more; returns once the alarm lane answers."""
        ended = [task.get_name() for task in (*self._tasks, *self._driver_tasks) if task.done()]
        await self._judging.answers()
        return ended

    async def _stop(self) -> None:
        """Drivers first, so that nothing new comes; then what waits goes to disk; the uplink says goodbye."""
        if self._notifier is not None:
            self._notifier.tell(STOPPING="1", STATUS="stops")
        for task in self._driver_tasks:
            task.cancel()
        self._uplink.stop()
        for task in self._tasks[1:]:
            task.cancel()
        await asyncio.wait([*self._driver_tasks, *self._tasks], timeout=STOP_S)
        for task in (*self._driver_tasks, *self._tasks):
            task.cancel()
        self._commanding.close()
        await self._judging.stop()

    async def _supervise(self, name: str, work: Callable[[], Awaitable[None]]) -> None:
        """Run it until it ends by itself; a mistake of ours in one part must not stop the others."""
        while True:
            try:
                await work()
            except Exception as error:  # noqa: BLE001 - the one place: reported, and begun again
                _log.error("part failed and is started again", part=name, exc_info=error)
                self._reports.add("gateway", "part_failed", cut(f"{name}: {type(error).__name__}: {error}"))
                await asyncio.sleep(RESTART_PAUSE_S)
            else:
                return

    def _wake(self) -> None:
        self._uplink.wake()

    def _tell(self) -> None:
        self._uplink.tell_state()
        self._uplink.tell_found()  # a server that has just started may have missed it

    def _on_found(self, findings: Findings) -> None:
        self._found = found_message(findings, self._clock())
        self._uplink.tell_found()

    def _on_command(self, command: wire.CommandMessage) -> None:
        self._commanding.take(command)
