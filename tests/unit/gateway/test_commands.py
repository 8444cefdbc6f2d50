"""Acts of a gateway: what each asks of its arguments, and what it says where it has no means."""

from typing import Any

import pytest

from edge.commanding import CommandError, Outcome, Stage
from edge.driver import EdgeDevice
from firmware_profiles import Downlink, Order, load_catalogue
from gateway import wire
from gateway.commands import Acts, Means, NotDoneError
from gateway.outputs.output import OutputError

STATE = wire.StateMessage(
    online=True, session="s1", software="1.2", applied=7, health=wire.Health(at_ms=1, uptime_s=1)
)
BUTTON = EdgeDevice(id="ws", position="p", profile=load_catalogue()["milesight-ws101"], address={})


class Radio:
    """A driver that takes orders, or says why not."""

    def __init__(self) -> None:
        self.orders: list[Order] = []
        self.problem = ""

    async def command(self, key: str, device_id: str, order: Order) -> Outcome:
        if self.problem:
            raise CommandError(self.problem)
        self.orders.append(order)
        return Outcome(key=key, stage=Stage.QUEUED)


class Lamp:
    name = "LED"

    def __init__(self) -> None:
        self.seconds: list[float] = []

    async def locate(self, seconds: float) -> None:
        if seconds == 13:
            raise OutputError("pin 13 is in use")
        self.seconds.append(seconds)


def acts(driver: object = None, **means: Any) -> Acts:
    return Acts(
        Means(
            state=lambda: STATE,
            device=lambda name: ("mqtt", BUTTON) if name == "ws" else None,
            driver=lambda _name: driver,  # type: ignore[arg-type,return-value]  # whatever the test needs
            **means,
        )
    )


def command(name: str, **arguments: Any) -> wire.CommandMessage:
    return wire.CommandMessage(id="c", name=name, expires_ms=100, arguments=arguments)  # type: ignore[arg-type]  # a Literal


@pytest.mark.parametrize(
    ("name", "detail"),
    [
        ("identify", "software 1.2, session s1, desired state 7"),
        ("test", "drivers running: none; alarms waiting: 0; troubles: 0"),
    ],
)
async def test_answers(name: str, detail: str) -> None:
    assert await acts().carry_out(command(name)) == Outcome(key="c", detail=detail)


@pytest.mark.parametrize(
    ("name", "arguments", "said"),
    [
        ("update", {}, "not available"),
        ("restart", {}, "inside another program"),
        ("log_level", {"level": "debug"}, "belongs to another program"),
        ("locate", {}, "no output"),
        ("locate", {"seconds": 0}, "from 1 to 300"),
        ("locate", {"seconds": "long"}, "from 1 to 300"),
        ("locate", {"seconds": True}, "from 1 to 300"),
        ("device", {}, "does not read it"),
        ("device", {"device": ["ws"]}, "does not read it"),
        ("device", {"device": "other", "command": "reboot"}, "does not read it"),
        ("device", {"device": "ws", "command": "reboot"}, "cannot send commands"),
    ],
)
async def test_without_means_it_says_why(name: str, arguments: dict[str, Any], said: str) -> None:
    with pytest.raises(NotDoneError, match=said):
        await acts().carry_out(command(name, **arguments))


async def test_a_lamp_is_lit_and_its_failure_told() -> None:
    lamp = Lamp()
    mine = acts(outputs=[lamp])
    assert (await mine.carry_out(command("locate", seconds=20))).detail == "LED for 20 s"
    assert lamp.seconds == [20]
    with pytest.raises(NotDoneError, match="pin 13 is in use"):
        await mine.carry_out(command("locate", seconds=13))


async def test_a_device_command_is_encoded_by_its_profile() -> None:
    radio = Radio()
    mine = acts(radio)
    asked = command("device", device="ws", command="report_interval", arguments={"seconds": 1200})
    assert (await mine.carry_out(asked)).stage is Stage.QUEUED
    assert radio.orders == [Downlink(85, b"\xff\x03\xb0\x04", False)]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"command": "report_interval", "arguments": {"seconds": 1}}, "must be 60 to 64800"),
        ({"command": "report_interval", "arguments": [1]}, "arguments an object"),
        ({"command": "explode"}, "has no command 'explode'"),
        ({"command": 7}, "must be a text"),
        ({"command": None}, "must be a text"),
    ],
)
async def test_hostile_device_commands_send_nothing(arguments: dict[str, Any], said: str) -> None:
    radio = Radio()
    with pytest.raises(NotDoneError, match=said):
        await acts(radio).carry_out(command("device", device="ws", **arguments))
    assert radio.orders == []


async def test_what_the_driver_says_is_passed_on() -> None:
    radio = Radio()
    radio.problem = "nobody listens"
    with pytest.raises(NotDoneError, match="nobody listens"):
        await acts(radio).carry_out(command("device", device="ws", command="reboot"))


async def test_the_log_has_its_usual_level_again_at_the_end() -> None:
    levels: list[str | None] = []
    mine = acts(set_log_level=levels.append)
    for level in ("debug", "error"):
        await mine.carry_out(command("log_level", level=level, minutes=1))
    for arguments in ({"level": "loud"}, {}, {"level": "info", "minutes": 0}, {"level": ["debug"]}):
        with pytest.raises(NotDoneError):
            await mine.carry_out(command("log_level", **arguments))
    mine.close()
    assert levels == ["debug", "error", None]
