"""What happens on the demo's street: every event as a button, and a story that plays by itself."""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from itertools import cycle
from typing import Any, Final

import structlog

from sunwell.demo.desk import Desk
from sunwell.simulate.network import Proxy
from sunwell.simulate.street import Street

log = structlog.get_logger(__name__)
FIRST_EVENT_S: Final = 12.0
BETWEEN_S: Final = 20.0
CUT_FOR_S: Final = 40.0
"""Long enough for the fault, and for the demo's welfare calls to those at high risk."""
WORK_FOR_S: Final = 25.0
WHO_FALLS: Final = 15
WORKED_AT: Final = 5


@dataclass(frozen=True, slots=True)
class Event:
    """One thing that can happen; `play` makes it happen to the devices."""

    key: str
    zh: str
    en: str
    play: Callable[[], Coroutine[Any, Any, None]]


class Scenario:
    """The events of one street. `played` is the newest event's key, for the page."""

    def __init__(self, street: Street, cable: Proxy, desk: Desk) -> None:
        self._street = street
        self._desk = desk
        self._cable = cable
        self.played: str | None = None
        self._begun: set[asyncio.Task[None]] = set()
        self.events: Final = (
            Event("fall", "老人跌倒", "A resident falls", _each(street.fall, (3, 8, 14, 21, 26, 31))),
            Event("press", "按下紧急按钮", "The emergency button", _each(street.press, (5, 12, 18, 23, 29))),
            Event(
                "home", "同一老人先跌倒再按按钮", "One resident falls, then presses", self._falls_and_presses
            ),
            Event("cover", "井盖被打开", "A cover is opened", _each(street.open_cover, (4, 9, 2))),
            Event("water", "井内水位上涨", "Water rises in a well", _each(street.water_rises, (7, 10, 1))),
            Event(
                "rain",
                "暴雨：上游井水位上涨",
                "Rain: water comes from upstream",
                _each(street.water_creeps, (3, 4)),
            ),
            Event("covers", "多个井盖同时打开", "Several covers open together", self._open_covers),
            Event("gas", "井内有毒气体", "Gas in a well", _each(street.gas, (6, 11, 3))),
            Event("fever", "测温站发现发热", "A fever at a kiosk", _each(street.fever, (1, 2))),
            Event("battery", "按钮电池耗尽", "A battery dies", _each(street.battery_dies, (10, 17, 2))),
            Event("work", "登记井下作业，收工忘关井盖", "Work at a well leaves its cover open", self._work),
            Event("cut", "网关断网 40 秒", "A gateway is cut off for 40 s", self._cut_off),
            Event("calm", "一切恢复正常", "Everything back to normal", self._calm),
        )

    @asynccontextmanager
    async def playing(self) -> AsyncIterator["Scenario"]:
        """Events can happen until the end of the block; what is under way then is broken off."""
        async with asyncio.TaskGroup() as self._group:
            try:
                yield self
            finally:
                for task in self._begun:
                    task.cancel()

    def begin(self, key: str) -> None:
        """Lets an event happen, without waiting for its end. Raises KeyError where there is none of that
        name."""
        event = {event.key: event for event in self.events}[key]
        self.played = key
        log.info("demo_event", what=key)
        self._start(event.play())

    def begin_story(self) -> None:
        """Lets all events happen once, one after the other."""
        self._start(self._story())

    async def _story(self) -> None:
        await asyncio.sleep(FIRST_EVENT_S)
        for event in self.events:
            self.begin(event.key)
            await asyncio.sleep(BETWEEN_S)

    def _start(self, work: Coroutine[Any, Any, None]) -> None:
        task = self._group.create_task(work, name="demo event")
        self._begun.add(task)
        task.add_done_callback(self._begun.discard)

    async def _falls_and_presses(self) -> None:
        await self._street.fall(WHO_FALLS)
        await asyncio.sleep(3.0)
        await self._street.press(WHO_FALLS)

    async def _work(self) -> None:
        window = await asyncio.to_thread(self._desk.begin_work, WORKED_AT, "演示：更换井盖")
        if window is None:
            return
        await self._street.open_cover(WORKED_AT)
        await asyncio.sleep(WORK_FOR_S)
        await asyncio.to_thread(self._desk.end_work, window)

    async def _cut_off(self) -> None:
        await self._cable.cut()
        await asyncio.sleep(CUT_FOR_S)
        await self._cable.restore()

    async def _open_covers(self) -> None:
        for well in (8, 9, 10, 11):
            await self._street.open_cover(well)

    async def _calm(self) -> None:
        street = self._street
        for well in street.wells:
            await street.close_cover(well)
            await street.water_falls(well)
            await street.gas_clears(well)
        for home in street.homes:
            await street.battery_is_changed(home)


def _each(
    happen: Callable[[int], Coroutine[Any, Any, None]], numbers: Iterable[int]
) -> Callable[[], Coroutine[Any, Any, None]]:
    """Another place each time, so that each press of the page's button is seen."""
    turn = cycle(numbers)
    return lambda: happen(next(turn))
