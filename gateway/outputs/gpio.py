"""Outputs on the Raspberry Pi's pins, through gpiozero (the extra `gpio`), which is imported when needed."""

import sys
from collections.abc import Callable
from typing import Any

from edge.driver import cut
from gateway.outputs.output import OutputError


class GpioSwitch:
    """A pin (BCM number) that is on or off. It is opened with its first use, and again after a failure.

    `active_high` false is for relays that close at 0 V. `factory` replaces gpiozero's own choice of pins.
    """

    def __init__(self, name: str, pin: int, *, active_high: bool = True, factory: Any = None) -> None:
        self.name = name
        self._pin = pin
        self._active_high = active_high
        self._factory = factory
        self._device: Any = None
        self._on: bool | None = None

    def set(self, on: bool) -> None:
        """See `Switch`."""
        if self._on is on:
            return
        try:
            if self._device is None:
                self._device = _made(
                    "DigitalOutputDevice",
                    self._pin,
                    active_high=self._active_high,
                    initial_value=False,
                    pin_factory=self._factory,
                )
            if on:
                self._device.on()
            else:
                self._device.off()
        except _faults() as error:
            self._let_go()
            raise _output_error(self.name, self._pin, error) from error
        self._on = on

    def close(self) -> None:
        """See `Switch`."""
        self._let_go()

    def _let_go(self) -> None:
        device, self._device, self._on = self._device, None, None
        _closed(device)


class GpioButton:
    """A button between a pin (BCM number) and ground. `pressed` is called on gpiozero's own thread."""

    def __init__(self, pin: int, pressed: Callable[[], None], *, factory: Any = None) -> None:
        self.name = "button"
        self._pin = pin
        self._pressed = pressed
        self._factory = factory
        self._device: Any = None

    def open(self) -> None:
        """See `Button`."""
        if self._device is not None:
            return
        try:
            device = _made("Button", self._pin, pull_up=True, bounce_time=None, pin_factory=self._factory)
            device.when_pressed = self._pressed
        except _faults() as error:
            raise _output_error(self.name, self._pin, error) from error
        self._device = device

    def close(self) -> None:
        """See `Button`."""
        device, self._device = self._device, None
        _closed(device)


def _made(kind: str, *arguments: Any, **options: Any) -> Any:
    import gpiozero

    return getattr(gpiozero, kind)(*arguments, **options)


def _faults() -> tuple[type[Exception], ...]:
    """What gpiozero and the library below it raise; the latter's error has no base but Exception."""
    loaded = (("gpiozero", "GPIOZeroError"), ("lgpio", "error"))
    found = (getattr(sys.modules.get(name), error, None) for name, error in loaded)
    return (ImportError, OSError, ValueError, *(one for one in found if one is not None))


def _closed(device: Any) -> None:
    if device is not None:
        try:
            device.close()
        except _faults():  # it is given up either way
            return


def _output_error(name: str, pin: int, error: Exception) -> OutputError:
    if isinstance(error, ModuleNotFoundError):
        return OutputError(f"{name}: {cut(error)}: pip install 'sunwell[gpio]'")
    return OutputError(f"{name} at GPIO {pin}: {type(error).__name__}: {cut(error)}")
