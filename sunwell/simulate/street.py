"""A street that lives: homes, wells and kiosks whose devices publish and answer, and what happens there.

Everything goes over the devices' own protocols: MQTT to a broker, Modbus TCP from servers of this program.
"""

import asyncio
import random
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Collection
from contextlib import AsyncExitStack, asynccontextmanager
from types import TracebackType
from typing import Final, Self

from sunwell.simulate.devices.lorawan import MilesightButton, MilesightRadar
from sunwell.simulate.devices.zigbee import OwonSos, ZigbeeDevice
from sunwell.simulate.modbus_host import ModbusHost
from sunwell.simulate.people import AREAS, GATEWAY_ROWS, STATION, resident, well
from sunwell.simulate.places import (
    GAS_UNIT,
    Home,
    Kiosk,
    Well,
    home_rows,
    kiosk_rows,
    make_home,
    make_kiosk,
    make_well,
    well_rows,
)
from sunwell.simulate.publisher import Publisher
from sunwell.simulate.registry import DeviceRow, PositionRow, Registry

WELLS_A_CABINET: Final = 4
"""Wells whose probes and detectors share a serial-to-TCP converter."""
FALL_S: Final = 20.0
"""How long somebody lies on the floor: long enough for the rule, short enough for a demo."""
WALK_S: Final = 240.0
"""How long somebody stays in the room or out of it, on average."""
ALARM_S: Final = 3.0
"""How long an IAS button's alarm state lasts."""
FEVER_S: Final = 8.0
PERSON_S: Final = 4.0
WALL_CELSIUS: Final = 26.0
HIGH_WATER_MM: Final = 1_900
CREEP_MM: Final = 1.0
"""In a quarter of a second: 24 cm a minute."""
LOW_WATER_MM: Final = 300
GAS_PPM: Final = 35.0


class Street:
    """The street, as an asynchronous context manager. `homes` from 1 up, `wells` and `kiosks` likewise.

    Each MQTT device speaks every `interval_s`; the first round comes at once, spread over one interval.
    Where `quiet` is given, people walk about in their homes, but for the homes that it names.
    The ports of `modbus_ports` are those of the cabinets and then of the kiosks; 0 takes a free one.
    """

    def __init__(
        self,
        host: str = "127.0.0.1",
        port: int = 1883,
        *,
        username: str | None = None,
        password: str | None = None,
        homes: int = 32,
        wells: int = 12,
        kiosks: int = 2,
        interval_s: float = 3.0,
        quiet: Collection[int] | None = None,
        modbus_host: str = "127.0.0.1",
        modbus_ports: tuple[int, ...] = (),
        clock: Callable[[], int] = lambda: time.time_ns() // 1_000_000,
        seed: int = 7,
    ) -> None:
        self.homes = {number: make_home(number) for number in range(1, homes + 1)}
        self.wells = {number: make_well(number) for number in range(1, wells + 1)}
        self.kiosks = {number: make_kiosk(number) for number in range(1, kiosks + 1)}
        self._interval_s = interval_s
        self._quiet = self.homes.keys() if quiet is None else quiet
        self._there: dict[int, bool] = dict.fromkeys(self.homes, True)
        self._fallen: set[int] = set()
        self._clock = clock
        self._noise = random.Random(seed)  # noqa: S311 - makes values look alive
        self._publisher = Publisher(host, port, username, password)
        self._water: dict[int, float] = dict.fromkeys(self.wells, float(LOW_WATER_MM))
        self._creep: set[int] = set()
        self._feverish: dict[int, float] = {}
        ports = iter(modbus_ports)
        self._cabinets = [
            ModbusHost(
                [
                    unit
                    for one in group
                    for unit in (one.probe.unit(one.number), one.gas.unit(GAS_UNIT + one.number))
                ],
                host=modbus_host,
                port=next(ports, 0),
            )
            for group in _groups(list(self.wells.values()), WELLS_A_CABINET)
        ]
        self._kiosk_host = ModbusHost(
            [
                unit
                for kiosk in self.kiosks.values()
                for unit in (
                    kiosk.thermometer.unit(2 * kiosk.number - 1),
                    kiosk.room.unit(2 * kiosk.number),
                )
            ],
            host=modbus_host,
            port=next(ports, 0),
        )
        self._stack = AsyncExitStack()
        self._tasks: asyncio.TaskGroup | None = None
        self._timers: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        async with AsyncExitStack() as stack:
            for cabinet in self._cabinets:
                await stack.enter_async_context(cabinet)
            if self.kiosks:
                await stack.enter_async_context(self._kiosk_host)
            await stack.enter_async_context(self._playing())
            self._stack = stack.pop_all()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        # Closed without the error, which would come out of the task group wrapped in a group.
        await self._stack.aclose()

    def registry(self) -> Registry:
        """What to register. Modbus addresses are known once the street is entered."""
        positions: list[PositionRow] = []
        devices: list[DeviceRow] = []
        parts = [home_rows(home, len(self.homes)) for home in self.homes.values()]
        for index, one in enumerate(self.wells.values()):
            cabinet = self._cabinets[index // WELLS_A_CABINET]
            parts.append(well_rows(one, cabinet.host, cabinet.port))
        parts += [
            kiosk_rows(kiosk, self._kiosk_host.host, self._kiosk_host.port) for kiosk in self.kiosks.values()
        ]
        for more_positions, more_devices in parts:
            positions += more_positions
            devices += more_devices
        return Registry(
            areas=AREAS,
            gateways=GATEWAY_ROWS,
            stations=(STATION,),
            residents=tuple(resident(number, len(self.homes)) for number in self.homes),
            wells=tuple(well(number) for number in self.wells),
            positions=tuple(positions),
            devices=tuple(devices),
        )

    async def fall(self, home: int) -> None:
        """Somebody falls, and gets up (or is helped up) after 20 s."""
        radar = self.homes[home].radar
        self._fallen.add(home)
        if isinstance(radar, MilesightRadar):
            await self._say(radar.topic, radar.uplink(radar.fall_alarm(), self._clock()))
        else:
            radar.set_fallen(True)
            await self._say(radar.topic, radar.message(self._clock()))
        self._later(FALL_S, self._get_up, home)

    async def press(self, home: int) -> None:
        """Somebody presses the emergency button. Returns when the broker has the message."""
        button = self.homes[home].button
        if isinstance(button, MilesightButton):
            await self._say(button.topic, button.uplink(button.press(), self._clock()))
            return
        await self._say(button.topic, button.press(self._clock()))
        if isinstance(button, OwonSos):
            self._later(ALARM_S, self._release, home)

    async def battery_dies(self, home: int) -> None:
        """The button's battery is nearly empty."""
        await self._charge(home, 4)

    async def battery_is_changed(self, home: int) -> None:
        """The button has a new battery."""
        await self._charge(home, 100)

    async def open_cover(self, number: int) -> None:
        """The cover is moved and stands tilted."""
        cover = self.wells[number].cover
        cover.moved, cover.tilt = True, 35
        await self._report_cover(number)

    async def close_cover(self, number: int) -> None:
        """The cover lies as it should."""
        cover = self.wells[number].cover
        cover.moved, cover.tilt = False, 0
        await self._report_cover(number)

    async def water_rises(self, number: int) -> None:
        """The well fills up within some ten seconds."""
        self._water[number] = float(HIGH_WATER_MM)

    async def water_creeps(self, number: int) -> None:
        """It rains: the well fills up within minutes, so that it can be foreseen."""
        self._creep.add(number)
        self._water[number] = float(HIGH_WATER_MM)

    async def water_falls(self, number: int) -> None:
        """The well drains again."""
        self._creep.discard(number)
        self._water[number] = float(LOW_WATER_MM)

    async def gas(self, number: int) -> None:
        """Gas above the detector's high limit."""
        self.wells[number].gas.ppm = GAS_PPM

    async def gas_clears(self, number: int) -> None:
        """The gas is gone."""
        self.wells[number].gas.ppm = 0.4

    async def fever(self, kiosk: int) -> None:
        """Somebody with 38.6 degrees stands before the kiosk for some seconds."""
        self._feverish[kiosk] = asyncio.get_running_loop().time() + FEVER_S
        self._look(self.kiosks[kiosk])

    @asynccontextmanager
    async def _playing(self) -> AsyncIterator[None]:
        async with asyncio.TaskGroup() as tasks:
            self._tasks = tasks
            running = [
                tasks.create_task(self._publisher.run(), name="simulated publisher"),
                tasks.create_task(self._live(), name="simulated wells and kiosks"),
                *(
                    tasks.create_task(self._inhabit(home), name="simulated home")
                    for home in self.homes.values()
                ),
                *(tasks.create_task(self._watch(number), name="simulated cover") for number in self.wells),
            ]
            try:
                yield
            finally:
                self._tasks = None
                self._publisher.stop()
                for task in (*running, *self._timers):
                    task.cancel()

    async def _inhabit(self, home: Home) -> None:
        await asyncio.sleep(self._interval_s * home.number / (len(self.homes) + 1))
        while True:
            self._walk(home)
            for device in (home.radar, home.button):
                if isinstance(device, ZigbeeDevice):
                    device.drift(self._noise.uniform(-1, 1))
                    payload = device.message(self._clock())
                else:
                    payload = device.uplink(
                        device.report(), self._clock(), rssi=-80 - self._noise.randint(0, 20)
                    )
                await self._publisher.say(device.topic, payload)
            await asyncio.sleep(self._interval_s)

    async def _watch(self, number: int) -> None:
        await asyncio.sleep(self._interval_s * number / (len(self.wells) + 1))
        cover = self.wells[number].cover
        while True:
            await self._publisher.say(cover.topic, cover.uplink(cover.report(), self._clock()))
            await asyncio.sleep(self._interval_s)

    async def _live(self) -> None:
        """Four times a second: water moves towards where it is going, air and people change a little."""
        while True:
            for number, one in self.wells.items():
                way = self._water[number] - one.probe.level_mm
                step = CREEP_MM if number in self._creep else 50.0
                level = one.probe.level_mm + max(-50.0, min(step, way)) + self._noise.uniform(-1.5, 1.5)
                one.probe.level_mm = level
                one.cover.distance_mm = max(0, round(one.cover.mount_height_mm - level))
                if one.gas.ppm < one.gas.low_ppm:
                    one.gas.ppm = max(0.0, min(2.0, one.gas.ppm + self._noise.uniform(-0.05, 0.05)))
            for kiosk in self.kiosks.values():
                self._look(kiosk)
                kiosk.room.celsius = max(
                    18.0, min(27.0, kiosk.room.celsius + self._noise.uniform(-0.02, 0.02))
                )
                kiosk.room.humidity = max(
                    35.0, min(75.0, kiosk.room.humidity + self._noise.uniform(-0.1, 0.1))
                )
            await asyncio.sleep(0.25)

    def _look(self, kiosk: Kiosk) -> None:
        """People pass one after the other; between them the kiosk sees the wall."""
        now = asyncio.get_running_loop().time()
        person, turn = divmod(int(now / PERSON_S) + kiosk.number, 2)
        if now < self._feverish.get(kiosk.number, 0.0):
            kiosk.thermometer.celsius = 38.6
        elif turn:
            kiosk.thermometer.celsius = 36.2 + (person * 7 + kiosk.number) % 8 / 10
        else:
            kiosk.thermometer.celsius = WALL_CELSIUS + self._noise.uniform(-0.2, 0.2)

    def _walk(self, home: Home) -> None:
        """Now and then somebody leaves the room or comes back; who lies on the floor does not."""
        if home.number in self._quiet or home.number in self._fallen:
            return
        if self._noise.random() < self._interval_s / WALK_S:
            self._there[home.number] = not self._there[home.number]
            home.radar.set_there(self._there[home.number])

    async def _get_up(self, home: int) -> None:
        self._fallen.discard(home)
        radar = self.homes[home].radar
        if isinstance(radar, MilesightRadar):
            await self._say(radar.topic, radar.uplink(radar.fall_over(), self._clock()))
        else:
            radar.set_fallen(False)
            await self._say(radar.topic, radar.message(self._clock()))

    async def _release(self, home: int) -> None:
        button = self.homes[home].button
        assert isinstance(button, OwonSos)
        await self._say(button.topic, button.release(self._clock()))

    async def _charge(self, home: int, percent: int) -> None:
        button = self.homes[home].button
        if isinstance(button, MilesightButton):
            button.battery = percent
            await self._say(button.topic, button.uplink(button.report(), self._clock()))
        else:
            button.set_battery(percent)
            await self._say(button.topic, button.message(self._clock()))

    async def _report_cover(self, number: int) -> None:
        cover = self.wells[number].cover
        await self._say(cover.topic, cover.uplink(cover.report(), self._clock()))

    async def _say(self, topic: str, payload: bytes) -> None:
        await self._publisher.say_and_wait(topic, payload)

    def _later(self, delay_s: float, what: Callable[[int], Awaitable[None]], number: int) -> None:
        async def wait() -> None:
            await asyncio.sleep(delay_s)
            await what(number)

        assert self._tasks is not None, "the street has ended"
        timer = self._tasks.create_task(wait(), name="simulated event's end")
        self._timers.add(timer)
        timer.add_done_callback(self._timers.discard)


def _groups(wells: list[Well], size: int) -> list[list[Well]]:
    return [wells[start : start + size] for start in range(0, len(wells), size)]
