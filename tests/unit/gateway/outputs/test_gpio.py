"""Outputs at pins. gpiozero's own MockFactory stands for the pins: there are none on a machine of tests."""

import asyncio

import pytest
from gpiozero.pins.mock import MockFactory

from gateway.core.sounding import Look
from gateway.health.troubles import Reports
from gateway.outputs.gpio import GpioButton, GpioSwitch
from gateway.outputs.local_alarm import Fittings, LocalAlarm
from gateway.outputs.output import OutputError
from gateway.outputs.settings import Outputs
from tests.unit.gateway.core.test_sounding import outcome


@pytest.fixture
def pins() -> MockFactory:
    return MockFactory()


@pytest.mark.parametrize("active_high", [True, False])
def test_a_relay_is_off_until_it_is_switched_on(pins: MockFactory, active_high: bool) -> None:
    siren = GpioSwitch("siren", 17, active_high=active_high, factory=pins)
    siren.set(False)
    assert bool(pins.pin(17).state) is not active_high
    siren.set(True)
    assert bool(pins.pin(17).state) is active_high
    siren.close()
    assert pins.pin(17).function == "input"


def test_a_pin_in_use_is_told_with_its_number_and_taken_once_it_is_free(pins: MockFactory) -> None:
    first, second = GpioSwitch("LED", 4, factory=pins), GpioSwitch("siren", 4, factory=pins)
    first.set(True)
    with pytest.raises(OutputError, match="siren at GPIO 4: GPIOPinInUse"):
        second.set(True)
    first.close()
    second.set(True)
    assert pins.pin(4).state


def test_without_the_library_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "gpiozero", None)
    with pytest.raises(OutputError, match=r"pip install 'sunwell\[gpio\]'"):
        GpioSwitch("siren", 4).set(True)


async def test_the_button_silences_the_siren(pins: MockFactory) -> None:
    siren = GpioSwitch("siren", 17, factory=pins)
    alarm = LocalAlarm(
        Outputs(),
        Fittings(siren=siren),
        reports=Reports(lambda: 0),
        monotonic=lambda: 0,
        look=lambda: Look.WELL,
    )
    silenced = asyncio.Event()
    loop = asyncio.get_running_loop()

    def hush() -> None:
        alarm.silence()
        silenced.set()

    def pressed() -> None:
        loop.call_soon_threadsafe(hush)

    button = GpioButton(22, pressed, factory=pins)
    button.open()
    button.open()
    alarm.hear([outcome("press")])
    assert pins.pin(17).state
    pins.pin(22).drive_low()
    await silenced.wait()
    assert not pins.pin(17).state
    button.close()
    siren.close()
