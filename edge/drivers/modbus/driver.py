"""Reads Modbus devices over TCP and RTU: a task for each line, so that a dead one delays nobody else."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from edge.commanding import Outcome
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
from edge.drivers.modbus.addresses import DEFAULT_TIMEOUT_MS, Place, UnitAddress, parse_address
from edge.drivers.modbus.commands import CommandError, Write
from edge.drivers.modbus.delivery import Delivery, Member
from edge.drivers.modbus.line import Line
from firmware_profiles import Order, RegisterOrder


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
        self._delivery = Delivery(emit, trouble)
        self._trouble = trouble
        self._settings = settings or ModbusSettings()
        self._clock = clock
        self._wanted: dict[Place, list[Member]] = {}
        self._lines: dict[Place, Line] = {}
        self._changed = asyncio.Event()
        self.apply(devices)

    def apply(self, devices: Sequence[EdgeDevice]) -> None:
        """Replace the devices. Lines without devices are closed, new ones opened, the others adjusted."""
        wanted: dict[Place, list[Member]] = {}
        places: dict[str, Place] = {}
        for device in devices:
            try:
                member = _member(device, self._settings.timeout_ms)
                _check_line(places, member.address)
            except (ValueError, PlanError) as error:
                self._trouble(
                    TroubleReport(source=device.id, reason=TroubleReason.BAD_ADDRESS, detail=cut(error))
                )
                continue
            wanted.setdefault(member.address.place, []).append(member)
        self._delivery.keep({member.device.id: member for part in wanted.values() for member in part})
        self._wanted = wanted
        self._changed.set()

    def away(self) -> frozenset[str]:
        """The devices of each line that is not connected and that several share: a device that has a line or
        an address of its own is silent itself."""
        return frozenset(
            member.device.id
            for place, members in self._wanted.items()
            if len(members) > 1 and not ((line := self._lines.get(place)) is not None and line.connected)
            for member in members
        )

    async def write(self, device_id: str, order: Write) -> bool:
        """Writes to a device, between two polls of its line, unless it already holds these values. Returns
        whether it wrote. Raises CommandError."""
        for place, members in self._wanted.items():
            line = self._lines.get(place)
            if line is not None and any(member.device.id == device_id for member in members):
                return await line.write(device_id, order)
        raise CommandError(f"{device_id}: no device of a running line; look for troubles with its address")

    async def command(self, key: str, device_id: str, order: Order) -> Outcome:
        """Write an order's registers or coils; see `edge.commanding.Commanded`. Raises CommandError."""
        if not isinstance(order, RegisterOrder):
            raise CommandError(f"{device_id}: a Modbus device takes registers and coils only")
        try:
            wrote = await self.write(device_id, Write(order.kind, order.address, order.values))
        except ValueError as error:
            raise CommandError(f"{device_id}: {error}") from error
        return Outcome(key=key, detail="written" if wrote else "the device held this value already")

    async def run(self) -> None:
        """Poll all lines until cancelled. Raises, in a group, what `emit` raises."""
        tasks: dict[Place, asyncio.Task[None]] = {}
        try:
            async with asyncio.TaskGroup() as group:
                while True:
                    self._changed.clear()
                    gone = [tasks.pop(place) for place in list(tasks) if place not in self._wanted]
                    for task in gone:
                        task.cancel()
                    self._lines = {place: line for place, line in self._lines.items() if place in tasks}
                    if gone:
                        await asyncio.wait(gone)  # a serial port has to be let go before it is opened anew
                    for place, members in self._wanted.items():
                        line = self._lines.get(place)
                        if line is None:
                            line = Line(
                                place,
                                deliver=self._delivery.deliver,
                                trouble=self._trouble,
                                clock=self._clock,
                            )
                            self._lines[place] = line
                            tasks[place] = group.create_task(line.run(), name=f"modbus {place.name}")
                        line.apply(members)
                    await self._changed.wait()
        finally:
            self._lines = {}


def _check_line(places: dict[str, Place], address: UnitAddress) -> None:
    """Raises ValueError if a device before has other settings for the same line."""
    if places.setdefault(address.line, address.place) != address.place:
        raise ValueError(
            f"address: {address.place.name}: another device uses this line with other settings"
            " (baud, parity, stop bits or framer); all on one line must have the same"
        )


def _member(device: EdgeDevice, timeout_ms: int) -> Member:
    address = parse_address(device.address, timeout_ms)
    wants = tuple(
        Want(address.unit, read.fc, read.every_ms, read.fast, read.address, read.count)
        for read in device.profile.register_reads()
    )
    plan(wants)
    return Member(device, address, wants)
