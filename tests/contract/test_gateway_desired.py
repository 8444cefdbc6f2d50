"""Documents at a running gateway: the same again disturbs nothing, a bad one changes nothing, also after a
restart."""

from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from edge.supervisor import SupervisedDriver
from gateway import wire
from gateway.app import GatewayApp
from gateway.judging import Judging
from tests.contract.gateway_parts import FakeServer, desired, fake_server, settings
from tests.contract.test_gateway import NAME, with_buttons
from tests.parts.mosquitto import Mosquitto

Spied = list[str]


@pytest.fixture
async def server(mosquitto: Mosquitto) -> AsyncIterator[FakeServer]:
    async with fake_server(mosquitto, NAME) as found:
        yield found


@pytest.fixture
def disturbed(monkeypatch: pytest.MonkeyPatch) -> Spied:
    """What a document has set in motion: drivers that got devices, rules that were replaced."""
    calls: Spied = []

    def spy(kind: type, name: str) -> None:
        original: Callable[..., Any] = getattr(kind, name)

        def told(self: Any, *arguments: Any, **options: Any) -> Any:
            calls.append(name)
            return original(self, *arguments, **options)

        monkeypatch.setattr(kind, name, told)

    spy(SupervisedDriver, "apply")
    spy(Judging, "replace_rules")
    return calls


def lanes(folder: Path) -> dict[str, tuple[int, int]]:
    """Size and time of the lanes' files."""
    found = {path.name: path.stat() for path in folder.glob("*.db*")}
    return {name: (stat.st_size, stat.st_mtime_ns) for name, stat in found.items()}


def changed(document: wire.DesiredMessage, **values: Any) -> wire.DesiredMessage:
    return msgspec.structs.replace(document, **values)


async def test_the_same_document_again_disturbs_no_driver_no_rule_and_no_lane(
    mosquitto: Mosquitto, server: FakeServer, tmp_path: Path, disturbed: Spied
) -> None:
    async with GatewayApp(settings(mosquitto, NAME, tmp_path)) as app:
        await with_buttons(app, server, "b1", "b2")
        await server.press("b1")
        waiting = await server.take("up/alarm")  # not acknowledged: it stays in its lane
        assert sorted(disturbed) == ["apply", "replace_rules"]
        disturbed.clear()
        before = lanes(tmp_path)
        driver = app.drivers["mqtt"]
        document = desired(1, "b1", "b2")
        await server.send("down/desired", document)  # as with each new connection
        shuffled = changed(document, version=2, devices=document.devices[::-1], rules=document.rules[::-1])
        await server.send("down/desired", shuffled)
        await server.take("up/state", lambda state: state.applied == 2)
        assert disturbed == []
        assert lanes(tmp_path) == before
        assert app.drivers["mqtt"] is driver
        assert [one.restarts for one in app.health().drivers] == [0, 0, 0]
        assert app.health().alarm_depth == 1
        await server.acknowledge(waiting)


async def test_only_the_driver_of_a_changed_device_hears_of_it(
    mosquitto: Mosquitto, server: FakeServer, tmp_path: Path, disturbed: Spied
) -> None:
    async with GatewayApp(settings(mosquitto, NAME, tmp_path)) as app:
        await with_buttons(app, server, "b1")
        disturbed.clear()
        await app.apply(changed(desired(1, "b1"), version=2, health_ms=2_000))
        assert disturbed == []
        await app.apply(changed(desired(1, "b1", "b2"), version=3, health_ms=2_000))
        assert sorted(disturbed) == ["apply", "replace_rules"]  # one driver of three


@pytest.mark.parametrize(
    ("payload", "said"),
    [
        (b'{"v":1,"version":9,"devices":[{"id":"b1"}]}', "position"),
        (b"\x00garbage", "down/desired"),
        (b'{"v":7,"version":9}', "version 7"),
        (wire.encode(changed(desired(9, "b1"), profiles={})), "is not among the profiles sent"),
        (wire.encode(changed(desired(9, "b1"), frame_ms=1)), "frame_ms"),
    ],
)
async def test_after_a_bad_document_the_last_good_one_is_at_work_also_after_a_restart(
    mosquitto: Mosquitto,
    server: FakeServer,
    tmp_path: Path,
    disturbed: Spied,
    payload: bytes,
    said: str,
) -> None:
    async with GatewayApp(settings(mosquitto, NAME, tmp_path)) as app:
        await with_buttons(app, server, "b1")
        disturbed.clear()
        stored = (tmp_path / "desired.json").read_bytes()
        await server.send("down/desired", payload)
        state = await server.take(
            "up/state", lambda state: state.session == app.session and state.reason is not None
        )
        assert said in state.reason
        assert (state.applied, disturbed) == (1, [])
        assert (tmp_path / "desired.json").read_bytes() == stored
        await server.press("b1")
        await server.acknowledge(await server.take("up/alarm"))
    await server.send("down/desired", payload, retain=True)  # the bad one is all that the broker has
    async with GatewayApp(settings(mosquitto, NAME, tmp_path)) as app:
        assert app.applied == 1
        await server.take("up/state", lambda state: state.session == app.session and state.reason is not None)
        await app.drivers["mqtt"].ready.wait()  # type: ignore[attr-defined]  # the MQTT driver's
        await server.press("b1")
        alarm = await server.take("up/alarm")
        assert alarm.device == "b1"
        await server.acknowledge(alarm)
