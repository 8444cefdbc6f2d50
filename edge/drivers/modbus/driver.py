"""Reads Modbus TCP devices: a task for each host and port, so that a dead one delays nobody else."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from edge.core.plan import PlanError, Want, plan
from edge.driver import (
    Clock,
    EdgeDevice,
    Emit,
    ReportTrouble,
    TroubleReason,
    TroubleReport,
    cut,
    system_clock,
)
from edge.drivers.modbus.line import Line, UnitAddress

DEFAULT_TIMEOUT_MS: Final = 500
"""What Wiren Board's driver waits; its device templates set 1 to 2,000 ms."""
LONGEST_TIMEOUT_MS: Final = 10_000

_Member = tuple[EdgeDevice, UnitAddress, tuple[Want, ...]]


@dataclass(frozen=True, slots=True, kw_only=True)
class ModbusSettings:
    """`timeout_ms` is for devices that give none themselves."""

    timeout_ms: int = DEFAULT_TIMEOUT_MS


class ModbusDriver:
    """The driver `modbus`; see `edge.driver.Driver`."""

    def __init__(
        self,
        devices: Sequence[EdgeDevice],
        *,
        emit: Emit,
        trouble: ReportTrouble,
        settings: ModbusSettings | None = None,
        clock: Clock = system_clock,
    ) -> None:
        self._emit = emit
        self._trouble = trouble
        self._settings = settings or ModbusSettings()
        self._clock = clock
        self._wanted: dict[tuple[str, int], list[_Member]] = {}
        self._changed = asyncio.Event()
        self.apply(devices)

    def apply(self, devices: Sequence[EdgeDevice]) -> None:
        """Replace the devices. Lines without devices are closed, new ones opened, the others adjusted."""
        wanted: dict[tuple[str, int], list[_Member]] = {}
        for device in devices:
            try:
                address = parse_address(device.address, self._settings.timeout_ms)
                wants = tuple(
                    Want(address.unit, read.fc, read.every_ms, read.fast, read.address, read.count)
                    for read in device.profile.register_reads()
                )
                plan(wants)
            except (ValueError, PlanError) as error:
                self._trouble(
                    TroubleReport(source=device.id, reason=TroubleReason.BAD_ADDRESS, detail=cut(error))
                )
                continue
            wanted.setdefault((address.host, address.port), []).append((device, address, wants))
        self._wanted = wanted
        self._changed.set()

    async def run(self) -> None:
        """Poll all lines until cancelled. Raises, in a group, what `emit` raises."""
        lines: dict[tuple[str, int], tuple[Line, asyncio.Task[None]]] = {}
        async with asyncio.TaskGroup() as tasks:
            while True:
                self._changed.clear()
                for key in [key for key in lines if key not in self._wanted]:
                    lines.pop(key)[1].cancel()
                for key, members in self._wanted.items():
                    if key in lines:
                        lines[key][0].apply(members)
                        continue
                    host, port = key
                    line = Line(host, port, emit=self._emit, trouble=self._trouble, clock=self._clock)
                    line.apply(members)
                    lines[key] = line, tasks.create_task(line.run(), name=f"modbus {host}:{port}")
                await self._changed.wait()


def parse_address(address: Mapping[str, Any], timeout_ms: int = DEFAULT_TIMEOUT_MS) -> UnitAddress:
    """The place that a device's address names. Raises ValueError saying what is wrong with it."""
    host = address.get("host")
    if not isinstance(host, str) or not host:
        raise ValueError("address: host: a name or IP address is needed")
    port = _number(address, "port", 502, 1, 65_535)
    unit = _number(address, "unit", 1, 0, 255)
    timeout = _number(address, "timeout_ms", timeout_ms, 1, LONGEST_TIMEOUT_MS)
    return UnitAddress(host, port, unit, timeout / 1000)


def _number(address: Mapping[str, Any], name: str, default: int, low: int, high: int) -> int:
    value = address.get(name, default)
    if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
        raise ValueError(f"address: {name}: {cut(value, 40)} is no whole number from {low} to {high}")
    return value
