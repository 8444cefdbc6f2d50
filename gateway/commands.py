"""What a gateway does when it is commanded: a table of acts, each with what it asks of its arguments."""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from edge.commanding import Commanded, CommandError, Outcome
from edge.driver import Driver, EdgeDevice, cut
from firmware_profiles import CommandRefusedError, order_of
from gateway import wire
from gateway.outputs.output import Output, OutputError

NOT_AVAILABLE: Final = "not available"
LEVELS: Final = ("debug", "info", "warning", "error")
LOCATE_S: Final = (1, 300)
LOG_MINUTES: Final = (1, 1_440)


class NotDoneError(Exception):
    """The command was not carried out; the text says why."""


@dataclass(frozen=True, slots=True)
class Means:
    """What commands act on. `restart` and `set_log_level` are None where the program is not ours to end, or
    its log not ours to change; `set_log_level` takes None to go back to the usual level. `device` finds a
    device and the name of its driver, `driver` that driver. `silence` hushes breaches (None: all) and says
    how many of them sounded; it is None where nothing can sound."""

    state: Callable[[], wire.StateMessage]
    device: Callable[[str], tuple[str, EdgeDevice] | None]
    driver: Callable[[str], Driver]
    outputs: Sequence[Output] = ()
    restart: Callable[[], None] | None = None
    set_log_level: Callable[[str | None], None] | None = None
    silence: Callable[[Collection[str] | None], int] | None = None


class Acts:
    """Carries commands out. `restarting` is set once the program shall end."""

    def __init__(self, means: Means) -> None:
        self._means = means
        self._usual_again: asyncio.TimerHandle | None = None
        self.restarting = False
        self._table: dict[str, Callable[[wire.CommandMessage], Awaitable[Outcome]]] = {
            "identify": self._identify,
            "test": self._test,
            "locate": self._locate,
            "silence": self._silence,
            "restart": self._restart,
            "log_level": self._log_level,
            "device": self._device,
        }

    async def carry_out(self, command: wire.CommandMessage) -> Outcome:
        """Do it. Raises NotDoneError."""
        act = self._table.get(command.name)
        if act is None:
            raise NotDoneError(NOT_AVAILABLE)
        return await act(command)

    def close(self) -> None:
        """Let the log have its usual level again."""
        if self._usual_again is not None:
            self._usual_again.cancel()
            self._usual()

    async def _identify(self, command: wire.CommandMessage) -> Outcome:
        state = self._means.state()
        detail = f"software {state.software}, session {state.session}, desired state {state.applied}"
        return Outcome(key=command.id, detail=detail)

    async def _test(self, command: wire.CommandMessage) -> Outcome:
        health = self._means.state().health
        if health is None:
            return Outcome(key=command.id, detail="running")
        running = ", ".join(driver.name for driver in health.drivers if driver.running) or "none"
        waiting, troubles = health.alarm_depth, len(health.troubles)
        return Outcome(
            key=command.id,
            detail=f"drivers running: {running}; alarms waiting: {waiting}; troubles: {troubles}",
        )

    async def _locate(self, command: wire.CommandMessage) -> Outcome:
        seconds = _number(command.arguments, "seconds", 10, LOCATE_S)
        if not self._means.outputs:
            raise NotDoneError("no output: this gateway has neither light nor buzzer")
        try:
            for output in self._means.outputs:
                await output.locate(seconds)
        except OutputError as error:
            raise NotDoneError(cut(error)) from error
        names = ", ".join(output.name for output in self._means.outputs)
        return Outcome(key=command.id, detail=f"{names} for {seconds} s")

    async def _silence(self, command: wire.CommandMessage) -> Outcome:
        if self._means.silence is None:
            raise NotDoneError("no output: this gateway has neither siren nor voice")
        breaches = command.arguments.get("breaches")
        if breaches is not None and not (
            isinstance(breaches, list) and all(isinstance(one, str) for one in breaches)
        ):
            raise NotDoneError(f"breaches: must be a list of texts, got {cut(breaches, 40)}")
        hushed = self._means.silence(breaches)
        return Outcome(key=command.id, detail=f"silenced: {hushed}")

    async def _restart(self, command: wire.CommandMessage) -> Outcome:
        if self._means.restart is None:
            raise NotDoneError(f"{NOT_AVAILABLE}: this gateway runs inside another program")
        self.restarting = True
        return Outcome(key=command.id, detail="the program ends now and is started again")

    async def _log_level(self, command: wire.CommandMessage) -> Outcome:
        set_level = self._means.set_log_level
        if set_level is None:
            raise NotDoneError(f"{NOT_AVAILABLE}: this gateway's log belongs to another program")
        level = command.arguments.get("level")
        if level not in LEVELS:
            raise NotDoneError(f"level: must be one of {', '.join(LEVELS)}, got {cut(level, 40)}")
        minutes = _number(command.arguments, "minutes", 10, LOG_MINUTES)
        if self._usual_again is not None:
            self._usual_again.cancel()
        set_level(str(level))
        self._usual_again = asyncio.get_running_loop().call_later(minutes * 60, self._usual)
        return Outcome(key=command.id, detail=f"{level} for {minutes} min")

    def _usual(self) -> None:
        self._usual_again = None
        if self._means.set_log_level is not None:
            self._means.set_log_level(None)

    async def _device(self, command: wire.CommandMessage) -> Outcome:
        name = command.arguments.get("device")
        found = self._means.device(name) if isinstance(name, str) else None
        if found is None:
            raise NotDoneError(f"device {cut(name, 80)}: this gateway does not read it")
        driver_name, device = found
        driver: object = self._means.driver(driver_name)
        if not isinstance(driver, Commanded):
            raise NotDoneError(f"device {device.id}: the driver {driver_name} cannot send commands")
        asked, given = command.arguments.get("command"), command.arguments.get("arguments", {})
        if not isinstance(asked, str) or not isinstance(given, dict):
            raise NotDoneError("command must be a text and arguments an object")
        try:
            return await driver.command(command.id, device.id, order_of(device.profile, asked, given))
        except (CommandRefusedError, CommandError) as error:
            raise NotDoneError(cut(error, 500)) from error


def _number(arguments: Mapping[str, Any], name: str, default: int, span: tuple[int, int]) -> int:
    value = arguments.get(name, default)
    least, most = span
    if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
        raise NotDoneError(f"{name}: must be a whole number from {least} to {most}, got {cut(value, 40)}")
    return value
