"""The alarm in the room with recorded outputs and a clock of its own."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from typing import Any

from gateway.core.sounding import Look
from gateway.health.troubles import Reports
from gateway.judging import Judging
from gateway.outputs.local_alarm import Fittings, LocalAlarm
from gateway.outputs.output import OutputError
from gateway.outputs.settings import Outputs, VoiceSettings
from gateway.rules.outcomes import Outcome
from tests.unit.gateway.core.test_sounding import outcome

VOICE = VoiceSettings(command=("say",), every_s=1)


class Lamp:
    """A switch that remembers, and may be broken."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.on = False
        self.closed = False
        self.broken = False
        self.changed = asyncio.Event()

    def set(self, on: bool) -> None:
        if self.broken:
            raise OutputError(f"{self.name} is broken")
        if on != self.on:
            self.on = on
            self.changed.set()

    def close(self) -> None:
        self.on, self.closed = False, True


class Said:
    """A speaker that counts, and speaks until it is cancelled if `endless`."""

    name = "voice"

    def __init__(self, *, endless: bool = False) -> None:
        self.begun = asyncio.Event()
        self.hushed = asyncio.Event()
        self.times = 0
        self._endless = endless

    async def say(self) -> None:
        self.times += 1
        self.begun.set()
        try:
            if self._endless:
                await asyncio.Event().wait()
        finally:
            self.hushed.set()


class Room:
    """A local alarm with everything fitted, and the time in `now_ms`."""

    def __init__(self, settings: Outputs | None = None, voice: Said | None = None) -> None:
        self.now_ms = 0
        self.look = Look.WELL
        self.led, self.buzzer, self.siren = Lamp("LED"), Lamp("buzzer"), Lamp("siren")
        self.reports = Reports(lambda: self.now_ms)
        self.alarm = LocalAlarm(
            settings or Outputs(seconds=60),
            Fittings(led=self.led, buzzer=self.buzzer, siren=self.siren, voice=voice),
            reports=self.reports,
            monotonic=lambda: self.now_ms,
            look=lambda: self.look,
        )

    def troubles(self) -> dict[str, str]:
        return {one.reason: one.detail for one in self.reports.list(self.now_ms)}

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        async with asyncio.TaskGroup() as group:
            task = group.create_task(self.alarm.run())
            await asyncio.sleep(0)
            yield
            task.cancel()


async def test_the_siren_is_on_before_the_call_returns() -> None:
    room = Room()
    room.alarm.hear([outcome("press")])
    assert room.siren.on
    assert room.buzzer.on


async def test_it_ends_after_its_time_and_when_it_is_silenced() -> None:
    room = Room()
    room.alarm.hear([outcome("press 1")])
    assert room.alarm.silence(["press 1"]) == 1
    assert not room.siren.on
    room.alarm.hear([outcome("press 2")])
    room.now_ms = 60_000
    room.siren.changed.clear()
    async with room.running():
        await room.siren.changed.wait()
        assert not room.siren.on
        assert room.led.on  # all is well
    assert room.siren.closed
    assert not room.led.on


async def test_the_light_says_the_worst() -> None:
    room = Room()
    async with room.running():
        for look, at_ms in ((Look.OFFLINE, 1_500), (Look.FAULT, 500)):
            room.look, room.now_ms = look, at_ms
            room.alarm.silence()
            assert not room.led.on
        room.look = Look.WELL
        room.alarm.silence()
        assert room.led.on


async def test_locating_blinks_and_beeps_and_leaves_the_siren_alone() -> None:
    room = Room()
    assert [output.name for output in room.alarm.outputs] == ["LED", "buzzer"]
    for output in room.alarm.outputs:
        await output.locate(5)
    assert (room.led.on, room.buzzer.on, room.siren.on) == (True, True, False)
    room.now_ms = 5_000
    room.alarm.silence()
    assert (room.led.on, room.buzzer.on) == (True, False)


async def test_a_broken_output_keeps_no_other_from_sounding_and_is_told_again_each_minute() -> None:
    room = Room()
    room.siren.broken = True
    room.alarm.hear([outcome("press 1")])
    assert room.buzzer.on
    assert room.troubles() == {"siren": "siren is broken"}
    room.siren.broken = False
    room.alarm.hear([outcome("press 2")])  # not after a minute: now
    assert room.siren.on
    room.siren.broken = True
    for room.now_ms in (0, 1, 59_999, 60_000, 60_001):
        room.alarm.silence([])
    assert [one.count for one in room.reports.list(room.now_ms)] == [3]


async def test_the_voice_speaks_while_it_sounds_and_falls_silent_at_once() -> None:
    said = Said(endless=True)
    room = Room(Outputs(voice=VOICE), said)
    async with room.running():
        room.alarm.hear([outcome("press 1")])
        await said.begun.wait()
        assert not said.hushed.is_set()
        room.alarm.silence()
        await said.hushed.wait()
        said.begun.clear()
        room.alarm.hear([outcome("press 2")])
        await said.begun.wait()
    assert said.times == 2


class SlowKeeper:
    """An alarm lane whose card stalls."""

    def __init__(self) -> None:
        self.durable = asyncio.Event()

    async def keep(self, _outcomes: Sequence[Outcome], _saved: Any, _now_ms: int) -> None:
        await self.durable.wait()


async def test_a_card_that_stalls_does_not_keep_the_siren_silent() -> None:
    heard: list[str] = []
    sounded = asyncio.Event()

    def sound(outcomes: Sequence[Outcome]) -> None:
        heard.extend(one.breach for one in outcomes)
        sounded.set()

    keeper = SlowKeeper()
    with ThreadPoolExecutor(1) as thread:
        judging = Judging(
            None,  # type: ignore[arg-type]  # the lane is the keeper's
            thread,
            keeper,  # type: ignore[arg-type]  # a stand-in
            None,  # type: ignore[arg-type]  # telemetry has no part in it
            clock=lambda: 1_800_000_000_000,
            reports=Reports(lambda: 0),
            adopt_clock=lambda: 0,
            sound=sound,
        )
        async with asyncio.TaskGroup() as group:
            keeping = group.create_task(judging._keep([outcome("press")], 0))
            await sounded.wait()
            assert not keeping.done()
            keeper.durable.set()
    assert heard == ["press"]  # once, although it was heard before it was kept


async def test_a_driver_that_is_stopped_meanwhile_silences_nothing() -> None:
    heard: list[str] = []
    judging = Judging(
        None,  # type: ignore[arg-type]  # the lane is the keeper's
        None,  # type: ignore[arg-type]  # nothing is read
        SlowKeeper(),  # type: ignore[arg-type]  # a stand-in
        None,  # type: ignore[arg-type]  # telemetry has no part in it
        clock=lambda: 1_800_000_000_000,
        reports=Reports(lambda: 0),
        adopt_clock=lambda: 0,
        sound=lambda outcomes: heard.extend(one.breach for one in outcomes),
    )
    async with asyncio.TaskGroup() as group:
        keeping = group.create_task(judging._keep([outcome("press")], 0))
        await asyncio.sleep(0)
        keeping.cancel()
    assert heard == ["press"]
