"""The alarm in the room: siren, buzzer, voice and light, whether or not there is a network.

`hear` switches the siren within its own call, so that nothing else of the program can delay it; `run` does
what time brings: blinking, repeating the sentence, ending the noise, opening outputs that failed again.
"""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

import structlog

from edge.driver import cut
from gateway.core.sounding import Look, Sounding, lit
from gateway.health.troubles import Reports
from gateway.outputs.gpio import GpioButton, GpioSwitch
from gateway.outputs.output import Button, Output, OutputError, Speaker, Switch
from gateway.outputs.settings import Outputs
from gateway.outputs.voice import Voice
from gateway.rules.outcomes import Outcome

LOOK_MS: Final = 1_000
"""How soon the light follows the gateway's condition."""
AGAIN_MS: Final = 60_000
"""An output that failed is tried, and reported, this often."""

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Fittings:
    """What hangs on this gateway. `buzzer` also helps to find it; the siren is too loud for that."""

    led: Switch | None = None
    buzzer: Switch | None = None
    siren: Switch | None = None
    voice: Speaker | None = None


class LocalAlarm:
    """Sounds for what judging led to. `look` says how the gateway is; `monotonic` gives milliseconds."""

    def __init__(
        self,
        settings: Outputs,
        fittings: Fittings,
        *,
        reports: Reports,
        monotonic: Callable[[], int],
        look: Callable[[], Look],
    ) -> None:
        self._settings = settings
        self._fittings = fittings
        self._reports = reports
        self._monotonic = monotonic
        self._look = look
        self._sounding = Sounding(
            severities=frozenset(settings.severities),
            task_kinds=frozenset(settings.task_kinds),
            lasting_ms=settings.seconds * 1000,
        )
        self._locate_until_ms = 0
        self._again_ms: dict[str, int] = {}
        self._changed = asyncio.Event()
        self._speak = asyncio.Event()
        self._quiet = asyncio.Event()
        self._quiet.set()
        self._button: Button | None = None

    @property
    def names(self) -> tuple[str, ...]:
        """What can be heard: "siren", "buzzer", "voice"."""
        heard = (self._fittings.siren, self._fittings.buzzer, self._fittings.voice)
        return tuple(one.name for one in heard if one is not None)

    @property
    def outputs(self) -> Sequence[Output]:
        """What may draw attention to the gateway."""
        fit = (self._fittings.led, self._fittings.buzzer)
        return tuple(Locating(one.name, self._locate) for one in fit if one is not None)

    @property
    def sounds(self) -> bool:
        """Whether anything sounds now."""
        return self._sounding.until_ms(self._monotonic()) is not None

    def hear(self, outcomes: Sequence[Outcome]) -> None:
        """Sound for them, if they are such; on when this returns."""
        if self._sounding.hear(outcomes, self._monotonic()):
            _log.info("the alarm sounds here", outputs=", ".join(self.names) or "none")
            self._again_ms.clear()  # what failed before is tried for each alarm
            self._speak.set()
        self._show()
        self._changed.set()

    def silence(self, breaches: Collection[str] | None = None) -> int:
        """Hush these breaches, or all that sounds; how many of them sounded."""
        hushed = self._sounding.silence(breaches)
        self._show()
        self._changed.set()
        return hushed

    def listen(self, button: Button) -> None:
        """Let this button silence what sounds; opened by `run`."""
        self._button = button

    async def run(self) -> None:
        """Do what time brings. Runs until cancelled, then everything is off."""
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._follow(), name="outputs follow")
                if self._fittings.voice is not None:
                    group.create_task(self._talk(self._fittings.voice), name="voice")
        finally:
            for switch in (self._fittings.led, self._fittings.buzzer, self._fittings.siren):
                if switch is not None:
                    switch.close()
            if self._button is not None:
                self._button.close()

    async def _follow(self) -> None:
        while True:
            self._changed.clear()
            if self._button is not None:
                self._try(self._button.name, self._button.open)
            wait_ms = self._show()
            with suppress(TimeoutError):
                async with asyncio.timeout(wait_ms / 1000):
                    await self._changed.wait()

    def _show(self) -> int:
        """Bring all switches to what they should be now; when to look again, in milliseconds."""
        now_ms = self._monotonic()
        until_ms = self._sounding.until_ms(now_ms)
        locating = now_ms < self._locate_until_ms
        (self._quiet.set if until_ms is None else self._quiet.clear)()
        waits = [LOOK_MS] if until_ms is None else [LOOK_MS, until_ms - now_ms]
        self._switch(self._fittings.siren, until_ms is not None)
        beeps, beep_ms = lit(Look.LOCATE, now_ms)
        self._switch(self._fittings.buzzer, until_ms is not None or (locating and beeps))
        if self._fittings.led is not None:
            look = Look.LOCATE if locating else Look.ALARM if until_ms is not None else self._look()
            on, change_ms = lit(look, now_ms)
            self._switch(self._fittings.led, on)
            waits += [change_ms] if change_ms is not None else []
        elif locating and beep_ms is not None:
            waits.append(beep_ms)
        return max(min(waits), 1)

    def _switch(self, switch: Switch | None, on: bool) -> None:
        if switch is not None:
            self._try(switch.name, lambda: switch.set(on))

    def _try(self, name: str, act: Callable[[], None]) -> None:
        """An output that fails is reported, and left alone for a minute."""
        now_ms = self._monotonic()
        if now_ms < self._again_ms.get(name, now_ms):
            return
        try:
            act()
        except OutputError as error:
            self._again_ms[name] = now_ms + AGAIN_MS
            self._reports.add("outputs", name, cut(error))
        else:
            self._again_ms.pop(name, None)

    async def _talk(self, voice: Speaker) -> None:
        every_s = self._settings.voice.every_s if self._settings.voice is not None else 0.0
        while True:
            await self._speak.wait()
            self._speak.clear()
            while self.sounds:
                async with asyncio.TaskGroup() as group:
                    saying = group.create_task(self._say(voice, every_s), name="voice says")
                    hushed = group.create_task(self._quiet.wait(), name="voice is hushed")
                    await asyncio.wait((saying, hushed), return_when=asyncio.FIRST_COMPLETED)
                    saying.cancel()
                    hushed.cancel()

    async def _say(self, voice: Speaker, every_s: float) -> None:
        try:
            await voice.say()
        except OutputError as error:
            self._reports.add("outputs", voice.name, cut(error))
        await asyncio.sleep(every_s)

    async def _locate(self, seconds: float) -> None:
        self._locate_until_ms = self._monotonic() + round(seconds * 1000)
        self._show()
        self._changed.set()


@dataclass(slots=True)
class Locating:
    """An output as the command `locate` uses it."""

    name: str
    begin: Callable[[float], Awaitable[None]]

    async def locate(self, seconds: float) -> None:
        """See `Output`."""
        await self.begin(seconds)


def fittings(settings: Outputs) -> Fittings:
    """What the settings name; nothing is opened yet."""
    pins = {
        name: GpioSwitch(shown, chosen.pin, active_high=chosen.active_high)
        for name, shown, chosen in (
            ("led", "LED", settings.led),
            ("buzzer", "buzzer", settings.buzzer),
            ("siren", "siren", settings.siren),
        )
        if chosen is not None
    }
    voice = settings.voice
    said = None if voice is None else Voice(voice.command, longest_s=voice.longest_s)
    return Fittings(led=pins.get("led"), buzzer=pins.get("buzzer"), siren=pins.get("siren"), voice=said)


def silencing_button(settings: Outputs, alarm: LocalAlarm) -> GpioButton | None:
    """The button that the settings name; its presses come from another thread."""
    if settings.button is None:
        return None
    loop = asyncio.get_running_loop()

    def pressed() -> None:
        with suppress(RuntimeError):  # the program ends just now
            loop.call_soon_threadsafe(_silenced_by_hand, alarm)

    return GpioButton(settings.button.pin, pressed)


def _silenced_by_hand(alarm: LocalAlarm) -> None:
    if hushed := alarm.silence():
        _log.info("silenced by the button", breaches=hushed)
