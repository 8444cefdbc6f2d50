"""A driver whose way to its devices is down is one fault, and not the silence of each device behind it."""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final

from edge.supervisor import SupervisedDriver
from gateway.applying import Applying
from gateway.health.machine import monotonic_ms
from gateway.wire import DriverAway

AWAY_MS: Final = 10_000
"""A broker or converter that is back sooner was only restarted."""
LOOK_S: Final = 1.0


@dataclass(slots=True)
class Folding:
    """Looks at the drivers again and again. `hold` is told at which positions nothing can be heard."""

    drivers: Mapping[str, SupervisedDriver]
    applying: Applying
    hold: Callable[[frozenset[str]], None]
    changed: Callable[[], None]
    clock: Callable[[], int]
    _since_ms: dict[str, int] = field(default_factory=dict)
    _away: dict[str, DriverAway] = field(default_factory=dict)

    async def run(self) -> None:
        """Look each second, until cancelled; `changed` is called when something is away or back."""
        while True:
            if self.look(monotonic_ms()):
                self.changed()
            await asyncio.sleep(LOOK_S)

    def look(self, now_ms: int) -> bool:
        """Take note of what is away at `now_ms` (monotonic); whether that is something else than before."""
        away: dict[str, DriverAway] = {}
        positions: set[str] = set()
        for name, one in self.drivers.items():
            devices = one.away()
            if not devices:
                self._since_ms.pop(name, None)
                continue
            lasted_ms = now_ms - self._since_ms.setdefault(name, now_ms)
            if lasted_ms < AWAY_MS:
                continue
            away[name] = DriverAway(since_ms=self.clock() - lasted_ms, devices=len(devices))
            found = (self.applying.device(device) for device in devices)
            positions |= {device.position for _, device in (one for one in found if one is not None)}
        changed, self._away = away.keys() != self._away.keys(), away
        self.hold(frozenset(positions))
        return changed

    def away(self, driver: str) -> DriverAway | None:
        """Since when the driver cannot hear its devices, and how many; None if it can."""
        return self._away.get(driver)
