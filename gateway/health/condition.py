"""How the gateway is: its health and its state, and telling them."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from importlib.metadata import version
from pathlib import Path
from typing import Final

from edge.supervisor import SupervisedDriver
from gateway import wire
from gateway.applying import Applying
from gateway.driving import driver_health
from gateway.health.folding import Folding
from gateway.health.machine import measure, monotonic_ms
from gateway.health.troubles import Reports
from gateway.judging import Judging
from gateway.settings import GatewaySettings
from gateway.uplink import Uplink

HEALTH_PAUSE_S: Final = 1.0
"""A flood of new troubles costs one report a second."""


class Condition:
    """The gateway's condition, gathered from its parts."""

    def __init__(
        self,
        settings: GatewaySettings,
        session: str,
        *,
        clock: Callable[[], int],
        reports: Reports,
        judging: Judging,
        applying: Applying,
        uplink: Uplink,
        drivers: Mapping[str, SupervisedDriver],
        folding: Folding,
        clock_offset: Callable[[], float | None],
        outputs: Sequence[str],
        state_file: Path | None,
    ) -> None:
        self._data = settings.data
        self._session = session
        self._clock = clock
        self._started_ms = monotonic_ms()
        self._reports = reports
        self._judging = judging
        self._applying = applying
        self._uplink = uplink
        self._drivers = drivers
        self._folding = folding
        self._clock_offset = clock_offset
        self._outputs = outputs
        self._state_file = state_file

    async def tell(self) -> None:
        """Publish the health again and again, and soon after something new is wrong. Runs until cancelled."""
        while True:
            self._write_down()
            with suppress(TimeoutError):
                async with asyncio.timeout(self._applying.health_ms / 1000):
                    await self._reports.sooner.wait()
            await asyncio.sleep(HEALTH_PAUSE_S)
            self._reports.sooner.clear()
            self._uplink.tell_state()

    def _write_down(self) -> None:
        """For people at the machine and the support bundle. It lies in memory, so that no card wears."""
        if self._state_file is not None:
            new = self._state_file.with_suffix(".new")
            with suppress(OSError):
                new.write_bytes(wire.encode(self.state()))
                new.replace(self._state_file)

    def state(self, online: bool = True) -> wire.StateMessage:
        """What `up/state` says now."""
        return wire.StateMessage(
            online=online,
            session=self._session,
            software=version("sunwell"),
            applied=self._applying.applied,
            refused=self._applying.refused,
            reason=self._applying.reason,
            health=self.health() if online else None,
        )

    def health(self) -> wire.Health:
        """What the health report says now."""
        now_ms = self._clock()
        machine = measure(self._data)
        alarm_depth, alarm_oldest_ms = self._judging.keeper.depth()
        data_depth, data_oldest_ms = self._judging.recorder.depth()
        return wire.Health(
            at_ms=now_ms,
            uptime_s=(monotonic_ms() - self._started_ms) / 1000,
            cpu_celsius=machine.cpu_celsius,
            cpu_percent=machine.cpu_percent,
            memory_mb=machine.memory_mb,
            disk_free_percent=machine.disk_free_percent,
            uplink_rtt_ms=self._uplink.rtt_ms,
            clock_offset_ms=self._clock_offset(),
            clock_trusted=self._judging.clock_trusted,
            alarm_depth=alarm_depth,
            alarm_oldest_ms=alarm_oldest_ms,
            data_depth=data_depth,
            data_oldest_ms=data_oldest_ms,
            data_lost=self._judging.recorder.lost,
            drivers=[
                driver_health(one.counters, self._folding.away(name)) for name, one in self._drivers.items()
            ],
            troubles=self._reports.list(now_ms),
            wear_percent=machine.wear_percent,
            outputs=list(self._outputs),
        )
