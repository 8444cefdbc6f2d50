"""A press is heard in the room and falls silent when somebody answers; on the whole system, with a program as
the voice. And what the gateway says of itself can be read as a course."""

import asyncio
import json
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.settled import Settled
from tests.e2e.street import SOS_TOPIC, press, register_home
from tests.e2e.system import RealSystem, wait_for
from tests.parts.influx import Bucket
from tests.parts.mosquitto import Mosquitto

VOICE = (
    "import os, pathlib, sys, time; pathlib.Path(sys.argv[1]).write_text(str(os.getpid())); time.sleep(600)"
)


@pytest.fixture
async def speaking(
    mosquitto: Mosquitto,
    device_broker: Mosquitto,
    settled: Settled,
    influx_bucket: Bucket,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> AsyncIterator[RealSystem]:
    """Server and gateway, whose voice writes its process id to `said` and never comes to an end."""
    command = json.dumps([sys.executable, "-c", VOICE, str(tmp_path / "said")])
    monkeypatch.setenv("SUNWELL_GATEWAY_OUTPUTS__VOICE__COMMAND", command)
    monkeypatch.setenv("SUNWELL_GATEWAY_OUTPUTS__VOICE__LONGEST_S", "300")
    system = settled.system(tmp_path, mosquitto, device_broker, influx_bucket)
    try:
        await system.start_server()
        system.start_gateway()
        yield system
    finally:
        system.close()


def lives(pid: int) -> bool:
    return Path(f"/proc/{pid}").exists()


async def test_a_press_is_heard_until_somebody_answers(speaking: RealSystem) -> None:
    system = speaking
    await register_home(system)
    said = system.folder / "said"
    async with system.device_client() as devices:
        await devices.publish(SOS_TOPIC, press(), qos=1)

    def speaker() -> int | None:
        return int(said.read_text() or 0) or None if said.exists() else None

    pid = await wait_for("the voice speaks", speaker)
    assert lives(pid)

    def tasks() -> Any:
        return system.api("GET", "/tasks")

    (task,) = await wait_for("the task", tasks)
    await asyncio.to_thread(system.api, "POST", f"/tasks/{task['id']}/acknowledge", {})

    def silenced() -> Any:
        commands = system.api("GET", f"/gateways/{system.gateway}/commands")
        return [one for one in commands if (one["name"], one["state"]) == ("silence", "done")]

    (command,) = await wait_for("the command", silenced)
    assert command["detail"] == "silenced: 1"
    await wait_for("the voice is silent", lambda: not lives(pid))

    def course() -> Any:
        place = f"family=gateway&position=gateway/{system.gateway}"
        return system.api("GET", f"/readings?{place}&point=memory_mb")

    first, *_ = await wait_for("the gateway's condition", course)
    assert 10 < first["mean"] < 200
